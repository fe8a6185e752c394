/** Writers of tar (POSIX, as docker reads it) and cpio (newc, as the kernel reads it). Only what the build needs of both. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { EPOCH } from './context.ts';

export interface ArchiveEntry {
  /** without a leading slash */
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'link' | 'hardlink';
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  /** link target; for a hard link the path of its first name */
  readonly to?: string;
  /** contents: bytes, or the path of a file to read */
  readonly content?: Buffer | string;
}

const BLOCK = 512;

/** Writes a tar and returns the sha256 of its bytes. */
export function writeTar(file: string, entries: Iterable<ArchiveEntry>): string {
  const hash = createHash('sha256');
  const out = openSync(file, 'w', 0o644);
  const write = (bytes: Buffer): void => {
    hash.update(bytes);
    for (let at = 0; at < bytes.length;) at += writeSync(out, bytes, at);
  };
  const pad = (size: number): void => { write(Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)); };
  try {
    for (const entry of entries) {
      const content = entry.kind === 'file' ? contentOf(entry) : Buffer.alloc(0);
      const name = entry.kind === 'folder' ? `${entry.path}/` : entry.path;
      const records = [...longRecord('path', name), ...longRecord('linkpath', entry.to ?? '')].join('');
      if (records !== '') {
        const extended = Buffer.from(records);
        write(tarHeader({ path: 'pax', kind: 'file', mode: 0o644 }, 'pax', extended.length, 'x'));
        write(extended);
        pad(extended.length);
      }
      write(tarHeader(entry, name, content.length));
      write(content);
      pad(content.length);
    }
    write(Buffer.alloc(2 * BLOCK));
  } finally {
    closeSync(out);
  }
  return hash.digest('hex');
}

function contentOf(entry: ArchiveEntry): Buffer {
  if (entry.content === undefined) return Buffer.alloc(0);
  return typeof entry.content === 'string' ? readFileSync(entry.content) : entry.content;
}

/** A pax record for what the 100 bytes of a classic header cannot hold. Its own length is part of it. */
function longRecord(key: string, value: string): string[] {
  if (Buffer.byteLength(value) <= 100 && /^[\x20-\x7e]*$/.test(value)) return [];
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  const length = rest + String(rest + String(rest).length).length;
  return [`${length} ${key}=${value}\n`];
}

const TYPES = { file: '0', hardlink: '1', link: '2', folder: '5' } as const;

function tarHeader(entry: ArchiveEntry, name: string, size: number, type: string = TYPES[entry.kind]): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number): void => { header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1'); };
  header.write(Buffer.from(name).subarray(0, 100).toString('latin1'), 0, 'latin1');
  octal(entry.mode, 100, 8);
  octal(entry.uid ?? 0, 108, 8);
  octal(entry.gid ?? 0, 116, 8);
  octal(size, 124, 12);
  octal(EPOCH, 136, 12);
  header.write(' '.repeat(8), 148, 'latin1'); // the checksum counts itself as spaces
  header.write(type, 156, 'latin1');
  header.write(Buffer.from(entry.to ?? '').subarray(0, 100).toString('latin1'), 157, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  octal(header.reduce((sum, byte) => sum + byte, 0), 148, 7);
  return header;
}

/** A cpio archive in memory: the initramfs is small. */
export function makeCpio(entries: Iterable<ArchiveEntry>): Buffer {
  const parts: Buffer[] = [];
  let inode = 0;
  const add = (path: string, mode: number, content: Buffer, links: number): void => {
    const name = Buffer.from(`${path}\0`);
    inode += 1;
    const fields = [inode, mode, 0, 0, links, EPOCH, content.length, 0, 0, 0, 0, name.length, 0];
    const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
    for (const part of [Buffer.concat([header, name]), content]) parts.push(part, Buffer.alloc((4 - (part.length % 4)) % 4));
  };
  for (const entry of entries) {
    if (entry.kind === 'folder') add(entry.path, 0o040000 | entry.mode, Buffer.alloc(0), 2);
    else if (entry.kind === 'link') add(entry.path, 0o120777, Buffer.from(entry.to ?? ''), 1);
    else add(entry.path, 0o100000 | entry.mode, contentOf(entry), 1);
  }
  inode = -1;
  add('TRAILER!!!', 0, Buffer.alloc(0), 1);
  return Buffer.concat(parts);
}
