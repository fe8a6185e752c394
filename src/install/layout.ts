/**
 * Where what lies on an installed disk: two slots for root images, so that an upgrade never writes over what runs, and the
 * state partition over the rest. Pure. All numbers are bytes and multiples of 1 MiB; sectors are those of 512 bytes.
 */
import { createHash } from 'node:crypto';
import { RosError } from '../lib/errors.ts';

export interface PartitionPlan {
  readonly name: 'bios' | 'esp' | 'slot-a' | 'slot-b' | 'state';
  readonly number: number;
  readonly startBytes: number;
  readonly bytes: number;
  /** The type's GUID in a GPT. */
  readonly type: string;
  /** The partition's name in a GPT; the label of the file system is the same, where there is one. */
  readonly label: string;
}

export type PartitionName = PartitionPlan['name'];
/** `dos` is the MBR's own table, for machines that start from no other. */
export type PartitionTable = 'gpt' | 'dos';

export const sectorBytes = 512;
export const mib = 1024 * 1024;
export const bootLabel = 'CORRAL_BOOT';
export const stateLabel = 'RANCHER_STATE';

/** A GPT has its copy at the end of the disk. */
const tailBytes = mib;
const smallestStateBytes = 1024 * mib;
const dosLimitBytes = 2 ** 32 * sectorBytes;

const fixed = [
  { name: 'bios', bytes: mib, type: '21686148-6449-6e6f-744e-656564454649', label: 'CORRAL_BIOS' },
  { name: 'esp', bytes: 256 * mib, type: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b', label: bootLabel },
  { name: 'slot-a', bytes: 512 * mib, type: '4f68bce3-e8cd-4db1-96e7-fbcaf984b709', label: 'CORRAL_A' },
  { name: 'slot-b', bytes: 512 * mib, type: '4f68bce3-e8cd-4db1-96e7-fbcaf984b709', label: 'CORRAL_B' },
] as const;
const stateStartBytes = fixed.reduce((sum, { bytes }) => sum + bytes, mib);

export const smallestDiskBytes = stateStartBytes + smallestStateBytes + tailBytes;

/** Throws when the disk is too small, and says how much is needed. */
export function diskLayout(diskBytes: number): readonly PartitionPlan[] {
  if (diskBytes < smallestDiskBytes) {
    throw new RosError('ERR_ROS_DISK_TOO_SMALL', `cannot lay out disk: it has ${inMib(diskBytes)} MiB, at least ${inMib(smallestDiskBytes)} MiB are needed`);
  }
  let startBytes = mib;
  const partitions = fixed.map((partition, index): PartitionPlan => {
    const placed = { ...partition, number: index + 1, startBytes };
    startBytes += partition.bytes;
    return placed;
  });
  const end = Math.floor((diskBytes - tailBytes) / mib) * mib;
  return [...partitions, { name: 'state', number: 5, startBytes, bytes: end - startBytes, type: '0fc63daf-8483-4772-8e79-3d69d8477de4', label: stateLabel }];
}

export function partitionNamed(partitions: readonly PartitionPlan[], name: PartitionName): PartitionPlan {
  const found = partitions.find((partition) => partition.name === name);
  if (found === undefined) throw new RosError('ERR_ROS_INTERNAL', `cannot find partition "${name}": the layout has none`);
  return found;
}

export interface TableOptions {
  readonly table?: PartitionTable;
  /** What all identifiers are made of, for a disk that must come out the same each time; else they are random. */
  readonly seed?: string;
}

/** What sfdisk reads on its standard input. An MBR has no partition for GRUB's core image: it lies at the same place, outside of all. */
export function sfdiskScript(partitions: readonly PartitionPlan[], { table = 'gpt', seed }: TableOptions = {}): string {
  return table === 'gpt' ? gptScript(partitions, seed) : dosScript(partitions, seed);
}

function gptScript(partitions: readonly PartitionPlan[], seed: string | undefined): string {
  return [
    'label: gpt', ...(seed === undefined ? [] : [`label-id: ${stableUuid(seed, 'disk')}`]), 'unit: sectors', '',
    ...partitions.map(({ number, startBytes, bytes, type, label, name }) => `${number} : ${extent(startBytes, bytes)}, type=${type}, name="${label}"${seed === undefined ? '' : `, uuid=${stableUuid(seed, name)}`}`),
  ].join('\n') + '\n';
}

/** Some firmware starts only from a disk that has a partition marked as bootable. */
function dosScript(partitions: readonly PartitionPlan[], seed: string | undefined): string {
  const last = partitions.at(-1);
  if (last !== undefined && last.startBytes + last.bytes > dosLimitBytes) {
    throw new RosError('ERR_ROS_DISK_TOO_LARGE', `cannot lay out disk: an MBR partition table ends at 2 TiB, the disk has ${inMib(last.startBytes + last.bytes)} MiB`, { hint: 'take the install type "generic"' });
  }
  return [
    'label: dos', ...(seed === undefined ? [] : [`label-id: 0x${stableUuid(seed, 'disk').slice(0, 8)}`]), 'unit: sectors', '',
    ...partitions.filter(({ name }) => name !== 'bios').map(({ startBytes, bytes, name }, index) => `${index + 1} : ${extent(startBytes, bytes)}, type=${name === 'esp' ? 'ef, bootable' : '83'}`),
  ].join('\n') + '\n';
}

function extent(startBytes: number, bytes: number): string {
  return `start=${startBytes / sectorBytes}, size=${bytes / sectorBytes}`;
}

/** A UUID of version 4's form. */
export function stableUuid(seed: string, name: string): string {
  const hex = createHash('sha256').update(`${seed}\n${name}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function inMib(bytes: number): number { return Math.floor(bytes / mib); }
