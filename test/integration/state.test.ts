/** What is done to disks, with the programs that do it, on files and loop devices of this machine. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { geometryOf } from '../../src/sys/block.ts';
import { bindAll, checkFilesystem, listDevices, mountOnce, unmount } from '../../src/sys/disk.ts';
import { readSuperblock } from '../../src/sys/ext4.ts';
import { filesystemMayGrow, growFilesystem, growPartition } from '../../src/sys/grow.ts';
import { mounts } from '../../src/sys/proc.ts';

const mib = 2 ** 20;
const environment = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
const run = (program: string, args: readonly string[], input = ''): string => execFileSync(program, args, { env: environment, input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });

let folder: string;
let disk: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'state-'));
  disk = join(folder, 'disk');
  writeFileSync(disk, '');
  truncateSync(disk, 64 * mib);
});
afterEach(() => { rmSync(folder, { recursive: true, force: true }); });

describe('the last partition of a disk that grew', () => {
  const table = (label: string): void => { run('sfdisk', ['-q', disk], `label: ${label}\nstart=2048, size=2048\nstart=4096\n`); };
  const sizeOf = (number: number): number => (JSON.parse(run('sfdisk', ['-J', disk])) as { partitiontable: { partitions: { size: number }[] } }).partitiontable.partitions[number - 1]?.size ?? 0;
  const last = (megabytes: number) => ({ disk, number: 2, start: 4096, diskSectors: megabytes * 2048, isLast: true });

  test.each([['gpt', true], ['dos', false]] as const)('reaches its end (%s), and its table is whole; once more changes nothing', async (label, isGpt) => {
    table(label);
    const before = sizeOf(2);
    truncateSync(disk, 128 * mib);
    await growPartition(last(128), isGpt);
    const after = sizeOf(2);
    expect(after - before).toBeGreaterThanOrEqual(64 * 2048 - 4096);
    expect(sizeOf(1)).toBe(2048);
    expect(run('sfdisk', ['--verify', disk])).toMatch(/No errors detected/);
    await growPartition(last(128), isGpt);
    expect(sizeOf(2)).toBe(after);
  });

  test('after the power went with only the copy of the table moved', async () => {
    table('gpt');
    truncateSync(disk, 128 * mib);
    run('sfdisk', ['-q', '--no-reread', '--force', '--relocate', 'gpt-bak-std', disk]);
    await growPartition(last(128), true);
    expect(sizeOf(2)).toBeGreaterThan(120 * 2048);
  });
});


describe('a filesystem on a device', () => {
  let device = '';
  let point: string;
  beforeEach(() => {
    run('mkfs.ext4', ['-q', '-F', '-L', 'ROS_TEST', disk]);
    truncateSync(disk, 128 * mib);
    device = run('losetup', ['--find', '--show', disk]).trim();
    point = join(folder, 'state');
  });
  afterEach(async () => {
    for (const { target } of (await mounts()).filter((mount) => mount.target.startsWith(folder)).reverse()) await unmount(target);
    run('losetup', ['--detach', device]);
  });

  // Not while it is mounted: this machine may lack the right to that. test/boot/state.test.ts does.
  test('is found, and grows to its device', async () => {
    expect((await listDevices()).find(({ label }) => label === 'ROS_TEST')).toMatchObject({ name: device, type: 'ext4' });
    const [geometry, before] = await Promise.all([geometryOf(device), readSuperblock(device)]);
    expect(geometry).toEqual({ sectors: 128 * 2048 });
    expect(geometry !== undefined && filesystemMayGrow(before?.bytes ?? 0, geometry)).toBe(true);
    await growFilesystem(device);
    expect((await readSuperblock(device))?.bytes).toBe(128 * mib);
    expect(await checkFilesystem(device)).toBeUndefined();
  });

  test('that was left in use asks for a check, which says what it mended', async () => {
    run('debugfs', ['-w', '-R', 'set_super_value state 3', device]);
    run('debugfs', ['-w', '-R', 'set_super_value free_blocks_count 7', device]);
    expect((await readSuperblock(device))?.needsCheck).toBe(true);
    expect(await checkFilesystem(device)).toContain('ROS_TEST');
    expect((await readSuperblock(device))?.needsCheck).toBe(false);
  });

  test('gives its folders to their places, all at once and only once', async () => {
    await mountOnce(device, point);
    const binds = ['a', 'with blank'].map((name) => ({ source: join(point, name), target: join(folder, 'places', name) }));
    for (const { source, target } of binds) for (const path of [source, target]) mkdirSync(path, { recursive: true });
    await bindAll(binds, join(folder, 'fstab'));
    await bindAll(binds, join(folder, 'fstab'));
    for (const { source, target } of binds) {
      writeFileSync(join(source, 'file'), 'seen');
      expect(readFileSync(join(target, 'file'), 'utf8')).toBe('seen');
      expect((await mounts()).filter((mount) => mount.target === target)).toHaveLength(1);
    }
  });
});
