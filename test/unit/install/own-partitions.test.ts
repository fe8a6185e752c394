import { describe, expect, it } from 'vitest';
import { bootSectorFor, coreAt, corePlace } from '../../../src/install/core-place.ts';
import type { BlockDevice } from '../../../src/install/disks.ts';
import { ownPartitions } from '../../../src/install/own-partitions.ts';
import { neededFiles, type Release } from '../../../src/install/release.ts';
import { rootArchive } from '../../../src/install/root-archive.ts';

const mib = 1024 * 1024;
const device = (path: string, over: Partial<BlockDevice> = {}): BlockDevice => ({
  path, type: 'part', bytes: 600 * mib, sectorBytes: 512, readOnly: false, model: '', serial: '', transport: '', table: '', filesystem: '', label: '', partitionLabel: '', uuid: 'u1', mountedAt: [], children: [], ...over,
});
const release: Release = { version: 'v1', flavour: 'metal', rootHash: 'a'.repeat(64), kernelParameters: [], files: Object.fromEntries(neededFiles.map((name) => [name, { bytes: name === 'root.img' ? 200 * mib : 10 * mib, sha256: 'b'.repeat(64) }])) };
const state = device('/dev/sda3', { filesystem: 'ext4', label: 'RANCHER_STATE' });
const boot = device('/dev/sda1', { filesystem: 'vfat', label: 'CORRAL_BOOT' });
const slot = device('/dev/sda2', { partitionLabel: 'CORRAL_A' });
const disk = (path: string, ...children: BlockDevice[]): BlockDevice => device(path, { type: 'disk', children });

describe('the partitions that are meant', () => {
  it('are found by label and name', () => {
    expect(ownPartitions([disk('/dev/sda', boot, slot, state)], release)).toMatchObject({ state: { path: '/dev/sda3' }, boot: { path: '/dev/sda1' }, bootDisk: { path: '/dev/sda' }, slot: { path: '/dev/sda2' }, notes: [] });
  });

  it('may have RancherOS\'s label for boot, with which only UEFI starts', () => {
    expect(ownPartitions([disk('/dev/sda', { ...boot, label: 'RANCHER_BOOT' }, slot, state)], release).notes).toEqual(['the boot partition is not called CORRAL_BOOT: it starts with UEFI only']);
  });

  it('are the first of several, which is said; on a disk that is named the one there', () => {
    const both = [disk('/dev/sda', boot, slot, state), disk('/dev/sdb', { ...state, path: '/dev/sdb1' })];
    expect(ownPartitions(both, release).notes).toEqual(['several partitions are called RANCHER_STATE: /dev/sda3 is taken, being the first; not /dev/sdb1 ("-d" names the disk)']);
    expect(() => ownPartitions(both, release, { disk: '/dev/sdb' })).toThrow('there is no file system with the label CORRAL_BOOT or RANCHER_BOOT on "/dev/sdb"');
    expect(ownPartitions(both, release, { partition: '/dev/sdb1' })).toMatchObject({ state: { path: '/dev/sdb1' }, notes: [] });
  });

  it.each<[string, BlockDevice[], string]>([
    ['no state partition', [boot, slot], 'there is no file system with the label RANCHER_STATE'],
    ['no boot partition', [state, slot], 'there is no file system with the label CORRAL_BOOT or RANCHER_BOOT'],
    ['a boot partition that is not FAT', [state, { ...boot, filesystem: 'ext4' }], '"/dev/sda1" is "ext4", and the boot loader reads FAT'],
    ['a slot that is too small', [state, boot, { ...slot, bytes: 100 * mib }], '"/dev/sda2": it has 100 MiB, at least 200 MiB are needed'],
    ['a boot partition that cannot hold the system too', [state, { ...boot, bytes: 200 * mib }], '"/dev/sda1": it has 200 MiB, at least 258 MiB are needed'],
    ['one that is mounted', [boot, slot, { ...state, mountedAt: ['/state'] }], 'cannot install to partition "/dev/sda3": it is mounted on "/state"'],
  ])('are refused with %s', (_what, parts, cause) => { expect(() => ownPartitions([disk('/dev/sda', ...parts)], release)).toThrow(cause); });
});

describe('GRUB\'s core image', () => {
  const json = (label: string, ...partitions: object[]): string => JSON.stringify({ partitiontable: { label, partitions } });
  it('goes into a BIOS boot partition that is large enough, into the gap of an MBR, or nowhere', () => {
    const bios = { start: 34, size: 200, type: '21686148-6449-6E6F-744E-656564454649' };
    expect(corePlace(json('gpt', { start: 4096, size: 9, type: 'X' }, bios), 200 * 512)).toEqual({ startBytes: 34 * 512 });
    expect(corePlace(json('gpt', bios), 200 * 512 + 1)).toBeUndefined();
    expect(corePlace(json('dos', { start: 2048, size: 9, type: '83' }), 2047 * 512)).toEqual({ startBytes: 512 });
    expect(corePlace(json('dos', { start: 63, size: 9, type: '83' }), 64 * 512)).toBeUndefined();
    expect(corePlace(json('dos'), 1)).toBeUndefined();
    expect(corePlace('{}', 1)).toBeUndefined();
  });

  it('says where it lies, and the boot sector too', () => {
    const place = { startBytes: 34 * 512 };
    expect(bootSectorFor(Buffer.alloc(512, 7), place).readBigUInt64LE(0x5c)).toBe(34n);
    expect(bootSectorFor(Buffer.alloc(512, 7), place)).toHaveLength(440);
    expect(coreAt(Buffer.alloc(1024), place).readBigUInt64LE(0x1f4)).toBe(35n);
  });
});

it('a root image as an archive has parts whose lengths are multiples of four, as the kernel wants them', () => {
  for (const bytes of [1, 2, 3, 4, 4096]) {
    const { before, after } = rootArchive(bytes);
    expect((before.length + bytes + after.length) % 4).toBe(0);
    expect(before.toString('latin1')).toMatch(/^070701[0-9a-f]{104}root\.img\0+$/);
  }
});
