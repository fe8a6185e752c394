import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { oemStrings, readDmi, readFwCfg } from '../../../src/sys/firmware.ts';
import { parseGateways } from '../../../src/sys/net.ts';
import { parseLabels, sharedFolderTags } from '../../../src/sys/volumes.ts';

let sys = '';
beforeEach(() => { sys = mkdtempSync(join(tmpdir(), 'ros-sys-')); });
afterEach(() => { rmSync(sys, { recursive: true, force: true }); });
const put = (path: string, data: string | Uint8Array): void => {
  mkdirSync(dirname(join(sys, path)), { recursive: true });
  writeFileSync(join(sys, path), data);
};
/** A structure of an SMBIOS table. */
const structure = (type: number, ...texts: readonly string[]): Buffer => Buffer.concat([Buffer.from([type, 5, 0, 0, texts.length]), Buffer.from(texts.length === 0 ? '\0\0' : `${texts.join('\0')}\0\0`)]);

describe('SMBIOS', () => {
  it('gives the machine\'s names and the free texts of its maker', async () => {
    put('class/dmi/id/sys_vendor', 'QEMU\n');
    put('class/dmi/id/product_serial', 'ds=nocloud;s=http://h/\n');
    put('firmware/dmi/tables/DMI', Buffer.concat([structure(1, 'QEMU', 'pc'), structure(0), structure(11, 'first', 'org.corralos.config=#cloud-config\na: 1'), structure(11, 'third'), structure(127)]));
    expect(await readDmi(sys)).toEqual({
      vendor: 'QEMU', product: '', serial: 'ds=nocloud;s=http://h/', assetTag: '', biosVendor: '', oemStrings: ['first', 'org.corralos.config=#cloud-config\na: 1', 'third'],
    });
  });

  it('may be missing or damaged', async () => {
    expect((await readDmi(join(sys, 'none'))).oemStrings).toEqual([]);
    const whole = Buffer.concat([structure(11, 'one'), structure(11, 'two')]);
    for (let length = 0; length < whole.length; length++) expect(oemStrings(whole.subarray(0, length)).every((text) => ['one', 'two'].includes(text))).toBe(true);
    expect(oemStrings(Buffer.alloc(1000))).toEqual([]);
    expect(oemStrings(Buffer.alloc(1000, 0xff))).toEqual([]);
  });
});

describe('fw_cfg', () => {
  it('gives a file that QEMU was given, at most as large as it may be', async () => {
    put('firmware/qemu_fw_cfg/by_name/opt/x/raw', 'bytes');
    expect(await readFwCfg('opt/x', 100, sys)).toEqual(Buffer.from('bytes'));
    expect(await readFwCfg('opt/y', 100, sys)).toBeUndefined();
    await expect(readFwCfg('opt/x', 4, sys)).rejects.toThrow('larger than 4 bytes');
    expect(await readFwCfg('opt/x', 100, join(sys, 'none'))).toBeUndefined();
  });
});

describe('volumes', () => {
  it('are found by label, the first of two alike', () => {
    expect(parseLabels('DEVNAME=/dev/vda1\nLABEL=RANCHER_STATE\n\nDEVNAME=/dev/sr0\nLABEL=config-2\n\nDEVNAME=/dev/sdb\nLABEL=config-2\n\nDEVNAME=/dev/sdc\nLABEL=two\\ words\n\nDEVNAME=/dev/sdd\n'))
      .toEqual(new Map([['RANCHER_STATE', '/dev/vda1'], ['config-2', '/dev/sr0'], ['two words', '/dev/sdc']]));
    expect(parseLabels('')).toEqual(new Map());
  });

  it('may be folders of the host: none, or some without a driver', async () => {
    const tags = () => sharedFolderTags(sys, async () => undefined);
    expect(await tags()).toEqual([]);
    put('bus/virtio/devices/virtio0/device', '0x0001\n');
    expect(await tags()).toEqual([]);
    put('bus/virtio/devices/virtio1/device', '0x0009\n');
    put('bus/virtio/devices/virtio1/mount_tag', 'config-2\0');
    expect(await tags()).toBeUndefined();
    mkdirSync(join(sys, 'bus/virtio/drivers'));
    symlinkSync('../../drivers', join(sys, 'bus/virtio/devices/virtio1/driver'));
    expect(await tags()).toEqual(['config-2']);
  });
});

describe('gateways', () => {
  it('are read from the routing table', () => {
    expect(parseGateways('Iface\tDestination\tGateway\tFlags\neth0\t00000000\t0200000A\t0003\neth0\t0000000A\t00000000\t0001\neth1\t00000000\t0200000A\t0003\neth1\t00000000\t0100A8C0\t0003\n')).toEqual(['10.0.0.2', '192.168.0.1']);
    expect(parseGateways('')).toEqual([]);
  });
});
