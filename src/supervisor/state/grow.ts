/** The state partition takes what its disk has gained; any other does so once, where `rancher.resize_device` asks for it. */
import { causeOf } from '../../lib/errors.ts';
import { geometryOf, partitionsOf, sectorBytes, type Geometry } from '../../sys/block.ts';
import { filesystemType, listDevices, mountOnce, unmount, type BlockDevice } from '../../sys/disk.ts';
import { readSuperblock } from '../../sys/ext4.ts';
import { filesystemMayGrow, growFilesystem, growPartition, mayGrow } from '../../sys/grow.ts';
import { readTextFile, writeFileAtomic } from '../../sys/files.ts';
import { mounts } from '../../sys/proc.ts';
import type { Machine } from '../machine.ts';
import { stateLabel } from './decide.ts';

const done = '/var/lib/rancher/resizefs.done';
const mountPoint = '/run/ros/grow';

/** A table of the old kind gives its partitions short identifiers. */
export function isGpt({ partUuid }: Pick<BlockDevice, 'partUuid'>): boolean { return partUuid.length === 36; }

/** Whether a partition follows its disk by itself: the installer has made it, last on its disk. Pure. */
export function growsByItself(device: Pick<BlockDevice, 'partLabel' | 'partUuid'>, geometry: Geometry): boolean { return device.partLabel === stateLabel && isGpt(device) && mayGrow(geometry); }

/** Before it is mounted. What fails is told; the partition works as it is. */
export async function growPartitionOf(machine: Machine, device: BlockDevice): Promise<void> {
  const geometry = await geometryOf(device.name);
  if (geometry?.partition === undefined || !growsByItself(device, geometry)) return;
  await attempt(machine, device.name, async () => { await growPartitionNow(machine, device, geometry); });
}

async function growPartitionNow(machine: Machine, device: BlockDevice, { sectors, partition }: Geometry): Promise<void> {
  if (partition === undefined) return;
  await growPartition(partition, isGpt(device));
  const after = await geometryOf(device.name);
  if (after === undefined || after.sectors <= sectors) throw new Error('the kernel has not taken the new partition table; it will at the next boot');
  machine.log.warn(`state: partition ${device.name} grown from ${size(sectors)} to ${size(after.sectors)}`);
}

/** Of what is mounted: a partition that has been made for us, or a whole disk. A logical volume is as large as its owner wants. */
export async function growFilesystemOf(machine: Machine, device: string): Promise<void> {
  const [geometry, superblock] = await Promise.all([geometryOf(device), readSuperblock(device)]);
  if (geometry === undefined || superblock === undefined || /^\/dev\/(?:dm-|mapper\/|md)/.test(device) || !filesystemMayGrow(superblock.bytes, geometry)) return;
  await attempt(machine, device, async () => {
    await growFilesystem(device);
    machine.log.warn(`state: filesystem on ${device} grown from ${size(superblock.bytes / sectorBytes)} to ${size(geometry.sectors)}`);
  });
}

/** `rancher.resize_device`: a disk, whose last partition is meant, or a partition. Once for each name. */
export async function resizeDevice(machine: Machine): Promise<void> {
  const wanted = machine.settings.resizeDevice;
  if (wanted === undefined || (await readTextFile(done, 4096).catch(() => undefined))?.trim() === wanted) return;
  await attempt(machine, wanted, async () => {
    const name = (await geometryOf(wanted))?.partition === undefined ? (await partitionsOf(wanted)).at(-1) ?? wanted : wanted;
    const geometry = await geometryOf(name);
    const device = (await listDevices()).find((one) => one.name === name);
    if (geometry === undefined || device === undefined) throw new Error('no such device');
    if (mayGrow(geometry)) await growPartitionNow(machine, device, geometry);
    if ((await filesystemType(name))?.startsWith('ext') === true) await growMounted(machine, name);
    await writeFileAtomic(done, `${wanted}\n`, 0o644);
  });
}

/** The kernel grows a filesystem through its journal only where it is mounted. */
async function growMounted(machine: Machine, device: string): Promise<void> {
  const isMounted = (await mounts()).some(({ source }) => source === device);
  if (!isMounted) await mountOnce(device, mountPoint, { options: 'nosuid,nodev' });
  try { await growFilesystemOf(machine, device); } finally { if (!isMounted) await unmount(mountPoint).catch(() => undefined); }
}

async function attempt({ log, warnings }: Machine, device: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const sentence = `State: cannot make "${device}" larger: ${causeOf(error)}`;
    log.error(sentence);
    warnings.set('state size', `${sentence}.`);
  }
}

function size(sectors: number): string { return `${(sectors * sectorBytes / 1e9).toFixed(1)} GB`; }
