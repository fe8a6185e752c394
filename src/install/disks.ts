/** Disks as lsblk tells of them, what is on them as blkid does, and whether one may be written over. Pure. */
import { causeOf, RosError } from '../lib/errors.ts';
import { sectorBytes, smallestDiskBytes } from './layout.ts';

/** A disk, a partition, or what is made of them. */
export interface BlockDevice {
  readonly path: string;
  /** `disk`, `part`, `rom`, `loop`, `raid1`, `crypt`, `lvm` … */
  readonly type: string;
  readonly bytes: number;
  readonly sectorBytes: number;
  readonly readOnly: boolean;
  readonly model: string;
  readonly serial: string;
  /** `sata`, `nvme`, `usb`, `virtio`; empty when nothing says it. */
  readonly transport: string;
  readonly table: string;
  readonly filesystem: string;
  readonly label: string;
  readonly partitionLabel: string;
  readonly uuid: string;
  /** `[SWAP]` for one in use as swap. */
  readonly mountedAt: readonly string[];
  readonly children: readonly BlockDevice[];
}

/** A tree only when asked for one: without the column NAME lsblk lists partitions beside their disks. */
export const lsblkArguments: readonly string[] = ['--json', '--bytes', '--tree=PATH', '--output', 'PATH,TYPE,SIZE,LOG-SEC,RO,MODEL,SERIAL,TRAN,MOUNTPOINTS'];

/** What blkid finds on a device. lsblk would ask udev, which may not have looked yet: a full disk must not pass for a blank one. */
export type Signature = Pick<BlockDevice, 'table' | 'filesystem' | 'label' | 'partitionLabel' | 'uuid'>;

export const nothing: Signature = { table: '', filesystem: '', label: '', partitionLabel: '', uuid: '' };

/** The lines of `blkid -p -o export`. */
export function parseBlkid(text: string): Signature {
  const values = new Map(text.split('\n').map((line): [string, string] => [line.slice(0, Math.max(0, line.indexOf('='))), line.slice(line.indexOf('=') + 1).replaceAll(/\\(.)/g, '$1')]));
  const value = (key: string): string => values.get(key) ?? '';
  return { table: value('PTTYPE'), filesystem: value('TYPE'), label: value('LABEL'), partitionLabel: value('PART_ENTRY_NAME'), uuid: value('UUID') };
}

export function parseLsblk(text: string): readonly BlockDevice[] {
  try {
    return (JSON.parse(text) as { blockdevices: readonly Readonly<Record<string, unknown>>[] }).blockdevices.map(deviceOf).filter(({ bytes }) => bytes > 0);
  } catch (error) {
    throw new RosError('ERR_ROS_BAD_ANSWER', `cannot read the list of disks: ${causeOf(error)}`, { cause: error });
  }
}

function deviceOf(row: Readonly<Record<string, unknown>>): BlockDevice {
  const text = (key: string): string => { const value = row[key]; return typeof value === 'string' ? value.trim() : ''; };
  const rows = (key: string): readonly unknown[] => { const value = row[key]; return Array.isArray(value) ? value : []; };
  return {
    ...nothing,
    path: text('path'), type: text('type'), bytes: Number(row['size']), sectorBytes: Number(row['log-sec'] ?? sectorBytes), readOnly: row['ro'] === true,
    model: text('model'), serial: text('serial'), transport: text('tran'),
    mountedAt: rows('mountpoints').filter((point) => typeof point === 'string'),
    children: rows('children').map((child) => deviceOf(child as Readonly<Record<string, unknown>>)),
  };
}

export function withSignatures(device: BlockDevice, signatures: ReadonlyMap<string, Signature>): BlockDevice {
  return { ...device, ...signatures.get(device.path), children: device.children.map((child) => withSignatures(child, signatures)) };
}

/** It and all that is made of it, each once: an array is a child of each of its disks. */
export function withChildren(device: BlockDevice): readonly BlockDevice[] {
  const all = [device, ...device.children.flatMap(withChildren)];
  return [...new Map(all.map((one) => [one.path, one])).values()];
}

/** The tree that a device is in, and the device. */
export function findIn(devices: readonly BlockDevice[], path: string): { readonly device: BlockDevice; readonly disk: BlockDevice } | undefined {
  for (const disk of devices) {
    const device = withChildren(disk).find((one) => one.path === path);
    if (device !== undefined) return { device, disk };
  }
  return undefined;
}

export interface Refusal { readonly code: string; readonly message: string; readonly hint?: string }

/** Disks that something could be installed to, for a hint. */
export function candidates(devices: readonly BlockDevice[]): readonly string[] {
  return devices.filter(({ type, readOnly, bytes }) => type === 'disk' && !readOnly && bytes >= smallestDiskBytes).map(({ path }) => path);
}

/** Why a disk is not written over, everything at once; nothing for one that may be. */
export function refusals(path: string, devices: readonly BlockDevice[], { force }: { readonly force: boolean }): readonly Refusal[] {
  const found = findIn(devices, path);
  const refuse = (code: string, cause: string, hint?: string): Refusal => ({ code, message: `cannot install to disk "${path}": ${cause}`, ...(hint !== undefined && { hint }) });
  if (found === undefined) {
    const there = candidates(devices);
    return [refuse('ERR_ROS_NO_DEVICE', 'there is no such disk', there.length === 0 ? 'lsblk' : `there are: ${there.join(', ')}`)];
  }
  const { device, disk } = found;
  if (device.type === 'part') return [refuse('ERR_ROS_BAD_DEVICE', 'it is a partition, and the whole disk is written', disk.path === path ? undefined : `-d ${disk.path}; partitions of your own are for "-t noformat"`)];
  if (device.type !== 'disk' && device.type !== 'loop') return [refuse('ERR_ROS_BAD_DEVICE', `it is no disk but a "${device.type}"`)];
  const parts = withChildren(device);
  const mounted = parts.filter(({ mountedAt }) => mountedAt.length > 0);
  const held = parts.filter(({ type }) => !['disk', 'part', 'loop'].includes(type));
  const contents = contentsOf(device);
  return [
    ...(device.readOnly ? [refuse('ERR_ROS_BAD_DEVICE', 'it can only be read')] : []),
    ...(device.sectorBytes === sectorBytes ? [] : [refuse('ERR_ROS_BAD_DEVICE', `its sectors have ${device.sectorBytes} bytes, only ${sectorBytes} are supported`)]),
    ...(device.bytes >= smallestDiskBytes ? [] : [refuse('ERR_ROS_DISK_TOO_SMALL', `it has ${inWords(device.bytes)}, at least ${inWords(smallestDiskBytes)} are needed`)]),
    ...mounted.map(({ path: one, mountedAt }) => refuse('ERR_ROS_IN_USE', mountedAt.includes('[SWAP]') ? `"${one}" is in use as swap` : `"${one}" is mounted on "${mountPoint(mountedAt)}"`, whatRunsFrom(mountedAt))),
    ...(mounted.length > 0 ? [] : held.map(({ path: one, type }) => refuse('ERR_ROS_IN_USE', `"${one}" (${type}) is made of it`))),
    ...(contents.length === 0 || force ? [] : [refuse('ERR_ROS_DISK_HAS_DATA', `there is something on it: ${contents.map(({ what }) => what).join('; ')}`, '-f writes over it: all of it is lost')]),
  ];
}

/** The one to name: the state partition is mounted on many folders. */
export function mountPoint(mountedAt: readonly string[]): string { return ['/', '/state'].find((point) => mountedAt.includes(point)) ?? mountedAt[0] ?? ''; }

/** What to do about a disk that this machine runs from. */
export function whatRunsFrom(mountedAt: readonly string[]): string | undefined {
  if (mountedAt.some((point) => point === '/' || point.startsWith('/run/corral/'))) return 'this machine runs from it: start from another medium';
  return mountedAt.includes('/state') ? 'the state of this machine is on it: start again from a medium with "disks left alone" in its menu, or the kernel parameter rancher.state.dev=none' : undefined;
}

/** What is on a disk, a line each; nothing for a blank one. */
export function contentsOf(device: BlockDevice): readonly { readonly path: string; readonly what: string }[] {
  return withChildren(device).flatMap((one) => {
    const is = [
      ...(one.filesystem === '' ? [] : [one.filesystem]),
      ...(one.label === '' ? [] : [`labelled "${one.label}"`]),
      ...(one.partitionLabel === '' || one.partitionLabel === one.label ? [] : [`named "${one.partitionLabel}"`]),
      ...(one.table !== '' && one === device ? [`a ${one.table === 'dos' ? 'MBR' : one.table.toUpperCase()} partition table`] : []),
      ...(one.mountedAt.length === 0 ? [] : [`in use (${mountPoint(one.mountedAt)})`]),
    ];
    if (is.length === 0 && one === device) return [];
    return [{ path: one.path, what: `${one.path} ${inWords(one.bytes)}${is.length === 0 ? '' : ` ${is.join(', ')}`}` }];
  });
}

/** `931.5 GiB`, `512 MiB`. */
export function inWords(bytes: number): string {
  for (const [name, unit] of [['TiB', 2 ** 40], ['GiB', 2 ** 30]] as const) if (bytes >= unit) return `${(Math.floor(bytes / unit * 10) / 10).toString()} ${name}`;
  return `${Math.floor(bytes / 2 ** 20)} MiB`;
}
