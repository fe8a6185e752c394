/**
 * One inode for files of the same content, mode and owner: the root and the images share libraries, and what is one file
 * is on the disk once, unpacked once and in memory once. Nothing writes to any of them.
 */
import { linkSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hashFile } from './hash.ts';

/** Smaller files cost less than the look-up. */
const WORTH_BYTES = 4096;

/** Returns how many bytes the tree lost. */
export function linkDuplicates(folder: string): number {
  const first = new Map<string, string>();
  const bySize = new Map<number, string[]>();
  let saved = 0;
  const visit = (at: string): void => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (entry.isFile()) {
        const { size } = lstatSync(path);
        if (size >= WORTH_BYTES) bySize.set(size, [...(bySize.get(size) ?? []), path]);
      }
    }
  };
  visit(folder);
  for (const [size, paths] of bySize) {
    if (paths.length < 2) continue;
    for (const path of paths.sort()) {
      const { mode, uid, gid, ino } = lstatSync(path);
      const key = `${hashFile(path)} ${mode} ${uid} ${gid}`;
      const other = first.get(key);
      if (other === undefined) { first.set(key, path); continue; }
      if (lstatSync(other).ino === ino) continue;
      rmSync(path);
      linkSync(other, path);
      saved += size;
    }
  }
  return saved;
}
