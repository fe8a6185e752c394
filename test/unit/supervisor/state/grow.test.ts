import { describe, expect, test } from 'vitest';
import { filesystemMayGrow, mayGrow } from '../../../../src/sys/grow.ts';
import { growsByItself } from '../../../../src/supervisor/state/grow.ts';
import { diskWarning } from '../../../../src/supervisor/state/watch.ts';
import { raidWarning } from '../../../../src/sys/raid.ts';

const gib = 2 ** 30 / 512;
/** The installer's: from 2 GiB to the end of a disk of 8 GiB, which has grown since. */
const geometry = (diskSectors: number, isLast = true) => ({ sectors: 6 * gib - 2048, partition: { disk: '/dev/vda', number: 5, start: 2 * gib, diskSectors, isLast } });
const ours = { partLabel: 'RANCHER_STATE', partUuid: '0e04c70c-2f8f-a647-b49d-ef68ce383b18' };

describe('a partition grows', () => {
  test('when there is room behind it, and no other partition', () => {
    expect(mayGrow(geometry(10 * gib))).toBe(true);
    expect(mayGrow(geometry(10 * gib, false))).toBe(false);
    expect(mayGrow({ sectors: gib })).toBe(false);
  });

  test('not for what the table itself needs at the end of the disk', () => { expect(mayGrow(geometry(8 * gib))).toBe(false); });

  test('by itself only when it is the installer\'s', () => {
    expect(growsByItself(ours, geometry(10 * gib))).toBe(true);
    expect(growsByItself({ ...ours, partLabel: 'data' }, geometry(10 * gib))).toBe(false);
    expect(growsByItself({ ...ours, partUuid: '7974d02d-05' }, geometry(10 * gib))).toBe(false);
  });
});

test('a filesystem grows to its partition, also when the power went between the two', () => {
  expect(filesystemMayGrow(6 * 2 ** 30, { sectors: 8 * gib })).toBe(true);
  expect(filesystemMayGrow(6 * 2 ** 30 - 4096, { sectors: 6 * gib })).toBe(false);
});

describe('what befalls a disk while the machine runs', () => {
  const mount = (options: string) => [{ source: 'tmpfs', target: '/state', type: 'tmpfs', options: 'rw' }, { source: '/dev/vdb', target: '/state', type: 'ext4', options }];

  test('the kernel stops writing to it', () => {
    expect(diskWarning(mount('rw,nosuid,nodev,noatime,errors=remount-ro'), 0)).toBeUndefined();
    expect(diskWarning(mount('ro,nosuid,nodev,noatime'), 0)).toMatch(/^The state disk \/dev\/vdb has failed and is read-only since/);
    expect(diskWarning(mount('rw,nosuid,emergency_ro'), 1)).toMatch(/read-only since/);
    expect(diskWarning([], 1)).toBeUndefined();
  });

  test('it has met errors, and goes on', () => {
    expect(diskWarning(mount('rw,nosuid'), 3)).toMatch(/^The state disk \/dev\/vdb has met errors \(3 so far\): what changes/);
  });

  test('an array loses one', () => {
    const array = { name: 'md127', level: 'raid1', isActive: true, disks: 2, missing: 0 };
    expect(raidWarning([array])).toBeUndefined();
    expect(raidWarning([array, { ...array, missing: 1 }])).toMatch(/^RAID array md127 \(raid1\) is degraded: 1 of its 2 disks/);
  });
});
