/** Before the boot tests: the programs they need, and a word on how fast machines are here. */
import { existsSync } from 'node:fs';
import { ensureHostTools, runTools } from '../../scripts/lib/host-tools.ts';
import { chooseAccel } from '../../scripts/qemu-accel.ts';
import { image } from '../../scripts/qemu-corral.ts';
import { emulationFactor } from './timing.ts';

export default async function setup(): Promise<void> {
  for (const file of Object.values(image)) {
    if (!existsSync(file)) throw new Error(`cannot run the boot tests: there is no ${file} (make image builds it)`);
  }
  await ensureHostTools(runTools);
  const { kind } = await chooseAccel(image.kernel);
  console.log(kind === 'kvm' ? 'boot tests: KVM' : `boot tests: emulated (TCG), limits stretched by ${emulationFactor}`);
}
