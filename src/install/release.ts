/** What an installation is made of: the files of a boot medium, and release.json, which says what each of them must hold. */
import { createHash, type Hash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { causeOf, RosError } from '../lib/errors.ts';
import { readTextFile } from '../sys/files.ts';

export interface ReleaseFile { readonly bytes: number; readonly sha256: string }

export interface Release {
  readonly version: string;
  readonly flavour: string;
  readonly rootHash: string;
  readonly kernelParameters: readonly string[];
  readonly files: Readonly<Record<string, ReleaseFile>>;
}

/** The files that an installed disk needs, below a medium's /corral. */
export const neededFiles = ['vmlinuz', 'initramfs.img', 'root.img', 'boot/boot.img', 'boot/core.img', 'boot/shimx64.efi', 'boot/grubx64.efi', 'boot/mmx64.efi'] as const;
export type NeededFile = (typeof neededFiles)[number];

const releaseLimit = 1024 * 1024;
const chunkBytes = 4 * 1024 * 1024;

export async function readRelease(folder: string): Promise<Release> {
  const path = join(folder, 'release.json');
  const text = await readTextFile(path, releaseLimit);
  if (text === undefined) throw new RosError('ERR_ROS_NO_MEDIUM', `cannot install from "${folder}": there is no release.json, so it is no boot medium of CorralOS`);
  return parseRelease(text, path);
}

/** Pure. `path` is for the error. */
export function parseRelease(text: string, path: string): Release {
  const bad = (cause: string): RosError => new RosError('ERR_ROS_BAD_MEDIUM', `cannot read release "${path}": ${cause}`);
  let value: Partial<Release>;
  try { value = JSON.parse(text) as Partial<Release>; } catch (error) { throw bad(causeOf(error)); }
  const { version, flavour, rootHash, kernelParameters, files } = value ?? {};
  if (typeof version !== 'string' || typeof flavour !== 'string') throw bad('"version" or "flavour" is missing');
  if (typeof rootHash !== 'string' || !/^[0-9a-f]{64}$/.test(rootHash)) throw bad('"rootHash" is not 64 hex digits');
  if (!Array.isArray(kernelParameters) || !kernelParameters.every((parameter) => typeof parameter === 'string')) throw bad('"kernelParameters" is not a list of texts');
  for (const name of neededFiles) {
    const file = files?.[name];
    if (file === undefined) throw bad(`it knows no file "${name}": this medium cannot be installed from`);
    if (!Number.isSafeInteger(file.bytes) || file.bytes <= 0 || !/^[0-9a-f]{64}$/.test(file.sha256)) throw bad(`bytes or sha256 of "${name}" are wrong`);
  }
  return { version, flavour, rootHash, kernelParameters, files: files ?? {} };
}

/** Bounded by its caller, which counts. */
export type OnBytes = (bytes: number) => void;

/** Reads all that is needed once: a damaged medium must be found before anything is written. */
export async function checkMedium(folder: string, release: Release, onBytes: OnBytes): Promise<void> {
  for (const name of neededFiles) {
    const path = join(folder, name);
    const { bytes, sha256 } = wanted(release, name);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() !== true) throw new RosError('ERR_ROS_BAD_MEDIUM', `cannot install file "${path}": it is not on the medium`);
    if (found.size !== bytes || await hashRange(path, 0, bytes, onBytes) !== sha256) throw new RosError('ERR_ROS_BAD_MEDIUM', `cannot install file "${path}": it is damaged, its content is not what release.json says`);
  }
}

export function wanted(release: Release, name: NeededFile): ReleaseFile {
  const file = release.files[name];
  if (file === undefined) throw new RosError('ERR_ROS_INTERNAL', `cannot find file "${name}" in the release`);
  return file;
}

/** The sha256 of a part of a file or device. */
export async function hashRange(path: string, start: number, bytes: number, onBytes: OnBytes = () => undefined): Promise<string> {
  const hash = createHash('sha256');
  await eachChunk(path, start, bytes, (chunk) => { hash.update(chunk); onBytes(chunk.length); });
  return digest(hash);
}

function digest(hash: Hash): string { return hash.digest('hex'); }

/** The buffer is the next chunk's as soon as `take` is done with it. */
export async function eachChunk(path: string, start: number, bytes: number, take: (chunk: Buffer, offset: number) => Promise<void> | void): Promise<void> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(Math.min(chunkBytes, bytes));
    for (let done = 0; done < bytes;) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, bytes - done), start + done);
      if (bytesRead === 0) throw new RosError('ERR_ROS_READ', `cannot read file "${path}": it ends at ${start + done} bytes`);
      await take(buffer.subarray(0, bytesRead), done);
      done += bytesRead;
    }
  } finally {
    await file.close();
  }
}
