/**
 * File systems that the configuration mounts, on the machine itself: what is below /mnt, /media, /home and /opt the console
 * and the user plane see, too. Those that can be mounted at once are so before any service starts; the others, which wait
 * for a device or the network, later and beside everything else.
 */
import { lookup } from 'node:dns/promises';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, normalize } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { MountSetting } from '../../config/index.ts';
import { causeOf, RosError } from '../../lib/errors.ts';
import { waitFor, withTimeout } from '../../lib/wait.ts';
import { findDevice } from '../../sys/disk.ts';
import { loadDrivers } from '../../sys/drivers.ts';
import { tryRun } from '../../sys/exec.ts';
import { exists, readTextFile } from '../../sys/files.ts';
import { mounts, type Mount } from '../../sys/proc.ts';
import type { Machine } from '../machine.ts';
import { tell } from './applied.ts';
import type { Part } from './part.ts';

const mountMs = 45_000;
/** Boot waits no longer than this for what can be mounted at once; the rest goes on beside it. */
const bootMs = 15_000;
const deviceMs = 30_000;
const networkMs = 180_000;

export const mountsPart: Part = {
  name: 'mounts', keys: ['mounts'], effect: 'now',
  of: ({ mounts: wanted }) => wanted,
  what: (before, after) => `mounts: ${[
    ...missingFrom(before.mounts, after.mounts).map(({ point }) => `unmount ${point}`), ...missingFrom(after.mounts, before.mounts).map(({ point }) => `mount ${point}`),
  ].join(', ') || 'try again what is not mounted'}`,
  boot: (machine, { mounts: wanted }) => mountAtBoot(machine, wanted),
  async apply(machine, before, after) {
    const failures = await unmountGone(before.mounts, after.mounts);
    failures.push(...await mountAll(machine, after.mounts));
    if (failures.length > 0) throw new RosError('ERR_ROS_MOUNT', failures.join('; '));
  },
};

/** What is not mounted yet of what is to be: waited for, mounted, told. Never rejects. */
export async function mountRemaining(machine: Machine): Promise<void> {
  const wanted = machine.applied?.mounts ?? [];
  if (wanted.length === 0) return;
  const failures = await mountAll(machine, wanted).catch((error: unknown) => [causeOf(error)]);
  await tell(machine, mountsPart.name, failures);
}

async function mountAtBoot({ log }: Machine, wanted: readonly MountSetting[]): Promise<void> {
  const now = wanted.filter(({ type }) => !isNetwork(type));
  if (now.length === 0) return;
  const work = async (): Promise<void> => {
    if (now.some(({ device }) => isDevice(device))) await loadDrivers();
    for (const entry of now) if (await isThere(entry)) await mountOne(entry).catch((error: unknown) => { log.info(`mounts: ${causeOf(error)}; tried again later`); });
  };
  await withTimeout(work(), bootMs, 'the configured mounts').catch((error: unknown) => { log.info(`mounts: ${causeOf(error)}`); });
}

/** In their order, for one may lie in another; those of the network last. Answers what failed, in words. */
async function mountAll(machine: Machine, wanted: readonly MountSetting[]): Promise<string[]> {
  const failures: string[] = [];
  for (const entry of [...wanted.filter(({ type }) => !isNetwork(type)), ...wanted.filter(({ type }) => isNetwork(type))]) {
    try {
      if (await isMounted(entry)) continue;
      await untilThere(machine, entry);
      await mountOne(entry);
    } catch (error) {
      failures.push(causeOf(error));
    }
  }
  return failures;
}

async function untilThere({ clock, services }: Machine, entry: MountSetting): Promise<void> {
  if (isNetwork(entry.type)) { await services.until(() => services.isReady('network'), networkMs, () => `cannot mount "${entry.device}" on "${entry.point}": the network is not up`); return; }
  if (await isThere(entry)) return;
  const isHere = async (): Promise<void> => { if (!(await isThere(entry))) throw new Error(); };
  await waitFor(isHere, { clock, what: `"${entry.device}"`, timeoutMs: deviceMs, pauseMs: 500, maxPauseMs: 4000 })
    .catch(() => { throw failure(entry, 'there is no such device or folder'); });
}

async function isThere({ device, type, options }: MountSetting): Promise<boolean> {
  if (isDevice(device)) return (await findDevice(device).catch(() => undefined)) !== undefined;
  return type === 'swap' || isBind(options) ? exists(device) : true;
}

async function isMounted({ device, point, type }: MountSetting): Promise<boolean> {
  if (type === 'swap') { const file = await findDevice(device) ?? device; return (await swaps()).includes(file); }
  return (await mounts()).some(({ target }) => target === normalizePoint(point));
}

async function mountOne(entry: MountSetting): Promise<void> {
  const { device, point, type } = entry;
  if (await isMounted(entry)) return;
  if (type === 'swap') { await call('swapon', [device], entry); return; }
  await makePoint(entry);
  if (!isNfs(type)) { await call('mount', mountArguments(entry), entry); return; }
  await mountNfs(entry);
  if (!(await mounts()).some(({ target }) => target === normalizePoint(point))) throw failure(entry, 'it is not there after mounting');
}

/** The arguments of mount(8). A setuid file or a device on a disk that is mounted gains nothing unless the entry says so. Pure. */
export function mountArguments({ device, point, type, options }: MountSetting): string[] {
  const said = options.split(',').map((option) => option.trim()).filter((option) => option !== '' && option !== 'defaults');
  const guards = isBind(options) ? [] : ['nosuid', 'nodev'].filter((guard) => !said.includes(guard) && !said.includes(guard.slice(2)));
  const all = [...guards, ...said];
  return [...(type === '' || type === 'auto' || isBind(options) ? [] : ['-t', type]), ...(all.length === 0 ? [] : ['-o', all.join(',')]), '--', device, normalizePoint(point)];
}

/** Without a helper program: the kernel does it all when it is told the server's address and a version. */
async function mountNfs(entry: MountSetting): Promise<void> {
  const at = entry.device.lastIndexOf(':/');
  if (at <= 0) throw failure(entry, 'it is not SERVER:/FOLDER');
  const host = entry.device.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  const { address } = await lookup(host).catch((error: unknown) => { throw failure(entry, `there is no address of "${host}": ${causeOf(error)}`); });
  const hasVersion = /(?:^|,)(?:nfs)?vers=/.test(entry.options);
  const versions = hasVersion ? [''] : entry.type === 'nfs4' ? ['vers=4.2', 'vers=4.0'] : ['vers=4.2', 'vers=4.0', 'vers=3,nolock'];
  let last: unknown;
  for (const version of versions) {
    const options = [entry.options, version, `addr=${address}`].filter((option) => option !== '').join(',');
    try { await call('mount', ['-i', ...mountArguments({ ...entry, type: 'nfs', options })], entry); return; } catch (error) { last = error; if (error instanceof RosError && error.code === 'ERR_ROS_TIMEOUT') break; }
  }
  throw last;
}

/** A file for a file, a folder for all else. */
async function makePoint(entry: MountSetting): Promise<void> {
  const point = normalizePoint(entry.point);
  // Node tries to make a folder in there for ever.
  if (isKernels(point)) throw failure(entry, 'that is the kernel\'s');
  try {
    const isFile = isBind(entry.options) && (await stat(entry.device)).isFile();
    await mkdir(isFile ? dirname(point) : point, { recursive: true });
    if (isFile && !(await exists(point))) await writeFile(point, '', { flag: 'wx' });
  } catch (error) {
    const isReadOnly = (error as NodeJS.ErrnoException).code === 'EROFS';
    throw failure(entry, isReadOnly ? 'the system is read-only there; /mnt and /media are for this' : causeOf(error));
  }
}

/** What is in `before` and not in `after`, the last first. */
async function unmountGone(before: readonly MountSetting[], after: readonly MountSetting[]): Promise<string[]> {
  const failures: string[] = [];
  for (const entry of missingFrom(before, after).reverse()) {
    if (!(await isMounted(entry))) continue;
    const [program, target] = entry.type === 'swap' ? ['swapoff', entry.device] : ['umount', normalizePoint(entry.point)];
    const { code, stderr } = await tryRun(program, ['--', target], { timeoutMs: mountMs });
    if (code !== 0) failures.push(`cannot unmount "${entry.point}": ${stderr.trim().split('\n').at(-1) ?? ''}`);
  }
  return failures;
}

async function call(program: string, args: readonly string[], entry: MountSetting): Promise<void> {
  const { code, stderr } = await tryRun(program, args, { timeoutMs: mountMs });
  if (code !== 0) throw failure(entry, stderr.trim().replace(/^mount: [^:]*: /, '').split('\n')[0] ?? `exit code ${code}`);
}

function failure({ device, point }: MountSetting, cause: string): RosError { return new RosError('ERR_ROS_MOUNT', `cannot mount "${device}" on "${point}": ${cause}`); }

/** Files and devices that the kernel swaps to now. */
export async function swaps(): Promise<string[]> {
  return ((await readTextFile('/proc/swaps', 65_536)) ?? '').split('\n').slice(1).map((line) => line.split(/\s/)[0] ?? '').filter((file) => file !== '');
}

function missingFrom(entries: readonly MountSetting[], others: readonly MountSetting[]): MountSetting[] {
  return entries.filter((entry) => !others.some((other) => isDeepStrictEqual(entry, other)));
}

/** In a file system of the kernel's, where nothing can be made. */
export function isKernels(path: string): boolean { return /^\/(?:proc|sys)(?:\/|$)/.test(normalize(path)); }

function isDevice(device: string): boolean { return device.startsWith('/dev/') || /^(?:LABEL|UUID|PARTLABEL|PARTUUID)=/.test(device); }
function isBind(options: string): boolean { return options.split(',').some((option) => option.trim() === 'bind' || option.trim() === 'rbind'); }
function isNfs(type: string): boolean { return type === 'nfs' || type === 'nfs4'; }
function isNetwork(type: string): boolean { return isNfs(type) || type === 'cifs'; }
/** As /proc/mounts has it. */
function normalizePoint(point: string): Mount['target'] { return normalize(point).replace(/(?<=.)\/+$/, ''); }
