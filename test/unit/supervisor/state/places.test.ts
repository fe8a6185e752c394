import { describe, expect, test } from 'vitest';
import { filesOfUsers, forgetsSentence, isFull, keeps, mountedPlaces, placesOf } from '../../../../src/supervisor/state/places.ts';

const paths = (mode: 'disk' | 'data' | 'ram', dataDirectories: readonly string[] = []): string[] => mountedPlaces(placesOf({ mode, dataDirectories })).map(({ path }) => path).sort();

describe('what is mounted from the state partition', () => {
  test('everything by default; what lies in another folder comes along with it', () => {
    expect(paths('disk')).toEqual(['/home', '/opt', '/var/etc/docker', '/var/lib/kubelet', '/var/lib/rancher', '/var/lib/system-docker', '/var/lib/user-docker', '/var/log']);
  });

  test('with mode: data, what User Docker has and what was chosen', () => {
    expect(paths('data')).toEqual(['/var/lib/user-docker']);
    expect(paths('data', ['/home', '/srv/www', '/var/lib/rancher/conf'])).toEqual(['/home', '/srv/www', '/var/lib/rancher/conf', '/var/lib/user-docker']);
  });

  test('nothing with mode: ram', () => { expect(paths('ram', ['/home'])).toEqual([]); });

  test('every place is made, kept or not, with its folder before it', () => {
    const places = placesOf({ mode: 'data', dataDirectories: ['/srv/www'] });
    expect(places).toContainEqual({ path: '/var/lib/rancher/conf', mode: 0o700, isKept: false });
    expect(places).toContainEqual({ path: '/srv/www', mode: 0o755, isKept: true });
    expect(places.findIndex(({ path }) => path === '/var/lib/rancher')).toBeLessThan(places.findIndex(({ path }) => path === '/var/lib/rancher/conf'));
  });
});

test('a disk without room for the system, or for its files, is full', () => {
  const space = { bsize: 4096, bfree: 100_000, files: 100_000, ffree: 50_000 };
  expect(isFull(space)).toBe(false);
  expect(isFull({ ...space, bfree: 100 })).toBe(true);
  expect(isFull({ ...space, ffree: 3 })).toBe(true);
  expect(isFull({ ...space, files: 0, ffree: 0 })).toBe(false);
});

describe('what is said of a machine that forgets', () => {
  test('nothing of one that keeps everything', () => { expect(forgetsSentence({ kind: 'disk', device: '/dev/vda5' })).toBeUndefined(); });

  test('what is lost, and why it is in RAM', () => {
    expect(forgetsSentence({ kind: 'ram', note: 'no disk' })).toBe('This machine runs from RAM: nothing survives a reboot, neither configuration nor images, containers, volumes, homes and logs. (no disk)');
  });

  test('what is kept, where it is data only', () => {
    expect(forgetsSentence({ kind: 'ram', device: '/dev/vdb', directories: ['/home', '/var/lib/user-docker'] })).toBe('Only /home, /var/lib/user-docker survive a reboot, on /dev/vdb: everything else of this machine is in RAM.');
  });

  test('a chosen directory is kept, and its neighbours are not', () => {
    const state = { kind: 'ram', device: '/dev/vdb', directories: ['/var/lib/rancher/conf'] } as const;
    expect(keeps(state, '/var/lib/rancher/conf/cloud-config.yml')).toBe(true);
    expect(keeps(state, '/var/lib/rancher/ssh')).toBe(false);
    expect(keeps({ kind: 'ram' }, '/home')).toBe(false);
    expect(keeps({ kind: 'disk', device: '/dev/vdb' }, '/home')).toBe(true);
  });
});

test('users may have nine of ten files of a disk, and on a large one all but some', () => {
  expect([1000, 131_072, 100_000_000].map(filesOfUsers)).toEqual([900, 117_965, 99_934_464]);
});
