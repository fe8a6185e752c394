/** For network boot: the kernel, one initramfs that carries the root image, and iPXE's script, which finds both beside itself. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCpio } from '../archive.ts';
import { replaceByCopy } from '../files.ts';
import type { BootFolder } from './boot-files.ts';

export function buildPxe({ folder, release }: BootFolder, set: string): void {
  const partial = `${set}.partial`;
  for (const old of [partial, set]) rmSync(old, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  replaceByCopy(join(partial, 'vmlinuz'), join(folder, 'vmlinuz'));
  writeFileSync(join(partial, 'initramfs.img'), carry(readFileSync(join(folder, 'root.img')), readFileSync(join(folder, 'initramfs.img'))));
  writeFileSync(join(partial, 'script.ipxe'), ipxeScript([...release.kernelParameters, `corral.roothash=${release.rootHash}`]));
  renameSync(partial, set);
}

/** The kernel unpacks one archive after the other, if each begins at a multiple of four: first the root image as it is, which is compressed already. */
export function carry(root: Buffer, initramfs: Buffer): Buffer {
  return Buffer.concat([makeCpio([{ path: 'root.img', kind: 'file', mode: 0o444, content: root }]), initramfs]);
}

/** `initrd=` is what UEFI's kernel asks for by name. */
export function ipxeScript(parameters: readonly string[]): string {
  return [
    '#!ipxe',
    '# Serve this folder by TFTP or HTTP, and this file as the boot file. Kernel parameters of your own: at the end of the line "kernel".',
    `kernel vmlinuz initrd=initramfs.img ${parameters.join(' ')}`,
    'initrd initramfs.img',
    'boot',
    '',
  ].join('\n');
}
