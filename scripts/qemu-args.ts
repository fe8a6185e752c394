/**
 * What a virtual machine is (a value), and the QEMU command line that follows from it (a pure function).
 * Everything that boots a machine here says what it wants as a `MachineSpec`: `make run`, the tests, `make measure` and
 * both halves of `make bench`, so that figures compare.
 */

export interface Drive {
  readonly file: string;
  readonly format: 'raw' | 'qcow2';
  readonly readOnly?: boolean;
  /** 'unsafe' ignores the guest's flushes: faster, and still whole after `kill -9` of QEMU (the host has every write). */
  readonly cache?: 'writeback' | 'unsafe';
}

/** A port of the machine, reachable at 127.0.0.1:host on this one. */
export interface Forward { readonly host: number; readonly guest: number }

/** user: reaches outside through this machine; restrict: only the forwards work; none: no network card at all. */
export type Net = 'user' | 'restrict' | 'none';

export interface MachineSpec {
  readonly kernel: string;
  readonly initrd: string;
  readonly append: readonly string[];
  readonly memoryMb: number;
  readonly cpus: number;
  /** Virtio disks in this order: vda, vdb, … */
  readonly drives: readonly Drive[];
  readonly net: Net;
  readonly forwards: readonly Forward[];
  /** pipe: followed by this process, which may also type; terminal: this terminal, with QEMU's monitor behind Ctrl-A c; file: only logged. */
  readonly serial: 'pipe' | 'terminal' | 'file';
  /** End QEMU where the machine would reboot. */
  readonly noReboot?: boolean;
  /** Further QEMU arguments, as they are. */
  readonly extra?: readonly string[];
}

export interface Accel { readonly kind: 'kvm' | 'tcg'; readonly args: readonly string[] }

export interface Paths { readonly consoleLog: string; readonly qmpSocket: string }

/**
 * TCG up to 9 crashed guest kernels at a cmpxchg16b under container load; without cx16 it ran clean. la57=off spares
 * five-level page walks. Other versions than 7.2 and 10 were not tried: below 10 the careful choice.
 */
export function tcgArgs(qemuMajor: number): readonly string[] {
  return ['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', qemuMajor < 10 ? 'max,la57=off,cx16=off' : 'max,la57=off'];
}

export const kvmArgs: readonly string[] = ['-accel', 'kvm', '-cpu', 'host'];

export function qemuArgs(spec: MachineSpec, accel: Accel, paths: Paths): string[] {
  return [
    '-machine', 'q35', ...accel.args,
    '-m', String(spec.memoryMb), '-smp', String(spec.cpus),
    '-nodefaults', '-display', 'none', '-vga', 'none',
    '-kernel', spec.kernel, '-initrd', spec.initrd, '-append', spec.append.join(' '),
    '-qmp', `unix:${escapeComma(paths.qmpSocket)},server=on,wait=off`,
    '-device', 'virtio-rng-pci',
    ...serialArgs(spec.serial, paths.consoleLog),
    ...spec.drives.flatMap(driveArgs),
    ...netArgs(spec),
    ...(spec.noReboot === true ? ['-no-reboot'] : []),
    ...(spec.extra ?? []),
  ];
}

function serialArgs(serial: MachineSpec['serial'], consoleLog: string): string[] {
  const log = escapeComma(consoleLog);
  switch (serial) {
    case 'file': return ['-chardev', `file,id=tty,path=${log}`, '-serial', 'chardev:tty'];
    case 'pipe': return ['-chardev', `stdio,id=tty,signal=off,logfile=${log}`, '-serial', 'chardev:tty'];
    case 'terminal': return [
      '-chardev', `stdio,id=tty,mux=on,signal=off,logfile=${log}`, '-serial', 'chardev:tty', '-mon', 'chardev=tty,mode=readline'];
  }
}

function driveArgs(drive: Drive, index: number): string[] {
  const id = `disk${index}`;
  const options = [`file=${escapeComma(drive.file)}`, `format=${drive.format}`, `id=${id}`, 'if=none', `cache=${drive.cache ?? 'writeback'}`];
  if (drive.readOnly === true) options.push('readonly=on');
  return ['-drive', options.join(','), '-device', `virtio-blk-pci,drive=${id}`];
}

function netArgs(spec: MachineSpec): string[] {
  if (spec.net === 'none') return ['-nic', 'none'];
  const forwards = spec.forwards.map(({ host, guest }) => `,hostfwd=tcp:127.0.0.1:${host}-:${guest}`).join('');
  // No ROM: nothing boots from the network here, and loading one costs time.
  return ['-netdev', `user,id=net0,restrict=${spec.net === 'restrict' ? 'on' : 'off'}${forwards}`, '-device', 'virtio-net-pci,netdev=net0,romfile='];
}

/** QEMU's option syntax: a comma in a value is written twice. */
function escapeComma(value: string): string {
  return value.replaceAll(',', ',,');
}
