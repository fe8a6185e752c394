/** A swap file on the state disk. */
import { chmod, mkdir, open, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { SwapSetting } from '../../config/index.ts';
import { causeOf, RosError } from '../../lib/errors.ts';
import { filesystemType } from '../../sys/disk.ts';
import { run, tryRun } from '../../sys/exec.ts';
import type { Machine } from '../machine.ts';
import { tell } from './applied.ts';
import { isKernels, swaps } from './mounts.ts';
import type { Part } from './part.ts';

const allocateMs = 120_000;
const swapMs = 120_000;
/** What must stay free on the disk. */
const reserveBytes = 256 * 1024 * 1024;

export const swapPart: Part = {
  name: 'swap', keys: ['swap'], effect: 'now',
  of: ({ swap }) => swap,
  what: (before, { swap }) => (swap === undefined ? `swap: ${before.swap?.filename ?? ''} is removed` : `swap: ${swap.filename}, ${Math.round(swap.sizeBytes / 1024 / 1024)} MiB`),
  async apply(machine, before, { swap }) {
    const old = before.swap;
    if (old !== undefined && (old.filename !== swap?.filename || old.sizeBytes !== swap.sizeBytes)) await removeSwap(old);
    if (swap !== undefined) await makeSwap(machine, swap);
  },
};

/** At boot, when all else runs: writing a swap file takes the disk for a while. Never rejects. */
export async function startSwap(machine: Machine): Promise<void> {
  const swap = machine.applied?.swap;
  if (swap === undefined) return;
  await makeSwap(machine, swap).then(() => tell(machine, swapPart.name, []), (error: unknown) => tell(machine, swapPart.name, [causeOf(error)]));
}

/** At the end: the state partition cannot be taken out of use as long as the kernel swaps to it. Costs nothing where it does not. */
export async function stopSwap({ log }: Machine): Promise<void> {
  if ((await swaps()).length === 0) return;
  const { code, stderr } = await tryRun('swapoff', ['-a'], { timeoutMs: swapMs });
  if (code !== 0) log.warn(`swap: ${stderr.trim()}`);
  for (const file of await swaps()) await tryRun('swapoff', ['--', file], { timeoutMs: swapMs });
}

async function makeSwap({ state }: Machine, { filename, sizeBytes }: SwapSetting): Promise<void> {
  try {
    if ((await swaps()).includes(filename)) return;
    if (state.kind === 'ram') throw new Error('this machine has no state partition: swap in RAM is none');
    if (!filename.startsWith('/') || isKernels(filename)) throw new Error('it is no place for one');
    const found = await stat(filename).catch(() => undefined);
    // Somebody's data is not ours to write over.
    if (found !== undefined && (!found.isFile() || (found.size > 0 && (await filesystemType(filename)) !== 'swap'))) throw new Error('it is there and no swap file');
    if (found?.size !== sizeBytes || (await filesystemType(filename)) !== 'swap') await create(filename, sizeBytes, found?.size ?? 0);
    await run('swapon', ['--', filename], { timeoutMs: swapMs });
  } catch (error) {
    throw new RosError('ERR_ROS_SWAP', `cannot use swap file "${filename}": ${causeOf(error)}`, { cause: error });
  }
}

async function create(filename: string, sizeBytes: number, oldBytes: number): Promise<void> {
  await mkdir(dirname(filename), { recursive: true });
  const { bavail, bsize } = await statfs(dirname(filename));
  if (bavail * bsize + oldBytes < sizeBytes + reserveBytes) throw new Error(`there is not enough room for ${Math.round(sizeBytes / 1024 / 1024)} MiB`);
  await rm(filename, { force: true });
  await (await open(filename, 'wx', 0o600)).close();
  await chmod(filename, 0o600);
  // Blocks without holes: the kernel does not swap to a file that has some.
  await run('fallocate', ['-l', String(sizeBytes), filename], { timeoutMs: allocateMs });
  await run('mkswap', ['--', filename], { timeoutMs: allocateMs });
}

/** The file was made for nothing else. */
async function removeSwap({ filename }: SwapSetting): Promise<void> {
  if ((await swaps()).includes(filename)) await run('swapoff', ['--', filename], { timeoutMs: swapMs });
  if ((await filesystemType(filename).catch(() => undefined)) === 'swap') await rm(filename, { force: true });
}
