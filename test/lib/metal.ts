/** The bare-metal image on its own kernel, driven over the serial console alone: for what happens before there is a network. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { corralMachine } from '../../scripts/qemu-corral.ts';
import { sleep } from '../../scripts/qemu-ssh.ts';
import { Vm } from '../../scripts/qemu.ts';
import { testDir } from './machine.ts';
import { emulationFactor } from './timing.ts';

const metal = { kernel: 'build/metal/vmlinuz', initrd: 'build/metal/initramfs.img', root: 'build/metal/root.img', rootHash: 'build/metal/root.roothash' } as const;

export interface MetalMachine extends AsyncDisposable {
  readonly vm: Vm;
  see(pattern: RegExp, nativeMs: number, from?: number): Promise<RegExpExecArray>;
  /** No faster than a person. */
  enter(text: string): Promise<void>;
  /** A command in the recovery shell that must succeed. */
  do(command: string): Promise<void>;
}

export async function bootMetal(name: string, disks: readonly string[], append: readonly string[]): Promise<MetalMachine> {
  const spec = corralMachine({ noReboot: true, rootHash: readFileSync(metal.rootHash, 'latin1').trim(), append: ['loglevel=7', ...append] });
  const [root] = spec.drives;
  if (root === undefined) throw new Error('no root image');
  const drives = [{ ...root, file: metal.root }, ...disks.map((file) => ({ file, format: 'raw' as const, cache: 'unsafe' as const }))];
  const vm = await Vm.start({ ...spec, kernel: metal.kernel, initrd: metal.initrd, drives }, `${testDir}/${name}.console.log`);
  const limit = (nativeMs: number): number => nativeMs * (vm.accel.kind === 'tcg' ? emulationFactor : 1);
  const see = (pattern: RegExp, nativeMs: number, from = 0): Promise<RegExpExecArray> => vm.console.waitFor(pattern, limit(nativeMs), String(pattern), from);
  let count = 0;
  return {
    vm, see,
    async enter(text) { await sleep(limit(500)); vm.type(`${text}\n`); },
    async do(command) {
      count += 1;
      const mark = vm.console.mark();
      vm.type(`${command}; echo "<<$((${count}*1000)):$?>>"\n`);
      const [, code] = await see(new RegExp(`<<${count * 1000}:(\\d+)>>`), 60_000, mark);
      expect(code, `${command}: ${vm.console.tail()}`).toBe('0');
    },
    async [Symbol.asyncDispose]() { await vm.kill(); },
  };
}
