/** Files that a command leaves where its user says, private keys among them. */
import { lstat, mkdir, open, rename, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { causeOf, RosError } from '../lib/errors.ts';

export interface WrittenFile { readonly name: string; readonly text: string; readonly mode: number }
export interface Owner { readonly uid: number; readonly gid: number }

/**
 * Writes files into a directory that is made (0700) when it is missing. Root does it as whoever owns the first part of the
 * path that is not root's: in somebody's home a link must not lead further than he could go himself. Where all of it is
 * root's, the files become `owner`'s.
 */
export async function writeFiles(directory: string, files: readonly WrittenFile[], owner: Owner): Promise<void> {
  const path = resolve(directory);
  const other = process.geteuid?.() === 0 ? await firstOwner(path) : undefined;
  try {
    await acting(other, async () => {
      await mkdir(path, { recursive: true, mode: 0o700 });
      for (const file of files) await writeOne(path, file, process.geteuid?.() === 0 ? owner : undefined);
    });
  } catch (error) {
    throw new RosError('ERR_ROS_WRITE', `cannot write into directory "${directory}": ${causeOf(error)}`, { cause: error });
  }
}

async function firstOwner(path: string): Promise<Owner | undefined> {
  const parts = path.split('/').filter((part) => part !== '');
  for (let count = 1; count <= parts.length; count++) {
    const found = await lstat(`/${parts.slice(0, count).join('/')}`).catch(() => undefined);
    if (found === undefined) return undefined;
    if (found.uid !== 0) return { uid: found.uid, gid: found.gid };
  }
  return undefined;
}

async function acting<T>(owner: Owner | undefined, work: () => Promise<T>): Promise<T> {
  if (owner === undefined) return work();
  const groups = process.getgroups?.() ?? [];
  process.setgroups?.([]);
  process.setegid?.(owner.gid);
  process.seteuid?.(owner.uid);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    process.setgroups?.(groups);
  }
}

/** The old file or the new one, and never one that a link points to. */
async function writeOne(directory: string, { name, text, mode }: WrittenFile, owner: Owner | undefined): Promise<void> {
  const temporary = join(directory, `.${name}.${process.pid}.tmp`);
  const file = await open(temporary, 'wx', mode);
  try {
    try {
      await file.writeFile(text);
      await file.chmod(mode);
      if (owner !== undefined) await file.chown(owner.uid, owner.gid);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, join(directory, name));
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}
