/**
 * `noformat`: onto partitions that somebody has made, which are found by their labels. Nothing is partitioned or formatted:
 * files of ours are put into the boot and the state partition, and the slot, where there is one, is written over.
 */
import { chmod, mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RosError } from '../lib/errors.ts';
import { run } from '../sys/exec.ts';
import { readBytes, writeFileAtomic } from '../sys/files.ts';
import { bootFiles, checkBootPartition, fillBootPartition, makeFolders, mtools, notAsWritten, type BootPartition } from './boot-partition.ts';
import { coreAt, corePlace, bootSectorFor, type CorePlace } from './core-place.ts';
import { inWords, mountPoint, whatRunsFrom, withChildren, type BlockDevice } from './disks.ts';
import { bootLabel, mib, stateLabel, type PartitionPlan } from './layout.ts';
import { checkMedium, eachChunk, hashRange, neededFiles, readRelease, wanted, type Release } from './release.ts';
import { rootArchive } from './root-archive.ts';
import { userConfigPath, withMounted } from './state-partition.ts';
import type { WriteDiskOptions } from './write-disk.ts';

export interface OwnPartitions {
  readonly state: BlockDevice;
  readonly boot: BlockDevice;
  /** The disk of the boot partition, which a machine without EFI starts from. */
  readonly bootDisk: BlockDevice;
  /** Without one the root image lies on the boot partition and is loaded into RAM. */
  readonly slot?: BlockDevice;
  readonly notes: readonly string[];
  readonly shown: readonly { readonly path: string; readonly label: string; readonly startBytes: number; readonly bytes: number }[];
}

export interface OwnOptions {
  /** Look on this disk only. */
  readonly disk?: string;
  readonly partition?: string;
}

export const rancherBootLabel = 'RANCHER_BOOT';
const slotLabel = 'CORRAL_A';
const archiveName = 'root.cpio';
const spareBytes = 8 * mib;

/** Which partitions are meant. Pure. */
export function ownPartitions(devices: readonly BlockDevice[], release: Release, { disk, partition }: OwnOptions = {}): OwnPartitions {
  const all = devices.filter(({ path }) => disk === undefined || path === disk).flatMap((tree) => withChildren(tree).map((device) => ({ device, tree })));
  const notes: string[] = [];
  const choose = (label: string, fits: (device: BlockDevice) => boolean): { device: BlockDevice; tree: BlockDevice } | undefined => {
    const [first, ...others] = all.filter(({ device }) => fits(device));
    if (first !== undefined && others.length > 0) notes.push(`several partitions are called ${label}: ${first.device.path} is taken, being the first; not ${others.map(({ device }) => device.path).join(', ')} ("-d" names the disk)`);
    return first;
  };
  const missing = (cause: string, hint: string): RosError => new RosError('ERR_ROS_NO_DEVICE', `cannot install to your own partitions: ${cause}`, { hint });
  const where = disk === undefined ? '' : ` on "${disk}"`;

  const state = partition === undefined ? choose(stateLabel, ({ label }) => label === stateLabel) : all.find(({ device }) => device.path === partition);
  if (state === undefined) throw missing(`there is no ${partition === undefined ? `file system with the label ${stateLabel}` : `partition "${partition}"`}${where}`, `mkfs.ext4 -L ${stateLabel} /dev/…`);
  if (state.device.filesystem === '') throw missing(`"${state.device.path}" has no file system`, `mkfs.ext4 -L ${stateLabel} ${state.device.path}`);
  const boot = choose(bootLabel, ({ label }) => label === bootLabel) ?? choose(rancherBootLabel, ({ label }) => label === rancherBootLabel);
  if (boot === undefined) throw missing(`there is no file system with the label ${bootLabel} or ${rancherBootLabel}${where}`, `the boot loader reads FAT, best from an EFI system partition: mkfs.vfat -F 32 -n ${bootLabel} /dev/…`);
  if (boot.device.filesystem !== 'vfat') throw missing(`"${boot.device.path}" is "${boot.device.filesystem}", and the boot loader reads FAT`, `mkfs.vfat -F 32 -n ${bootLabel} ${boot.device.path}`);
  const slot = choose(slotLabel, ({ partitionLabel }) => partitionLabel === slotLabel);
  const rootBytes = wanted(release, 'root.img').bytes;
  if (slot !== undefined && slot.device.bytes < rootBytes) throw tooSmall(slot.device, rootBytes);
  const needed = bootFiles.reduce((sum, { from }) => sum + wanted(release, from).bytes, spareBytes) + (slot === undefined ? rootBytes : 0);
  if (boot.device.bytes < needed) throw tooSmall(boot.device, needed);
  for (const { device } of [state, boot, ...(slot === undefined ? [] : [slot])]) {
    const held = withChildren(device).find(({ mountedAt }) => mountedAt.length > 0);
    if (held === undefined) continue;
    const hint = whatRunsFrom(held.mountedAt);
    throw new RosError('ERR_ROS_IN_USE', `cannot install to partition "${device.path}": it is mounted on "${mountPoint(held.mountedAt)}"`, { ...(hint !== undefined && { hint }) });
  }
  if (slot === undefined) notes.push(`no partition is named ${slotLabel}: the whole system is loaded into RAM at each start, which takes ${inWords(rootBytes)} of it`);
  if (boot.device.label !== bootLabel) notes.push(`the boot partition is not called ${bootLabel}: it starts with UEFI only`);
  const chosen = [state, boot, ...(slot === undefined ? [] : [slot])];
  return {
    state: state.device, boot: boot.device, bootDisk: boot.tree, ...(slot !== undefined && { slot: slot.device }), notes,
    shown: chosen.map(({ device }) => ({ path: device.path, label: device.label === '' ? device.partitionLabel : device.label, startBytes: 0, bytes: device.bytes })),
  };
}

function tooSmall({ path, bytes }: BlockDevice, needed: number): RosError {
  return new RosError('ERR_ROS_DISK_TOO_SMALL', `cannot install to partition "${path}": it has ${inWords(bytes)}, at least ${inWords(needed)} are needed`);
}

/** A FAT32 with fewer clusters is none by Microsoft's specification. */
const fat32Clusters = 65_525;

/**
 * A file system that says of itself that it is FAT32 and is too small for its large clusters: Linux reads it, firmware does not.
 * Looks at the first sector (Microsoft's "FAT32 File System Specification", BPB).
 */
export async function assertFirmwareReads({ path, label }: BlockDevice): Promise<void> {
  const sector = Buffer.alloc(512);
  const device = await open(path);
  try { await device.read(sector, 0, sector.length, 0); } finally { await device.close(); }
  if (sector.readUInt16LE(22) !== 0) return; // FAT12 and FAT16 have their length of a table here
  const [clusterSectors, reserved, tables, sectors, tableSectors] = [sector.readUInt8(13), sector.readUInt16LE(14), sector.readUInt8(16), sector.readUInt32LE(32), sector.readUInt32LE(36)];
  const clusters = Math.floor((sectors - reserved - tables * tableSectors) / clusterSectors);
  if (clusters >= fat32Clusters) return;
  throw new RosError('ERR_ROS_BAD_FILESYSTEM', `cannot install to partition "${path}": no firmware reads its FAT32, which has ${clusters} clusters where FAT32 begins with ${fat32Clusters}`, { hint: `with smaller clusters, which erases it: mkfs.vfat -F 32 -s 1 -n ${label} ${path}` });
}

export interface WriteOwnOptions extends Pick<WriteDiskOptions, 'files' | 'append' | 'cloudConfig' | 'fillState' | 'onProgress'> {
  readonly partitions: OwnPartitions;
  readonly stateDirectory?: string;
}

/** Broken off anywhere it leaves a boot partition that a repeated run completes. */
export async function writeOwnPartitions(options: WriteOwnOptions): Promise<{ readonly bytesWritten: number }> {
  const { partitions: { state, boot, bootDisk, slot }, stateDirectory, files: { folder }, append, cloudConfig, fillState, onProgress } = options;
  const release = await readRelease(folder);
  const total = neededFiles.reduce((sum, name) => sum + wanted(release, name).bytes, 0);
  let [bytesWritten, done, now] = [0, 0, ''];
  const begin = (step: string, bytes: number): void => { [now, done] = [step, 0]; onProgress(step, 0, bytes); };
  const advance = (bytes: number, of: number): void => { done = Math.min(of, done + bytes); onProgress(now, done, of); };
  const root = wanted(release, 'root.img');
  const workFolder = await mkdtemp(join(tmpdir(), 'ros-install-'));
  try {
    begin('check the medium', total);
    await checkMedium(folder, release, (bytes) => { advance(bytes, total); });
    begin('write the system', root.bytes);
    const whole: PartitionPlan = { name: 'esp', number: 0, startBytes: 0, bytes: boot.bytes, type: '', label: boot.label };
    const menu = { ...(state.label === stateLabel ? {} : { stateDevice: `UUID=${state.uuid}` }), ...(stateDirectory !== undefined && { stateDirectory }), ...(slot === undefined && { initrds: [archiveName] }) };
    const onto: BootPartition = { target: boot.path, partition: whole, folder, release, append, workFolder, menu };
    if (slot !== undefined) await writeOver(slot.path, 0, join(folder, 'root.img'), root.bytes, (bytes) => { advance(bytes, root.bytes); });
    else await putArchive(onto, root.bytes);
    bytesWritten += root.bytes;

    const bootBytes = bootFiles.reduce((sum, { from }) => sum + wanted(release, from).bytes, 0);
    begin('write the boot partition', bootBytes);
    await fillBootPartition(onto, (_path, bytes) => { bytesWritten += bytes; advance(bytes, bootBytes); });
    begin('write the state partition', 1);
    await withMounted(state.path, [], async (point) => {
      const at = join(point, stateDirectory ?? '');
      if (cloudConfig !== undefined) await putConfig(at, cloudConfig);
      await fillState?.(at);
    });
    begin('read back', bootBytes);
    await run('blockdev', ['--flushbufs', boot.path], { timeoutMs: 600_000 });
    if (slot !== undefined) {
      await run('blockdev', ['--flushbufs', slot.path], { timeoutMs: 600_000 });
      if (await hashRange(slot.path, 0, root.bytes) !== root.sha256) throw notAsWritten('root.img');
    }
    await checkBootPartition(onto, (_path, bytes) => { advance(bytes, bootBytes); });
    begin('write the boot sector', 1);
    const place = boot.label === bootLabel && boot.path !== bootDisk.path ? corePlace(await run('sfdisk', ['--json', bootDisk.path]), wanted(release, 'boot/core.img').bytes) : undefined;
    if (place !== undefined) await putCore(bootDisk.path, folder, place);
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
  return { bytesWritten };
}

async function writeOver(path: string, start: number, from: string, bytes: number, onBytes: (bytes: number) => void): Promise<void> {
  const device = await open(path, 'r+');
  try {
    await eachChunk(from, 0, bytes, async (chunk, offset) => { await device.write(chunk, 0, chunk.length, start + offset); onBytes(chunk.length); });
    await device.sync();
  } finally {
    await device.close();
  }
}

async function putArchive(onto: BootPartition, bytes: number): Promise<void> {
  const archive = join(onto.workFolder, archiveName);
  const { before, after } = rootArchive(bytes);
  await writeFile(archive, before);
  const file = await open(archive, 'a');
  try {
    await eachChunk(join(onto.folder, 'root.img'), 0, bytes, async (chunk) => { await file.appendFile(chunk); });
    await file.appendFile(after);
  } finally {
    await file.close();
  }
  await makeFolders(onto);
  await mtools('mcopy', onto, ['-o', archive, `::/corral/a/${archiveName}`]);
  await rm(archive);
}

async function putConfig(root: string, text: string): Promise<void> {
  const path = join(root, userConfigPath);
  const conf = join(path, '../..');
  await mkdir(conf, { recursive: true });
  await chmod(conf, 0o700);
  await writeFileAtomic(path, text, 0o600);
}

/** Only the boot code of the disk's first sector is ours: its table stays. */
async function putCore(disk: string, folder: string, place: CorePlace): Promise<void> {
  const core = coreAt(await readBytes(join(folder, 'boot/core.img'), 16 * mib) ?? Buffer.alloc(0), place);
  const sector = bootSectorFor(await readBytes(join(folder, 'boot/boot.img'), mib) ?? Buffer.alloc(0), place);
  const device = await open(disk, 'r+');
  try {
    await device.write(core, 0, core.length, place.startBytes);
    await device.sync();
    await device.write(sector, 0, sector.length, 0);
    await device.sync();
  } finally {
    await device.close();
  }
}
