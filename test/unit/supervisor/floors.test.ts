import { describe, expect, it } from 'vitest';
import { countsOf, floorsOf, reserveToMake, spaceWarnings, userMemory, weights, type Space } from '../../../src/supervisor/floors.ts';

const mib = 1024 * 1024;
const floors = (memoryMib: number): Record<string, number> =>
  Object.fromEntries(floorsOf({ memoryBytes: memoryMib * mib, threadsMax: 8000, pidMax: 32_768 }).map(({ file, value }) => [file.replace('/sys/fs/cgroup/', ''), Number(value)]));

describe('floors', () => {
  it.each([256, 470, 970, 2000, 8000, 64_000])('of a machine with %i MiB fit into its memory', (memory) => {
    const set = floors(memory);
    const kept = (set['system/memory.min'] ?? 0) + (set['init/memory.min'] ?? 0);
    const user = set['user/memory.max'] ?? 0;
    expect(kept).toBeGreaterThan(0);
    expect(kept).toBeLessThanOrEqual(memory * mib / 3 + 4096);
    expect(kept + user).toBeLessThanOrEqual(memory * mib);
    expect(user).toBeGreaterThanOrEqual(memory * mib * 3 / 5 - 4096);
    expect(user % 4096).toBe(0);
  });

  it('leave the system 384 MiB, or an eighth of a big machine', () => {
    expect(1024 * mib - userMemory(1024 * mib)).toBe(384 * mib);
    expect(16_384 * mib - userMemory(16_384 * mib)).toBe(2048 * mib);
  });

  it('leave three quarters of the processes that there can be', () => {
    expect(floors(1000)['user/pids.max']).toBe(2000);
    expect(floorsOf({ memoryBytes: 1, threadsMax: 500_000, pidMax: 32_768 }).find(({ file }) => file.endsWith('pids.max'))?.value).toBe('8192');
  });

  it('put the system first once User Docker runs, and not before', () => {
    expect(weights.starting.user).toBeGreaterThan(weights.starting.system);
    expect(weights.running.user).toBeLessThan(weights.running.system);
  });
});

describe('counts of the machine\'s root', () => {
  it('are no limit, but where the configuration has set one', () => {
    const names = ['max_inotify_instances', 'max_user_namespaces', 'max_mnt_namespaces'];
    const files = (sysctl: Record<string, string>): string[] => countsOf(names, sysctl).map(({ file }) => file.replace('/proc/sys/', ''));
    expect(files({})).toEqual(['user/max_inotify_instances', 'user/max_user_namespaces', 'user/max_mnt_namespaces', 'fs/file-max']);
    expect(files({ 'fs.inotify.max_user_instances': '512', 'user.max_user_namespaces': '0', 'fs.file-max': '1' })).toEqual(['user/max_mnt_namespaces']);
  });
});

describe('the state disk', () => {
  const space: Space = { blocks: 100_000, bfree: 50_000, bavail: 45_000, files: 10_000, ffree: 5000, bsize: 4096 };

  it('is told of from 90 % on, of what others than root may use', () => {
    expect(spaceWarnings(space)).toEqual({});
    expect(spaceWarnings({ ...space, bfree: 15_000, bavail: 10_000 }).space).toBeUndefined();
    expect(spaceWarnings({ ...space, bfree: 14_000, bavail: 9000 }).space).toMatch(/^The state disk is 90 % full/);
    expect(spaceWarnings({ ...space, bfree: 5000, bavail: 0 }).space).toMatch(/^The state disk is 100 % full/);
  });

  it('is told of when it can hold few more files', () => {
    expect(spaceWarnings({ ...space, ffree: 1001 }).inodes).toBeUndefined();
    expect(spaceWarnings({ ...space, ffree: 1000 }).inodes).toMatch(/^90 % of the files/);
    expect(spaceWarnings({ ...space, files: 0, ffree: 0 }).inodes).toBeUndefined();
  });

  it('gets a reserve where it has none, and keeps the one it has', () => {
    expect(reserveToMake(space)).toBeUndefined();
    expect(reserveToMake({ ...space, bavail: 50_000 })).toBe(5000);
    expect(reserveToMake({ ...space, blocks: 1e9, bfree: 5e8, bavail: 5e8 })).toBe(65_536);
    expect(reserveToMake({ ...space, bfree: 3000, bavail: 0 })).toBeUndefined();
  });
});
