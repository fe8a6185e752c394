/**
 * What the system keeps for itself, whatever user containers do: memory, processors, processes, and the counts that the kernel keeps for the machine's root,
 * who has made the user plane's namespaces. All of it is in control groups that exist from the first moment (initramfs/boot.c); plane-outer takes a little
 * more from the containers, so that User Docker can still be asked to end one.
 */
import { readdir, statfs, writeFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { Settings } from '../config/index.ts';
import { causeOf } from '../lib/errors.ts';
import { mountOnce } from '../sys/disk.ts';
import { tryRun } from '../sys/exec.ts';
import { isErrno, readTextFile } from '../sys/files.ts';
import { paths, type Machine } from './machine.ts';
import { keeps } from './state/places.ts';

const mib = 1024 * 1024;
const groups = '/sys/fs/cgroup';
const most = '2147483647';

/** Of this machine, as far as floors hang on it. */
export interface Size { readonly memoryBytes: number; readonly threadsMax: number; readonly pidMax: number }

/** A file and what is written to it. */
export interface Setting { readonly file: string; readonly value: string }

/**
 * Pure. An idle machine uses some 230 MB, User Docker included, 65 MB of it the supervisor (`make measure`). `memory.min` is never
 * taken away: five sixths of what is left beside the user plane, for the kernel needs some of it, too. No `memory.high`: it would slow down a container
 * that needs too much, and with it everything that shares its control group, where the kernel's killer ends it. No `memory.oom.group` either: one
 * process is the victim, not all containers.
 */
export function floorsOf({ memoryBytes, threadsMax, pidMax }: Size): Setting[] {
  const kept = Math.floor(Math.min(352 * mib, (memoryBytes - userMemory(memoryBytes)) * 5 / 6));
  const supervisor = Math.floor(kept / 2); // and the pages of the programs that the shim has read ahead, dockerd's and its own
  const set = (file: string, value: number): Setting => ({ file: join(groups, file), value: String(value) });
  return [
    // The supervisor's own group has no memory controller: PID 1 sits in its parent, /init, which therefore counts for both.
    set('init/memory.min', supervisor), set('system/memory.min', kept - supervisor),
    set('user/memory.max', userMemory(memoryBytes)),
    // Thousands of processes of one program share locks on its pages, for which then the whole machine waits.
    set('user/pids.max', Math.floor(Math.min(threadsMax, pidMax) / 4)),
    // For disks whose scheduler knows weights (bfq, or io.cost switched on); with others a disk's time is shared as it comes.
    ...['init', 'system'].map((group) => set(`${group}/io.weight`, 300)),
  ];
}

/**
 * What is left when the system has an eighth, 384 MB at least, on a small machine two fifths. Whole pages. With 320 MB in a machine of 1 GB, a container
 * that used up the rest drove programs of the system out of memory, to be read and unpacked again: `ros service list` took up to 18 s there (emulated), now up to 10.
 */
export function userMemory(memoryBytes: number): number {
  const system = Math.min(Math.max(384 * mib, memoryBytes / 8), memoryBytes * 2 / 5);
  return Math.floor((memoryBytes - system) / 4096) * 4096;
}

/** Shares of the processors: a login first, then User Docker's start, a long chain of small programs; afterwards the system before users' containers. */
export const weights = {
  login: { user: 100, system: 400, init: 200 },
  starting: { user: 400, system: 100, init: 100 },
  running: { user: 100, system: 2000, init: 2000 },
} as const;

export async function setWeights(machine: Pick<Machine, 'log'>, when: keyof typeof weights): Promise<void> {
  await writeAll(machine, Object.entries(weights[when]).map(([group, value]) => ({ file: `${groups}/${group}/cpu.weight`, value: String(value) })));
}

/**
 * The kernel counts what a user namespace uses (inotify instances, namespaces, …) for its maker too, which is the machine's root: the user plane could use up
 * what System Docker needs to start a container. The memory that each of them takes is counted for the user plane, and bounds it. The same holds for
 * open files, which only bind who is not the machine's root. What the configuration says itself stays. Pure.
 */
export function countsOf(names: readonly string[], sysctl: Settings['sysctl']): Setting[] {
  const isInotify = (name: string): boolean => `fs.inotify.${name.replace('max_inotify_', 'max_user_')}` in sysctl;
  const counts = names.filter((name) => !(`user.${name}` in sysctl) && !isInotify(name)).map((name) => ({ file: `/proc/sys/user/${name}`, value: most }));
  return 'fs.file-max' in sysctl ? counts : [...counts, { file: '/proc/sys/fs/file-max', value: '9223372036854775807' }];
}

/** Before User Docker starts. Never throws: a machine without one of them still works. */
export async function applyFloors(machine: Pick<Machine, 'log' | 'settings' | 'state'>): Promise<void> {
  const { log, settings, state } = machine;
  const number = async (file: string): Promise<number> => Number((await readTextFile(file, 64).catch(() => undefined)) ?? Number.NaN) || 32_768;
  const [threadsMax, pidMax, names] = await Promise.all([number('/proc/sys/kernel/threads-max'), number('/proc/sys/kernel/pid_max'), readdir('/proc/sys/user').catch(() => [])]);
  await writeAll(machine, [...floorsOf({ memoryBytes: totalmem(), threadsMax, pidMax }), ...countsOf(names, settings.sysctl)]);
  // In RAM what users keep would fill the file system that the system keeps its own on.
  if (!keeps(state, paths.userData)) await mountOnce('tmpfs', paths.userData, { type: 'tmpfs', options: 'mode=710,nosuid,nodev' }).catch((error: unknown) => { log.warn(causeOf(error)); });
}

/** At once; a file that this kernel does not have is none of them. */
async function writeAll({ log }: Pick<Machine, 'log'>, settings: readonly Setting[]): Promise<void> {
  await Promise.all(settings.map(async ({ file, value }) => {
    await writeFile(file, value, { flag: 'r+' }).catch((error: unknown) => { if (!isErrno(error, 'ENOENT')) log.warn(`floors: cannot set "${file}": ${causeOf(error)}`); });
  }));
}

/** A file system, in its own units. */
export interface Space { readonly blocks: number; readonly bfree: number; readonly bavail: number; readonly files: number; readonly ffree: number; readonly bsize: number }

const fullPercent = 90;

/** Sentences about a disk that fills up; what is reserved for root counts as used. Pure. */
export function spaceWarnings({ blocks, bfree, bavail, files, ffree }: Space): { readonly space?: string; readonly inodes?: string } {
  const usable = blocks - bfree + bavail;
  const used = usable === 0 ? 0 : Math.floor((blocks - bfree) * 100 / usable);
  const inodes = files === 0 ? 0 : Math.floor((files - ffree) * 100 / files);
  const how = '`sudo du -xd2 /state` and `docker system df` tell of what';
  return {
    ...(used >= fullPercent && { space: `The state disk is ${used} % full; ${how}.` }),
    ...(inodes >= fullPercent && { inodes: `${inodes} % of the files that the state disk can hold are there; users and their containers may have 90 % of them on a disk that was new when CorralOS came to it, else all. \`docker system df\` and \`sudo find /home /opt -xdev | wc -l\` tell whose they are.` }),
  };
}

/**
 * How many blocks root should have for itself, when it has next to none: 5 % as mkfs.ext4 leaves it, at most 256 MB. Undefined when there is a reserve, whoever
 * has chosen it, or when the disk is too full to tell. Root of the user plane is not root here. Pure.
 */
export function reserveToMake({ blocks, bfree, bavail, bsize }: Space): number | undefined {
  if (bavail === 0 || bfree - bavail >= Math.min(blocks / 100, 64 * mib / bsize)) return undefined;
  return Math.floor(Math.min(blocks / 20, 256 * mib / bsize));
}

const watched = new WeakSet<Machine>();
const everyMs = 60_000;

/** From when all else runs, once a minute. */
export async function watchSpace(machine: Machine): Promise<void> {
  const { state, clock, log } = machine;
  if (state.device === undefined || watched.has(machine)) return;
  watched.add(machine);
  const first = await statfs(paths.state).catch(() => undefined);
  const reserve = first === undefined ? undefined : reserveToMake(first);
  if (reserve !== undefined && state.device !== undefined) {
    const { code, stderr } = await tryRun('tune2fs', ['-r', String(reserve), state.device], { timeoutMs: 60_000 });
    if (code === 0) log.info(`floors: ${state.device} had nothing in reserve for the system, ${reserve} blocks are now`);
    else log.debug(`floors: ${stderr.trim()}`); // no ext4
  }
  const look = async (): Promise<void> => {
    const space = await statfs(paths.state).catch(() => undefined);
    if (space !== undefined) tellSpace(machine, spaceWarnings(space));
    clock.after(everyMs, () => { void look(); });
  };
  await look();
}

function tellSpace({ warnings, log, refreshLogin }: Machine, told: ReturnType<typeof spaceWarnings>): void {
  for (const topic of ['space', 'inodes'] as const) {
    const [sentence, before] = [told[topic], warnings.get(`disk ${topic}`)];
    if (sentence === before) continue;
    if (sentence === undefined) warnings.delete(`disk ${topic}`); else warnings.set(`disk ${topic}`, sentence);
    // Each percent more is shown at login, and the log has the first.
    if (sentence !== undefined && before === undefined) log.warn(`floors: ${sentence}`);
    refreshLogin();
  }
}
