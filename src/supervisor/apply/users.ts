/** The users of the configuration on their way into the console: worked out from its own files, put ready for it, homes made. */
import { chown, lchown, lstat, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../../config/index.ts';
import { causeOf, RosError } from '../../lib/errors.ts';
import { isErrno, readTextFile, writeFileAtomic } from '../../sys/files.ts';
import { paths, type Machine } from '../machine.ts';
import { mergeAccounts, noAccounts, type AccountFiles, type AccountRecord, type Home } from './accounts.ts';

/** Numbers must outlive the console's container: files are owned by them. */
const recordFile = join(paths.rancher, 'accounts.json');
/** `console-refresh` moves these into place and removes the folder. */
const staged = join(paths.console, 'accounts');
const limit = 1024 * 1024;
const shadowGid = 42;
const imageUsers: readonly Home[] = [{ path: '/home/rancher', uid: 1100, gid: 1100 }, { path: '/home/docker', uid: 1101, gid: 1101 }];

/** Homes of the image's own users: early, for files and mounts of the configuration may lie in them. */
export async function makeImageHomes(): Promise<void> { for (const home of imageUsers) await makeHome(home); }

/**
 * Puts the console's account files ready, with the users and groups of the configuration in them; `containerId` is the
 * console's when it does not run yet. Answers what could not be made, in words. Does nothing, at no cost, on a machine that has
 * never had any.
 */
export async function stageAccounts(machine: Machine, settings: Settings, containerId?: string): Promise<readonly string[]> {
  const { users, groups } = settings;
  const record = await readRecord();
  if (users.length === 0 && groups.length === 0 && record === undefined) return [];
  const id = containerId ?? (await machine.systemEngine.inspect('console'))?.id;
  if (id === undefined) return [];
  const merged = mergeAccounts(await readAccounts(machine, id), record ?? noAccounts, users, groups);
  await writeFileAtomic(recordFile, JSON.stringify(merged.record), 0o600);
  await mkdir(paths.console, { recursive: true, mode: 0o700 });
  await rm(staged, { recursive: true, force: true });
  await mkdir(staged, { mode: 0o700 });
  for (const [name, mode] of [['passwd', 0o644], ['group', 0o644], ['shadow', 0o640]] as const) await writeFileAtomic(join(staged, name), merged.files[name], mode);
  await chown(join(staged, 'shadow'), 0, shadowGid);
  await writeFileAtomic(join(staged, 'sudoers'), merged.sudoers, 0o440);
  const problems = [...merged.problems];
  for (const home of merged.homes) await makeHome(home).catch((error: unknown) => { problems.push(`cannot make folder "${home.path}": ${causeOf(error)}`); });
  return problems;
}

async function readAccounts({ systemEngine }: Machine, id: string): Promise<AccountFiles> {
  const read = async (path: string): Promise<string> => {
    const bytes = await systemEngine.readFile(id, path, limit);
    if (bytes === undefined) throw new RosError('ERR_ROS_CONSOLE', `cannot make users: the console has no ${path}`);
    return bytes.toString('utf8');
  };
  return { passwd: await read('/etc/passwd'), group: await read('/etc/group'), shadow: await read('/etc/shadow') };
}

async function readRecord(): Promise<AccountRecord | undefined> {
  const text = await readTextFile(recordFile, limit);
  try { return text === undefined ? undefined : { ...noAccounts, ...(JSON.parse(text) as Partial<AccountRecord>) }; } catch { return noAccounts; }
}

/**
 * One that is there is left as it is. The root of a user container can write to /home, so nothing is followed; what is
 * elsewhere is the container's, and stays what it is.
 */
async function makeHome({ path, uid, gid }: Home): Promise<void> {
  if (!/^\/home\/[^/]+$/.test(path)) throw new Error('homes are made in /home only');
  try {
    await mkdir(path, { mode: 0o755 });
  } catch (error) {
    if (!isErrno(error, 'EEXIST') || !(await lstat(path)).isDirectory()) throw error;
    return;
  }
  await lchown(path, uid, gid);
}
