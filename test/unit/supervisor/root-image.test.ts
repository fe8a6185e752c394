import { describe, expect, it } from 'vitest';
import { corruptBlocks, describeDamage } from '../../../src/supervisor/root-image.ts';

const record = (text: string) => ({ atMs: 1, text });

describe('a root image that is not what was built', () => {
  it('is found in the kernel\'s log, and no other device is taken for it', () => {
    const found = corruptBlocks([
      record('device-mapper: verity: sha256 using shash "sha256-generic"'),
      record('device-mapper: verity: 254:0: data block 16013 is corrupted'),
      record('device-mapper: verity: 254:16: data block 1 is corrupted'),
      record('device-mapper: verity: 254:0: metadata block 32027 is corrupted'),
      record('device-mapper: verity: 254:0: reached maximum errors'),
      record('ros: device-mapper: verity: 254:0: data block 2 is corrupted'),
    ], new Map([['254:0', 'vda']]));
    expect(found).toEqual([{ device: 'vda', kind: 'data', block: 16013 }, { device: 'vda', kind: 'metadata', block: 32027 }]);
  });

  it('is told with what to do', () => {
    expect(describeDamage('sda3', 1)).toBe('The root image on sda3 is corrupt: a block of it cannot be read, and programs may fail. Boot another entry, or install it again; the disk may be dying.');
    expect(describeDamage('sda3', 2)).toContain('2 blocks of it cannot be read');
  });
});
