/**
 * What a virtual machine is (a value), and the QEMU command line that follows from it (a pure function).
 * Everything that boots a machine here says what it wants as a `MachineSpec`: `make run`, the tests, `make measure` and
 * both halves of `make bench`, so that figures compare.
 */

/** What a drive is plugged into; `cd` is an optical one on AHCI. */
export type Bus = 'virtio' | 'ahci' | 'nvme' | 'scsi' | 'usb' | 'cd';

export interface Drive {
  readonly file: string;
  readonly format: 'raw' | 'qcow2' | 'vmdk' | 'vpc';
  readonly readOnly?: boolean;
  /** virtio when absent */
  readonly bus?: Bus;
  /** 'unsafe' ignores the guest's flushes: faster, and still whole after `kill -9` of QEMU (the host has every write). */
  readonly cache?: 'writeback' | 'unsafe';
}

/** A port of the machine, reachable at 127.0.0.1:host on this one. */
export interface Forward { readonly host: number; readonly guest: number }

/** user: reaches outside through this machine; restrict: only the forwards work; none: no network card at all. */
export type Net = 'user' | 'restrict' | 'none';

/** `nvram` is the machine's own copy of UEFI's variables. `secure-boot` starts only what Microsoft's keys vouch for. */
export type Firmware = { readonly kind: 'bios' } | { readonly kind: 'uefi' | 'secure-boot'; readonly nvram: string };

/** What the network card's ROM is told to load: a file in a folder of this machine, by TFTP, or an address. */
export interface NetBoot {
  readonly folder: string;
  readonly file: string;
  /** An HTTP server on 127.0.0.1 that the machine finds at `webAddress`. */
  readonly webPort?: number;
}
export const webAddress = '10.0.2.100';

export interface MachineSpec {
  /** Loaded by QEMU itself. Without one, the firmware starts the first drive that can be started, or from the network. */
  readonly kernel?: string;
  readonly initrd?: string;
  readonly append: readonly string[];
  /** SeaBIOS when absent. */
  readonly firmware?: Firmware;
  readonly netBoot?: NetBoot;
  readonly memoryMb: number;
  readonly cpus: number;
  /** Those of one bus in this order: vda, vdb, … */
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
 * What emulation makes slow and nothing here needs: five-level page walks, `rep stosb` and `rep movsb` (byte by byte: clearing pages alone took
 * 7 s of a boot), and vector registers to be saved with every switch of tasks. A boot takes some 12 % less processor time without.
 */
const slowFeatures = ['la57', 'erms', 'fsrm', 'avx', 'avx2', 'xsave', 'pku'];

/**
 * TCG up to 9 crashed guest kernels at a cmpxchg16b under container load; without cx16 it ran clean. Other versions than 7.2
 * and 10 were not tried: below 10 the careful choice.
 */
export function tcgArgs(qemuMajor: number): readonly string[] {
  const without = [...slowFeatures, ...(qemuMajor < 10 ? ['cx16'] : [])];
  return ['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', ['max', ...without.map((feature) => `${feature}=off`)].join(',')];
}

export const kvmArgs: readonly string[] = ['-accel', 'kvm', '-cpu', 'host'];

export function qemuArgs(spec: MachineSpec, accel: Accel, paths: Paths): string[] {
  return [
    ...firmwareArgs(spec.firmware), ...accel.args,
    '-m', String(spec.memoryMb), '-smp', String(spec.cpus),
    '-nodefaults', '-display', 'none', '-vga', 'none',
    ...kernelArgs(spec),
    '-qmp', `unix:${escapeComma(paths.qmpSocket)},server=on,wait=off`,
    '-device', 'virtio-rng-pci',
    ...serialArgs(spec.serial, paths.consoleLog),
    ...busArgs(spec.drives),
    ...spec.drives.flatMap((drive, index) => driveArgs(drive, index, spec.kernel === undefined)),
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

function kernelArgs({ kernel, initrd, append }: MachineSpec): string[] {
  if (kernel === undefined) return [];
  return ['-kernel', kernel, ...(initrd === undefined ? [] : ['-initrd', initrd]), '-append', append.join(' ')];
}

export const ovmf = {
  'uefi': { code: '/usr/share/OVMF/OVMF_CODE_4M.fd', nvram: '/usr/share/OVMF/OVMF_VARS_4M.fd' },
  'secure-boot': { code: '/usr/share/OVMF/OVMF_CODE_4M.secboot.fd', nvram: '/usr/share/OVMF/OVMF_VARS_4M.ms.fd' },
} as const;

function firmwareArgs(firmware: Firmware = { kind: 'bios' }): string[] {
  if (firmware.kind === 'bios') return ['-machine', 'q35'];
  // Only what runs in system management mode may write the variables: else the system could switch Secure Boot off.
  const guarded = firmware.kind === 'secure-boot';
  return [
    '-machine', guarded ? 'q35,smm=on' : 'q35', ...(guarded ? ['-global', 'driver=cfi.pflash01,property=secure,value=on'] : []),
    '-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${ovmf[firmware.kind].code}`,
    '-drive', `if=pflash,unit=1,format=raw,file=${escapeComma(firmware.nvram)}`,
  ];
}

const devices: Readonly<Record<Bus, string>> = {
  virtio: 'virtio-blk-pci', ahci: 'ide-hd', nvme: 'nvme', scsi: 'scsi-hd', usb: 'usb-storage,removable=on', cd: 'ide-cd',
};

/** AHCI is on the board, virtio and NVMe disks are their own adapters. */
function busArgs(drives: readonly Drive[]): string[] {
  const needs = (bus: Bus): boolean => drives.some((drive) => drive.bus === bus);
  return [...(needs('scsi') ? ['-device', 'virtio-scsi-pci'] : []), ...(needs('usb') ? ['-device', 'qemu-xhci'] : [])];
}

function driveArgs(drive: Drive, index: number, isStarted: boolean): string[] {
  const id = `disk${index}`;
  const { bus = 'virtio' } = drive;
  const options = [`file=${escapeComma(drive.file)}`, `format=${drive.format}`, `id=${id}`, 'if=none', `cache=${drive.cache ?? 'writeback'}`];
  if (drive.readOnly === true || bus === 'cd') options.push('readonly=on');
  const device = [devices[bus], `drive=${id}`, ...(bus === 'nvme' ? [`serial=${id}`] : []), ...(isStarted ? [`bootindex=${index + 1}`] : [])];
  return ['-drive', options.join(','), '-device', device.join(',')];
}

function netArgs(spec: MachineSpec): string[] {
  if (spec.net === 'none') return ['-nic', 'none'];
  const forwards = spec.forwards.map(({ host, guest }) => `,hostfwd=tcp:127.0.0.1:${host}-:${guest}`).join('');
  const boot = spec.netBoot === undefined ? '' : `,tftp=${escapeComma(spec.netBoot.folder)},bootfile=${escapeComma(spec.netBoot.file)}${webArgs(spec.netBoot)}`;
  // No ROM where nothing starts from the network: loading one costs time.
  const rom = spec.netBoot === undefined ? ',romfile=' : ',bootindex=0';
  return ['-netdev', `user,id=net0,restrict=${spec.net === 'restrict' ? 'on' : 'off'}${forwards}${boot}`, '-device', `virtio-net-pci,netdev=net0${rom}`];
}

/** A program for each connection: QEMU itself would take only one in the machine's life. */
function webArgs({ webPort }: NetBoot): string {
  return webPort === undefined ? '' : `,guestfwd=tcp:${webAddress}:80-cmd:bash -c 'exec 3<>/dev/tcp/127.0.0.1/${webPort} && { cat <&3 & cat >&3; }'`;
}

/** QEMU's option syntax: a comma in a value is written twice. */
function escapeComma(value: string): string {
  return value.replaceAll(',', ',,');
}
