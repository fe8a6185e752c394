/** Files: every one that matters is written so that a power cut leaves the old content or the new, never a mix. */
import { constants } from 'node:fs';
import { access, copyFile, mkdir, open, readdir, rename, stat, truncate, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { causeOf, RosError } from '../lib/errors.ts';

let counter = 0;

/** Writes a temporary file beside `path`, fsyncs it, renames it over `path` and fsyncs the directory. */
export async function writeFileAtomic(path: string, data: string | Uint8Array, mode: number): Promise<void> {
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path)}.${process.pid}.${counter++}.tmp`);
  try {
    await mkdir(directory, { recursive: true });
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(data);
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncDirectory(directory);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw new RosError('ERR_ROS_WRITE', `cannot write file "${path}": ${causeOf(error)}`, { cause: error });
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try { await directory.sync(); } finally { await directory.close(); }
}

/** The text of a file, undefined when there is none. A file over `maxBytes` is an error: nobody meant to read that. */
export async function readTextFile(path: string, maxBytes: number): Promise<string | undefined> {
  return (await readBytes(path, maxBytes))?.toString('utf8');
}

/** The bytes of a file, as `readTextFile` reads them. */
export async function readBytes(path: string, maxBytes: number): Promise<Buffer | undefined> {
  let file;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined;
    throw new RosError('ERR_ROS_READ', `cannot read file "${path}": ${causeOf(error)}`, { cause: error });
  }
  try {
    // /proc and /sys say size 0: read until the end or the limit, whatever stat says.
    const chunks: Buffer[] = [];
    let total = 0;
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(65536), 0, 65536, null);
      if (bytesRead === 0) break;
      total += bytesRead;
      if (total > maxBytes) throw new RosError('ERR_ROS_TOO_LARGE', `cannot read file "${path}": it is larger than ${maxBytes} bytes`);
      chunks.push(buffer.subarray(0, bytesRead));
    }
    return Buffer.concat(chunks);
  } catch (error) {
    if (error instanceof RosError) throw error;
    throw new RosError('ERR_ROS_READ', `cannot read file "${path}": ${causeOf(error)}`, { cause: error });
  } finally {
    await file.close();
  }
}

/**
 * Empties a log that has grown over `maxBytes`, and keeps what it held as `<path>.1`. For logs that a process holds open
 * for appending and never opens again; what it writes between the copy and the cut is lost.
 */
export async function boundLog(path: string, maxBytes: number): Promise<void> {
  const size = await stat(path).then((found) => found.size, () => 0);
  if (size <= maxBytes) return;
  await copyFile(path, `${path}.1`);
  await truncate(path);
}

export async function exists(path: string): Promise<boolean> {
  try { await access(path); return true; } catch { return false; }
}

/** The names in a directory, sorted; empty when there is no such directory. */
export async function listDirectory(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
