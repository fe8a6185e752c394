import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { firstFile, packTar } from '../../../src/sys/tar-pack.ts';

const content = Buffer.from('häl\0lo');

describe('an archive', () => {
  it('is one that tar reads, with long and foreign names', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tar-'));
    try {
      const long = `/etc/${'ä'.repeat(90)}/${'b'.repeat(99)}`;
      writeFileSync(join(folder, 'a.tar'), packTar([{ path: '/etc/x', kind: 'file', mode: 0o640, uid: 1100, gid: 7, content }, { path: '/d/', kind: 'folder', mode: 0o755, uid: 0, gid: 0 }, { path: long, kind: 'file', mode: 0o600, uid: 0, gid: 0, content: Buffer.alloc(1025, 'z') }]));
      const listed = execFileSync('tar', ['--numeric-owner', '-tvf', join(folder, 'a.tar')], { env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' } }).toString().split('\n');
      expect(listed[0]).toMatch(/^-rw-r----- 1100\/7 +7 .* etc\/x$/);
      expect(listed[1]).toMatch(/^drwxr-xr-x 0\/0 .* d\/$/);
      expect(listed[2]).toMatch(new RegExp(`^-rw------- 0/0 +1025 .* ${long.slice(1)}$`));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('gives its first file back', () => {
    expect(firstFile(packTar([{ path: 'd', kind: 'folder', mode: 0o755, uid: 0, gid: 0 }, { path: 'x', kind: 'file', mode: 0o644, uid: 0, gid: 0, content }]))).toEqual(content);
    expect(firstFile(packTar([]))).toBeUndefined();
    expect(() => firstFile(packTar([{ path: 'x', kind: 'file', mode: 0o644, uid: 0, gid: 0, content: Buffer.alloc(2000) }]).subarray(0, 1024))).toThrow('cut short');
  });
});
