import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeCpio, writeTar, type ArchiveEntry } from '../../../scripts/lib/archive.ts';
import { sha256 } from '../../../scripts/lib/hash.ts';

const long = `${'folder/'.repeat(20)}file`;
const entries: readonly ArchiveEntry[] = [
  { path: 'etc', kind: 'folder', mode: 0o755 },
  { path: 'etc/su', kind: 'file', mode: 0o4755, uid: 12, gid: 34, content: Buffer.from('hello') },
  { path: 'etc/again', kind: 'hardlink', mode: 0o4755, to: 'etc/su' },
  { path: 'link', kind: 'link', mode: 0o777, to: `/${long}` },
  { path: long, kind: 'file', mode: 0o644, content: Buffer.alloc(1000, 'x') },
];

let folder = '';
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'archive-')); });
afterEach(() => { rmSync(folder, { recursive: true }); });

describe('the tar writer', () => {
  it('writes what tar reads: modes, owners, links and names over 100 bytes', () => {
    const file = join(folder, 'x.tar');
    writeTar(file, entries);
    const listed = execFileSync('tar', ['--numeric-owner', '-tvf', file], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
    expect(listed).toMatch(/^drwxr-xr-x 0\/0 .* etc\/$/m);
    expect(listed).toMatch(/^-rwsr-xr-x 12\/34 +5 .* etc\/su$/m);
    expect(listed).toMatch(/^h.* etc\/again link to etc\/su$/m);
    expect(listed).toContain(`link -> /${long}\n`);
    expect(listed).toMatch(new RegExp(` 1000 .* ${long}$`, 'm'));
    expect(execFileSync('tar', ['-xOf', file, 'etc/su'], { encoding: 'utf8' })).toBe('hello');
  });

  it('returns the hash of the bytes, and the same for the same entries', () => {
    const digests = ['a', 'b'].map((name) => writeTar(join(folder, name), entries));
    expect(digests[0]).toBe(digests[1]);
    expect(digests[0]).toBe(sha256(readFileSync(join(folder, 'a'))));
  });
});

describe('the cpio writer', () => {
  it('aligns every header and file to four bytes and ends with the trailer', () => {
    const cpio = makeCpio([
      { path: 'bin', kind: 'folder', mode: 0o755 },
      { path: 'init', kind: 'file', mode: 0o755, content: Buffer.from('12345') },
      { path: 'bin/sh', kind: 'link', mode: 0o777, to: 'busybox' },
    ]);
    const found: { name: string; mode: string; size: number }[] = [];
    for (let at = 0; at < cpio.length;) {
      expect(cpio.toString('latin1', at, at + 6)).toBe('070701');
      const field = (index: number): number => parseInt(cpio.toString('latin1', at + 6 + 8 * index, at + 14 + 8 * index), 16);
      const [mode, size, nameSize] = [field(1), field(6), field(11)];
      found.push({ name: cpio.toString('latin1', at + 110, at + 110 + nameSize - 1), mode: mode.toString(8), size });
      at = Math.ceil((at + 110 + nameSize) / 4) * 4;
      at = Math.ceil((at + size) / 4) * 4;
    }
    expect(found).toEqual([
      { name: 'bin', mode: '40755', size: 0 }, { name: 'init', mode: '100755', size: 5 },
      { name: 'bin/sh', mode: '120777', size: 7 }, { name: 'TRAILER!!!', mode: '0', size: 0 },
    ]);
  });
});
