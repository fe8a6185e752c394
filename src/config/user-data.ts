/** User-data as datasources hand it over: what it is, and kept for the boots to come once it has proven right. */
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { causeOf } from '../lib/errors.ts';
import { readTextFile, writeFileAtomic } from '../sys/files.ts';
import { maxConfigBytes, parseLayer } from './load.ts';
import { formatMetadata, metadataFile, type Metadata } from './metadata.ts';
import type { Problem } from './problem.ts';

export type UserData =
  | { readonly kind: 'cloud-config' | 'script'; readonly text: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'unusable'; readonly reason: string };

/** Sorts user-data by its first line, as RancherOS does. Unpacks gzip, to at most the size a cloud-config may have. */
export async function readUserData(bytes: Uint8Array): Promise<UserData> {
  let content = Buffer.from(bytes);
  if (content[0] === 0x1f && content[1] === 0x8b) {
    try {
      content = await promisify(gunzip)(content, { maxOutputLength: maxConfigBytes });
    } catch {
      return { kind: 'unusable', reason: 'it is gzip, but cut short, damaged or too large' };
    }
  }
  if (content.length > maxConfigBytes) return { kind: 'unusable', reason: `it is larger than ${maxConfigBytes} bytes` };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    return { kind: 'unusable', reason: 'it is neither text nor gzip' };
  }
  if (text.trim() === '') return { kind: 'none' };
  if (text.startsWith('#!')) return { kind: 'script', text };
  if (/^#cloud-config\s*?(?:\r?\n|$)/.test(text)) return { kind: 'cloud-config', text };
  return { kind: 'unusable', reason: 'it begins with neither "#cloud-config" nor "#!"' };
}

/** What a datasource found. Bytes and texts are as found: judged here. */
export interface Found {
  /** Which datasource and where, for people: `configdrive on /dev/sr0`. */
  readonly source: string;
  readonly userData: Uint8Array | undefined;
  readonly metadata: Metadata | undefined;
  readonly problems: readonly Problem[];
}

export interface Saved {
  /** Whether a file was written: the configuration must be loaded again. */
  readonly changed: boolean;
  readonly problems: readonly Problem[];
}

/** Saves what was found. Bad user-data is not saved: what the last good one left stays in force. Never throws. */
export async function saveFound(confDirectory: string, found: Found): Promise<Saved> {
  const problems = [...found.problems];
  let changed = false;
  const save = async (name: string, text: string, mode: number): Promise<void> => {
    const path = join(confDirectory, name);
    try {
      await mkdir(confDirectory, { recursive: true, mode: 0o700 });
      await chmod(confDirectory, 0o700);
      if (await sameText(path, text)) return;
      await writeFileAtomic(path, text, mode);
      changed = true;
    } catch (error) {
      problems.push({ severity: 'error', source: path, message: causeOf(error) });
    }
  };

  if (found.metadata !== undefined) await save(metadataFile, formatMetadata(found.source, found.metadata), 0o600);
  const userData: UserData = found.userData === undefined ? { kind: 'none' } : await readUserData(found.userData);
  if (userData.kind === 'unusable') problems.push(notSaved(found.source, userData.reason));
  else if (userData.kind === 'script') await save('cloud-config-script', userData.text, 0o700);
  else if (userData.kind === 'cloud-config') {
    const parsed = parseLayer(userData.text, `user-data of ${found.source}`);
    problems.push(...parsed.problems);
    if (parsed.valid) await save('cloud-config.d/boot.yml', userData.text, 0o600);
    else problems.push(notSaved(found.source, 'of the errors above'));
  }
  return { changed, problems };
}

function notSaved(source: string, reason: string): Problem {
  return { severity: 'error', source: `user-data of ${source}`, message: `not used because ${reason}; the last good user-data, if any, stays in force` };
}

/** Unchanged files are left alone, so that a boot does not wear the disk. One that cannot be read is written anew. */
async function sameText(path: string, text: string): Promise<boolean> {
  try {
    return await readTextFile(path, maxConfigBytes) === text;
  } catch {
    return false;
  }
}
