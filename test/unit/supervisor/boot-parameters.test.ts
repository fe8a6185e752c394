/** Where the partition is mounted already; what mounts it is tried in the VM (test/boot/media.test.ts): not every machine that tests has FAT. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nothing, type BlockDevice } from '../../../src/install/disks.ts';
import { BootParametersAdmin } from '../../../src/supervisor/boot-parameters.ts';

let folder: string;
const text = (): string => readFileSync(join(folder, 'corral/global.cfg'), 'utf8');
const admin = (over: Partial<BlockDevice> = {}): BootParametersAdmin => new BootParametersAdmin({
  devices: () => Promise.resolve([{ ...nothing, path: '/dev/null', label: 'CORRAL_BOOT', filesystem: 'vfat', type: 'part', bytes: 1, sectorBytes: 512, readOnly: false, model: '', serial: '', transport: '', mountedAt: [folder], children: [], ...over }]),
  inUse: () => Promise.resolve(new Set()),
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ros-test-boot-'));
  mkdirSync(join(folder, 'corral'));
  writeFileSync(join(folder, 'corral/global.cfg'), '# by hand\nset timeout=5\nset append="quiet"\n');
});
afterEach(() => { rmSync(folder, { recursive: true }); });

describe('kernel parameters of an installed machine', () => {
  it('are read and written, and all else in the file stays', async () => {
    const { parameters, digest, device } = await admin().read();
    expect({ parameters, device }).toEqual({ parameters: ['quiet'], device: '/dev/null' });
    expect(await admin().replace(['rancher.debug=true', 'panic=5'], digest)).toMatchObject({ parameters: ['rancher.debug=true', 'panic=5'], written: true, problems: [] });
    expect(text()).toBe('# by hand\nset timeout=5\nset append="rancher.debug=true panic=5"\n');
    expect(await admin().replace(['rancher.debug=true', 'panic=5'], undefined)).toMatchObject({ written: false });
    expect(readdirSync(join(folder, 'corral'))).toEqual(['global.cfg']);
  });

  it('are not written over those of somebody else', async () => {
    const { digest } = await admin().read();
    await admin().replace(['a=1'], digest);
    await expect(admin().replace(['b=2'], digest)).rejects.toThrow('cannot change kernel parameters: somebody else has changed them meanwhile');
    expect(text()).toContain('append="a=1"');
  });

  it('are judged where they are configuration, and refused where the boot loader cannot pass them', async () => {
    const { written, problems } = await admin().replace(['rancher.dbug=true'], undefined);
    expect({ written, words: problems.map(({ path, message }) => `${path}: ${message}`).join() }).toMatchObject({ written: true, words: expect.stringMatching(/rancher\.dbug: unknown key; did you mean "debug"/) as string });
    await expect(async () => admin().replace(['a="b'], undefined)).rejects.toThrow('cannot take kernel parameter');
  });

  it('wait for each other', async () => {
    const one = admin();
    const all = await Promise.all([one.replace(['x=1'], undefined), one.read(), one.replace(['x=2'], undefined), one.read()]);
    expect(all.map(({ parameters }) => parameters)).toEqual([['x=1'], ['x=1'], ['x=2'], ['x=2']]);
  });

  it('say why, when the partition cannot be mounted, and leave nothing behind', async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('ros-boot-'));
    await expect(admin({ mountedAt: [] }).read()).rejects.toThrow(/^cannot use the boot partition "\/dev\/null": /);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('ros-boot-'))).toEqual(before);
  });
});
