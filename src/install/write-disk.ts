/**
 * Writes a whole disk: a device, or a regular file that is to become one. Everything is written through the whole disk at
 * byte offsets, so the two are the same. First what was there is made invisible, then comes the content, then what has been
 * written is read back, and only then the partition table and the boot sector, which make it a disk that starts. Broken off
 * anywhere, it leaves a blank disk or a whole one; the next run begins anew.
 */
import { mkdtemp, open, rm, stat, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { causeOf, RosError } from '../lib/errors.ts';
import { run, tryRun } from '../sys/exec.ts';
import { readBytes } from '../sys/files.ts';
import { bootFiles, checkBootPartition, makeBootPartition, notAsWritten, type BootPartition, type Reproducible } from './boot-partition.ts';
import { diskLayout, mib, partitionNamed, sfdiskScript, type PartitionPlan, type PartitionTable } from './layout.ts';
import { checkMedium, eachChunk, hashRange, neededFiles, readRelease, wanted, type NeededFile, type Release } from './release.ts';
import { checkStatePartition, makeStatePartition, userConfigPath, withStateMounted } from './state-partition.ts';

export interface BootFiles {
  /** Holds what a boot medium's /corral holds: vmlinuz, initramfs.img, root.img, release.json, boot/. */
  readonly folder: string;
}

export type OnProgress = (step: string, doneBytes: number, totalBytes: number) => void;

export interface WriteDiskOptions {
  /** A device, or a regular file of `diskBytes`. */
  readonly target: string;
  readonly diskBytes: number;
  readonly files: BootFiles;
  /** Kernel parameters, one each. */
  readonly append: readonly string[];
  readonly cloudConfig?: string;
  /** Puts more onto the state partition, which is mounted there meanwhile. */
  readonly fillState?: (folder: string) => Promise<void>;
  readonly table?: PartitionTable;
  /** For a disk that must come out the same each time, which one without `cloudConfig` does. */
  readonly reproducible?: Reproducible;
  /** Each step begins with 0 bytes done. What it throws breaks the installation off. */
  readonly onProgress: OnProgress;
}

/** The boot code of an MBR ends where the table's identifier begins. */
const bootCodeBytes = 440;
/** What is written is on the disk after each so many bytes: progress is what the disk has, not what memory holds. */
const syncBytes = 32 * mib;

export async function writeDisk(options: WriteDiskOptions): Promise<{ readonly bytesWritten: number }> {
  const { target, diskBytes, files: { folder }, append, cloudConfig, fillState, table = 'gpt', reproducible, onProgress } = options;
  const partitions = diskLayout(diskBytes);
  const script = sfdiskScript(partitions, { table, ...(reproducible !== undefined && { seed: reproducible.seed }) });
  const release = await readRelease(folder);
  const [esp, slot, state, bios] = (['esp', 'slot-a', 'state', 'bios'] as const).map((name) => partitionNamed(partitions, name)) as [PartitionPlan, PartitionPlan, PartitionPlan, PartitionPlan];
  checkFit(release, { 'root.img': slot, 'boot/core.img': bios });
  const bootSector = await readBytes(join(folder, 'boot/boot.img'), mib) ?? Buffer.alloc(0);
  const total = neededFiles.reduce((sum, name) => sum + wanted(release, name).bytes, 0);
  const step = <T>(name: string, totalBytes: number, work: (onBytes: (bytes: number) => void) => Promise<T>): Promise<T> => inStep(name, totalBytes, onProgress, work);

  await step('check the medium', total, (onBytes) => checkMedium(folder, release, onBytes));
  const workFolder = await mkdtemp(join(tmpdir(), 'ros-install-'));
  const disk = await open(target, 'r+');
  let bytesWritten = 0;
  const count = (onBytes: (bytes: number) => void) => (bytes: number): void => { bytesWritten += bytes; onBytes(bytes); };
  try {
    const boot: BootPartition = { target, partition: esp, folder, release, append, workFolder, ...(reproducible !== undefined && { reproducible }) };
    await step('erase what was there', blanks(partitions, diskBytes).length * mib, async (onBytes) => {
      for (const start of blanks(partitions, diskBytes)) {
        await writeAt(disk, start, Buffer.alloc(mib), () => undefined);
        await disk.datasync();
        count(onBytes)(mib);
      }
      await tellKernel(target);
    });
    await step('write the system', wanted(release, 'root.img').bytes, (onBytes) => copyTo(disk, slot.startBytes, folder, release, 'root.img', count(onBytes)));
    await step('write the boot partition', sum(release, bootFiles.map(({ from }) => from)), async (onBytes) => {
      await makeBootPartition(boot, (_path, bytes) => { count(onBytes)(bytes); });
      await copyTo(disk, bios.startBytes, folder, release, 'boot/core.img', count(() => undefined));
      await disk.sync();
    });
    await step('make the state partition', state.bytes, async () => {
      await makeStatePartition({ target, partition: state, workFolder, files: cloudConfig === undefined ? {} : { [userConfigPath]: cloudConfig }, ...(reproducible !== undefined && { reproducible }) });
      await disk.sync();
    });
    if (fillState !== undefined) await step('save images', state.bytes, () => withStateMounted(target, state, fillState));
    await step('read back', total, async (onBytes) => {
      await forgetCache(target);
      for (const [name, { startBytes }] of [['root.img', slot], ['boot/core.img', bios]] as const) {
        const { bytes, sha256 } = wanted(release, name);
        if (await hashRange(target, startBytes, bytes, onBytes) !== sha256) throw notAsWritten(name);
      }
      await checkBootPartition(boot, (_path, bytes) => { onBytes(bytes); });
      await checkStatePartition(target, state);
    });
    await step('write the partition table', bootCodeBytes, async (onBytes) => {
      await run('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', '--wipe', 'never', '--wipe-partitions', 'never', target], { input: script, timeoutMs: 120_000 });
      await writeAt(disk, 0, bootSector.subarray(0, bootCodeBytes), count(onBytes));
      await disk.sync();
      await forgetCache(target);
      await run('sfdisk', ['--verify', '--quiet', target], { timeoutMs: 60_000 });
      const readBack = await disk.read(Buffer.alloc(bootCodeBytes), 0, bootCodeBytes, 0);
      if (!readBack.buffer.equals(bootSector.subarray(0, bootCodeBytes))) throw notAsWritten('boot sector');
    });
  } finally {
    await disk.close();
    await rm(workFolder, { recursive: true, force: true });
  }
  await tellKernel(target);
  return { bytesWritten };
}

async function inStep<T>(name: string, totalBytes: number, onProgress: OnProgress, work: (onBytes: (bytes: number) => void) => Promise<T>): Promise<T> {
  let done = 0;
  onProgress(name, 0, totalBytes);
  try {
    const result = await work((bytes) => { done = Math.min(totalBytes, done + bytes); onProgress(name, done, totalBytes); });
    if (done < totalBytes) onProgress(name, totalBytes, totalBytes);
    return result;
  } catch (error) {
    if (error instanceof RosError) throw error;
    throw new RosError('ERR_ROS_INSTALL', `cannot ${name}: ${causeOf(error)}`, { cause: error });
  }
}

/**
 * The places where something could be recognised: the disk's own last and first MiB, in this order, for firmware takes the
 * copy of a GPT where the first is gone; then the first of each partition, where an old root image would be taken for ours.
 */
function blanks(partitions: readonly PartitionPlan[], diskBytes: number): readonly number[] {
  return [diskBytes - mib, 0, ...partitions.map(({ startBytes }) => startBytes)];
}

function checkFit(release: Release, places: Readonly<Partial<Record<NeededFile, PartitionPlan>>>): void {
  for (const [name, partition] of Object.entries(places) as [NeededFile, PartitionPlan][]) {
    const { bytes } = wanted(release, name);
    if (bytes > partition.bytes) throw new RosError('ERR_ROS_BAD_MEDIUM', `cannot install file "${name}": it has ${bytes} bytes, its partition ${partition.bytes}`);
  }
}

function sum(release: Release, names: readonly NeededFile[]): number {
  return names.reduce((total, name) => total + wanted(release, name).bytes, 0);
}

async function copyTo(disk: FileHandle, start: number, folder: string, release: Release, name: NeededFile, onBytes: (bytes: number) => void): Promise<void> {
  let unsynced = 0;
  await eachChunk(join(folder, name), 0, wanted(release, name).bytes, async (chunk, offset) => {
    await writeAt(disk, start + offset, chunk, () => undefined);
    unsynced += chunk.length;
    if (unsynced >= syncBytes) { await disk.datasync(); unsynced = 0; }
    onBytes(chunk.length);
  });
  await disk.datasync();
}

async function writeAt(disk: FileHandle, position: number, data: Buffer, onBytes: (bytes: number) => void): Promise<void> {
  for (let done = 0; done < data.length;) {
    const { bytesWritten } = await disk.write(data, done, data.length - done, position + done);
    done += bytesWritten;
  }
  onBytes(data.length);
}

async function isDevice(target: string): Promise<boolean> { return (await stat(target)).isBlockDevice(); }

/** What is read next comes from the disk, not from what memory holds of it. A regular file's stays. */
async function forgetCache(target: string): Promise<void> {
  if (await isDevice(target)) await run('blockdev', ['--flushbufs', target], { timeoutMs: 600_000 });
}

/** At the beginning it must forget the partitions from before, so that nobody touches them; at the end who does not restart the machine wants to see the new ones. */
async function tellKernel(target: string): Promise<void> {
  if (await isDevice(target)) await tryRun('blockdev', ['--rereadpt', target]);
}
