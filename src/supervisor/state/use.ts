/** Takes a device into use as the state partition: checked where needed, grown where there is room, mounted, its folders put in their places. */
import { cp, mkdir, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { StateSetting } from '../../config/index.ts';
import { causeOf } from '../../lib/errors.ts';
import { isWriteProtected } from '../../sys/block.ts';
import { addProjectQuota, bindAll, bindMount, checkFilesystem, mountOnce, removeProjectQuota, unmount, type BlockDevice } from '../../sys/disk.ts';
import { tryRun } from '../../sys/exec.ts';
import { readSuperblock, type Superblock } from '../../sys/ext4.ts';
import { exists, isErrno } from '../../sys/files.ts';
import { mounts } from '../../sys/proc.ts';
import { paths, type Machine, type StateInfo } from '../machine.ts';
import { growFilesystemOf, growPartitionOf } from './grow.ts';
import { filesOfUsers, isFull, mountedPlaces, ofUsers, placesOf, systemDocker, type Place } from './places.ts';

/** The table of the folders' mounts. */
const table = `${paths.run}/state.fstab`;
const mountOptions = 'nosuid,nodev,noatime';
/** Where a disk that cannot be written is to be read. */
export const salvage = '/mnt/state';

export async function useState(machine: Machine, device: BlockDevice): Promise<StateInfo> {
  const setting = machine.settings.state;
  const isExt = /^ext[234]$/.test(device.type);
  if (await isWriteProtected(device.name)) throw new Error('it is write-protected');
  // A supervisor that died in the midst of this has left it mounted.
  const before = (await mounts()).filter(({ target, source }) => target === paths.state && source.startsWith('/dev/'));
  const superblock = isExt ? await readSuperblock(device.name) : undefined;
  const repaired = isExt && before.length === 0 && superblock?.needsCheck !== false ? await repair(machine, device.name) : undefined;
  if (before.length === 0) await growPartitionOf(machine, device);
  // What an error of the disk does is the filesystem's own setting: with errors=remount-ro Linux 6.12 refuses to read, too.
  const { boundsFiles, mended = repaired } = await mountState(machine, device, superblock);
  if (await isReadOnly()) throw new Error('it can only be read');
  if (isExt) await growFilesystemOf(machine, device.name);
  if (setting.directory !== undefined && before.length < 2) await enterDirectory(setting.directory);
  await putInPlace(machine, setting, boundsFiles);
  machine.log.info(`state: on ${device.name}${setting.mode === 'data' ? ', data only' : ''}`);
  const directories = mountedPlaces(placesOf(setting)).map(({ path }) => path);
  return { kind: setting.mode === 'data' ? 'ram' : 'disk', device: device.name, ...(setting.mode === 'data' && { directories }), ...(mended !== undefined && { note: `repaired: ${mended}` }) };
}

function typeOf({ filesystem }: StateSetting): { readonly type?: string } { return filesystem === 'auto' ? {} : { type: filesystem }; }

/** Linux mounts what it has found an error in, but so. */
async function isReadOnly(): Promise<boolean> { return (await mounts()).some(({ target, options }) => target === paths.state && options.split(',').includes('ro')); }

/**
 * True when a share of its files can be bounded: one that is new is made so, for what is on it already would not count. A kernel that cannot do
 * it, or counts that a power cut has spoilt, cost the bound and not the state.
 */
async function mountState({ settings, log }: Machine, { name }: BlockDevice, superblock: Superblock | undefined): Promise<{ readonly boundsFiles: boolean; readonly mended?: string }> {
  const mount = (options: string): Promise<void> => mountOnce(name, paths.state, { options, ...typeOf(settings.state) });
  const hasQuota = superblock?.hasProjectQuota === true || (superblock?.isNew === true && await addProjectQuota(name).then(() => true, () => false));
  if (!hasQuota) { await mount(mountOptions); return { boundsFiles: false }; }
  try {
    await mount(`${mountOptions},prjquota`);
    if (!(await isReadOnly())) return { boundsFiles: true };
    await unmount(paths.state);
    throw new Error('it can only be read so');
  } catch (error) {
    log.warn(`state: cannot bound the files of users: ${causeOf(error)}`);
    const failed = (failure: unknown): undefined => { log.warn(`state: ${causeOf(failure)}`); };
    const mended = await checkFilesystem(name).catch(failed) ?? 'the counts of its files are gone';
    await removeProjectQuota(name).catch(failed);
    await mount(mountOptions);
    return { boundsFiles: false, mended };
  }
}

/** Where the superblock asks for it: after a power cut, an error, or by its own count. */
async function repair(machine: Machine, device: string): Promise<string | undefined> {
  machine.log.info(`state: checking ${device}`);
  const mended = await checkFilesystem(device);
  if (mended === undefined) return undefined;
  machine.log.warn(`state: ${device} was repaired: ${mended}`);
  machine.warnings.set('state check', `The state partition ${device} was repaired: ${mended}.`);
  return mended;
}

async function enterDirectory(directory: string): Promise<void> {
  const source = `${paths.state}/${directory}`;
  await mkdir(source, { recursive: true });
  await bindMount(source, paths.state);
}

/** A full disk may have no room for a folder that it does not have yet: that one is in RAM then. */
async function putInPlace({ log, warnings }: Machine, setting: StateSetting, boundsFiles: boolean): Promise<void> {
  const places = placesOf(setting);
  const without = new Set<string>();
  if (isFull(await statfs(paths.state))) {
    without.add(systemDocker);
    const sentence = 'The state disk is full: the system\'s own containers are in RAM in this boot. Make room, then reboot.';
    log.error(`state: ${sentence}`);
    warnings.set('state full', sentence);
  }
  for (const { path, mode, isKept } of places) {
    try {
      await mkdir(path, { recursive: true, mode });
      if (isKept && !without.has(path)) await mkdir(`${paths.state}${path}`, { recursive: true, mode });
    } catch (error) {
      if (!isErrno(error, 'ENOSPC') && !isErrno(error, 'EROFS')) throw error;
      const sentence = `State: cannot keep "${path}": ${causeOf(error)}`;
      log.error(sentence);
      warnings.set(`state ${path}`, `${sentence}.`);
      without.add(path);
    }
  }
  if (boundsFiles) await boundFiles(log, places.filter(({ path }) => !without.has(path)));
  await bindAll(mountedPlaces(places).filter(({ path }) => !without.has(path)).map(({ path }) => ({ source: `${paths.state}${path}`, target: path })), table);
}

/** While the folders are still empty, for what is in them already does not count; at every boot, for the disk may have grown. */
async function boundFiles(log: Machine['log'], places: readonly Place[]): Promise<void> {
  const { files } = await statfs(paths.state);
  const folders = places.filter(({ path, isKept }) => isKept && ofUsers.includes(path)).map(({ path }) => `${paths.state}${path}`);
  if (files === 0 || folders.length === 0) return;
  const { code, stderr } = await tryRun('disk-share', [String(filesOfUsers(files)), ...folders]);
  if (code !== 0) log.warn(`state: the system keeps no files of the disk for itself: ${stderr.trim()}`);
}

/** What a machine must have to be reached by those whose it is. */
const carried = ['/var/lib/rancher/conf', '/var/lib/rancher/ssh', '/var/lib/rancher/accounts.json'];

/**
 * The disk cannot be used: lets go of it, and takes from it what can be read, so that the machine has its configuration, its
 * users and its host keys in RAM. Says where the rest is to be read, if it is.
 */
export async function salvageState(machine: Machine, device: BlockDevice): Promise<string | undefined> {
  const setting = machine.settings.state;
  await releaseState();
  if (setting.mode === 'data') return undefined;
  try {
    // Without its journal: replaying that would be writing.
    await mountOnce(device.name, salvage, { options: `ro,nosuid,nodev${/^ext[34]$/.test(device.type) ? ',noload' : ''}`, ...typeOf(setting) });
    const from = setting.directory === undefined ? salvage : `${salvage}/${setting.directory}`;
    for (const path of carried) {
      await mkdir(dirname(path), { recursive: true });
      if (await exists(`${from}${path}`)) await cp(`${from}${path}`, path, { recursive: true, preserveTimestamps: true });
    }
    return salvage;
  } catch (error) {
    machine.log.warn(`state: cannot read ${device.name} either: ${causeOf(error)}`);
    await unmount(salvage).catch(() => undefined);
    return undefined;
  }
}

/** Takes the state partition out of use; what is busy stays. The last failure is the one to tell. */
export async function releaseState(): Promise<void> {
  const all = await mounts();
  const source = all.find(({ target }) => target === paths.state)?.source;
  if (source === undefined || !source.startsWith('/dev/')) return;
  // Those below others first; one that is mounted twice at a place is there twice.
  const targets = all.filter((mount) => mount.source === source && mount.target !== salvage).map(({ target }) => target).sort((a, b) => Number(a === paths.state) - Number(b === paths.state) || b.length - a.length);
  let failure: unknown;
  for (const target of targets) await unmount(target).catch((error: unknown) => { failure = error; });
  if (failure !== undefined) throw failure;
}
