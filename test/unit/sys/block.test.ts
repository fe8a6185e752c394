import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { disksUnder, geometryOf, isHeld, isWriteProtected, partitionsOf } from '../../../src/sys/block.ts';
import { parseDevices } from '../../../src/sys/disk.ts';
import { raidArrays } from '../../../src/sys/raid.ts';

let sys: string;
beforeEach(() => { sys = mkdtempSync(join(tmpdir(), 'sys-')); });

/** A device as the kernel shows it: its folder is that of its disk's folder, and a link in class/block leads there. */
function device(folder: string, files: Readonly<Record<string, string | number>>): void {
  for (const [file, value] of Object.entries(files)) {
    mkdirSync(dirname(join(sys, 'devices', folder, file)), { recursive: true });
    writeFileSync(join(sys, 'devices', folder, file), `${value}\n`);
  }
  mkdirSync(join(sys, 'class/block'), { recursive: true });
  symlinkSync(join(sys, 'devices', folder), join(sys, 'class/block', folder.split('/').at(-1) ?? ''));
}

describe('where a device lies', () => {
  beforeEach(() => {
    device('sda', { size: 20_000_000, ro: 0 });
    device('sda/sda1', { partition: 1, start: 2048, size: 2048, ro: 0 });
    device('sda/sda5', { partition: 5, start: 1_000_000, size: 5_000_000, ro: 1 });
    device('dm-0', { size: 4_000_000, 'slaves/sda5': '' });
    device('md127', { size: 4_000_000, 'slaves/dm-0': '', 'holders/dm-1': '', 'md/array_state': 'clean', 'md/level': 'raid1', 'md/raid_disks': 2, 'md/degraded': 1 });
  });

  test('a partition, on its disk', async () => {
    expect(await geometryOf('/dev/sda5', sys)).toEqual({ sectors: 5_000_000, partition: { disk: '/dev/sda', number: 5, start: 1_000_000, diskSectors: 20_000_000, isLast: true } });
    expect(await geometryOf('/dev/sda1', sys)).toMatchObject({ partition: { isLast: false } });
    expect(await partitionsOf('/dev/sda', sys)).toEqual(['/dev/sda1', '/dev/sda5']);
  });

  test('a whole disk, a mapping, and what is not there', async () => {
    expect(await geometryOf('/dev/sda', sys)).toEqual({ sectors: 20_000_000 });
    expect(await geometryOf('/dev/dm-0', sys)).toEqual({ sectors: 4_000_000 });
    expect(await geometryOf('/dev/sdz', sys)).toBeUndefined();
  });

  test('the disks under it, however many layers there are', async () => {
    expect(await disksUnder('/dev/md127', sys)).toEqual(['/dev/sda']);
    expect(await disksUnder('/dev/sda1', sys)).toEqual(['/dev/sda']);
    expect(await disksUnder('/dev/sda', sys)).toEqual(['/dev/sda']);
  });

  test('whether it can be written, and whether something is made of it', async () => {
    expect(await isWriteProtected('/dev/sda5', sys)).toBe(true);
    expect(await isWriteProtected('/dev/sda1', sys)).toBe(false);
    expect(await isHeld('/dev/md127', sys)).toBe(true);
    expect(await isHeld('/dev/sda1', sys)).toBe(false);
  });

  test('the arrays, and what they lack', async () => {
    expect(await raidArrays(sys)).toEqual([{ name: 'md127', level: 'raid1', isActive: true, disks: 2, missing: 1 }]);
  });
});

test('what blkid says of all devices is read, blanks and all', () => {
  expect(parseDevices('DEVNAME=/dev/vda5\nLABEL=my\\ state\nUUID=a-b\nBLOCK_SIZE=4096\nTYPE=ext4\nPARTLABEL=RANCHER_STATE\nPARTUUID=c-d\n\nDEVNAME=/dev/vda1\nPARTUUID=e-f\n')).toEqual([
    { name: '/dev/vda5', type: 'ext4', label: 'my state', uuid: 'a-b', partLabel: 'RANCHER_STATE', partUuid: 'c-d' },
    { name: '/dev/vda1', type: '', label: '', uuid: '', partLabel: '', partUuid: 'e-f' },
  ]);
  expect(parseDevices('')).toEqual([]);
});
