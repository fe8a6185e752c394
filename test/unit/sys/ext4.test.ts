/** Of filesystems that mkfs.ext4 has made, changed by the programs that change them in life. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { addProjectQuota, removeProjectQuota } from '../../../src/sys/disk.ts';
import { readSuperblock } from '../../../src/sys/ext4.ts';

const file = join(mkdtempSync(join(tmpdir(), 'ext4-')), 'disk');
const environment = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
const run = (program: string, ...args: string[]): void => { execFileSync(program, args, { env: environment, stdio: 'ignore' }); };
const set = (field: string, value: string): void => { run('debugfs', '-w', '-R', `set_super_value ${field} ${value}`, file); };

beforeAll(() => {
  writeFileSync(file, '');
  truncateSync(file, 64 * 2 ** 20);
  run('mkfs.ext4', '-q', '-F', file);
});

test('a new one is clean and as large as its device', async () => {
  expect(await readSuperblock(file)).toEqual({ needsCheck: false, bytes: 64 * 2 ** 20, hasProjectQuota: false, isNew: true });
});

test('one that was made larger says so', async () => {
  truncateSync(file, 96 * 2 ** 20);
  expect((await readSuperblock(file))?.bytes).toBe(64 * 2 ** 20);
  run('resize2fs', file);
  expect((await readSuperblock(file))?.bytes).toBe(96 * 2 ** 20);
});

test.each([['met errors', 'state', '3', '1'], ['was not unmounted', 'state', '0', '1'], ['has been mounted often enough', 'max_mnt_count', '1', '-1']])('one that %s is to be checked', async (_, field, value, before) => {
  if (field === 'max_mnt_count') set('mnt_count', '5');
  set(field, value);
  expect((await readSuperblock(file))?.needsCheck).toBe(true);
  set(field, before);
  expect((await readSuperblock(file))?.needsCheck).toBe(false);
});

test('one whose journal is to be replayed is to be checked', async () => {
  run('debugfs', '-w', '-R', 'feature needs_recovery', file);
  expect((await readSuperblock(file))?.needsCheck).toBe(true);
});

test('what is no such filesystem is none', async () => {
  writeFileSync(file, 'short');
  expect(await readSuperblock(file)).toBeUndefined();
  writeFileSync(file, Buffer.alloc(4096));
  expect(await readSuperblock(file)).toBeUndefined();
});

test('one that can bound files by project says so', async () => {
  truncateSync(file, 64 * 2 ** 20);
  run('mkfs.ext4', '-q', '-F', file);
  await addProjectQuota(file);
  expect(await readSuperblock(file)).toMatchObject({ needsCheck: false, hasProjectQuota: true, isNew: true });
  await removeProjectQuota(file);
  expect(await readSuperblock(file)).toMatchObject({ hasProjectQuota: false });
  run('mkfs.ext4', '-q', '-F', '-O', 'quota', file);
  expect(await readSuperblock(file)).toMatchObject({ hasProjectQuota: false });
  set('mnt_count', '1');
  expect(await readSuperblock(file)).toMatchObject({ isNew: false });
});
