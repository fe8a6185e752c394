import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diskLayout, mib, sfdiskScript, smallestDiskBytes } from '../../../src/install/layout.ts';

const diskBytes = 10 * 1024 * mib;

describe('the layout of a disk', () => {
  it('has two slots, and gives what is left to the state partition', () => {
    expect(diskLayout(diskBytes).map(({ number, label, startBytes, bytes }) => [number, label, startBytes / mib, bytes / mib])).toEqual([
      [1, 'CORRAL_BIOS', 1, 1], [2, 'CORRAL_BOOT', 2, 256], [3, 'CORRAL_A', 258, 512], [4, 'CORRAL_B', 770, 512], [5, 'RANCHER_STATE', 1282, 8957],
    ]);
  });

  it('says how much is needed of a disk that is too small, and takes one that is just large enough', () => {
    expect(() => diskLayout(smallestDiskBytes - 1)).toThrow('cannot lay out disk: it has 2306 MiB, at least 2307 MiB are needed');
    expect(diskLayout(smallestDiskBytes).at(-1)?.bytes).toBe(1024 * mib);
  });

  it('overlaps nowhere, is aligned and leaves room for the copy of the table, on a disk of any size', () => {
    fc.assert(fc.property(fc.integer({ min: smallestDiskBytes / 512, max: 2 ** 36 }), (sectors) => {
      const partitions = diskLayout(sectors * 512);
      partitions.forEach(({ startBytes, bytes }, index) => {
        expect(startBytes % mib).toBe(0);
        expect(bytes % mib).toBe(0);
        expect(startBytes + bytes).toBeLessThanOrEqual(partitions[index + 1]?.startBytes ?? sectors * 512 - 33 * 512);
      });
    }));
  });
});

describe('the script for sfdisk', () => {
  it('is the same each time for a seed', () => {
    const script = sfdiskScript(diskLayout(diskBytes), { seed: 'v1' });
    expect(script).toBe(sfdiskScript(diskLayout(diskBytes), { seed: 'v1' }));
    expect(script).not.toBe(sfdiskScript(diskLayout(diskBytes), { seed: 'v2' }));
    expect(script.match(/uuid=[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}/g)).toHaveLength(5);
  });

  it('gives an MBR four partitions at the same places, and marks the one that starts', () => {
    expect(sfdiskScript(diskLayout(diskBytes), { table: 'dos' })).toBe([
      'label: dos', 'unit: sectors', '', '1 : start=4096, size=524288, type=ef, bootable', '2 : start=528384, size=1048576, type=83', '3 : start=1576960, size=1048576, type=83', '4 : start=2625536, size=18343936, type=83', '',
    ].join('\n'));
  });

  it('refuses an MBR on a disk of which it could use only a part', () => {
    expect(() => sfdiskScript(diskLayout(3 * 2 ** 40), { table: 'dos' })).toThrow('an MBR partition table ends at 2 TiB');
  });
});
