/** The machine that `make image` has built, as a `MachineSpec`. Paths are relative to the repository. */
import { existsSync, readFileSync } from 'node:fs';
import type { Drive, Forward, MachineSpec, Net } from './qemu-args.ts';
import { openDisk } from './qemu-host.ts';

export const image = { kernel: 'build/vmlinuz', initrd: 'build/initramfs.img', root: 'build/root.img' } as const;
const rootHash = 'build/root.roothash';

export interface CorralOptions {
  readonly memoryMb?: number;
  readonly cpus?: number;
  /** Further kernel parameters; they come last, so they win. */
  readonly append?: readonly string[];
  /** The root image, where it is another one than the build's; false: on no disk. */
  readonly root?: string | false;
  /** The root hash it is verified by; the build's when absent. */
  readonly rootHash?: string | false;
  readonly config?: Drive;
  /** A disk for the state; formatted by the machine when it is blank. Without one the machine runs from RAM. */
  readonly disk?: { readonly file: string; readonly size?: string; readonly cache?: 'writeback' | 'unsafe' };
  readonly net?: Net;
  readonly forwards?: readonly Forward[];
  readonly serial?: MachineSpec['serial'];
  readonly noReboot?: boolean;
  readonly extra?: readonly string[];
}

/** The same for every machine that is booted here; `quiet` ones add it themselves. */
export const kernelParameters: readonly string[] = ['console=tty0', 'console=ttyS0,115200', 'panic=10', 'printk.devkmsg=on', 'module.sig_enforce=1'];

/** The second disk: the root image is the first. Formatted only when its first MiB is zero. */
const stateParameters: readonly string[] = ['rancher.state.dev=LABEL=RANCHER_STATE', 'rancher.state.autoformat=[/dev/vdb]'];

export function corralMachine(options: CorralOptions): MachineSpec {
  const state: Drive | undefined = options.disk && {
    ...openDisk(options.disk.file, options.disk.size ?? '8G'), cache: options.disk.cache ?? 'writeback',
  };
  const root: readonly Drive[] = options.root === false ? [] : [{ file: options.root ?? image.root, format: 'raw', readOnly: true }];
  return {
    kernel: image.kernel,
    initrd: image.initrd,
    append: [...kernelParameters, ...verified(options.rootHash), ...(state ? stateParameters : []), ...(options.append ?? [])],
    memoryMb: options.memoryMb ?? 2048,
    cpus: options.cpus ?? 2,
    drives: [...root, ...(state ? [state] : []), ...(options.config ? [options.config] : [])],
    net: options.net ?? 'restrict',
    forwards: options.forwards ?? [],
    serial: options.serial ?? 'pipe',
    noReboot: options.noReboot ?? false,
    extra: options.extra ?? [],
  };
}

function verified(hash: string | false = existsSync(rootHash) && readFileSync(rootHash, 'latin1').trim()): string[] {
  return hash === false ? [] : [`corral.roothash=${hash}`];
}
