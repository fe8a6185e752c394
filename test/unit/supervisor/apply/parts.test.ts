import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { settingsOf } from '../../../../src/config/index.ts';
import { loginEnvironment } from '../../../../src/supervisor/apply/environment.ts';
import { setSysctls } from '../../../../src/supervisor/apply/kernel.ts';
import { mountArguments, mountsPart } from '../../../../src/supervisor/apply/mounts.ts';
import { ntpSources } from '../../../../src/supervisor/apply/ntp.ts';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'parts-')); });
afterEach(() => { rmSync(folder, { recursive: true }); });

describe('kernel settings', () => {
  const read = (key: string): string => readFileSync(join(folder, key), 'utf8');
  beforeEach(() => {
    mkdirSync(join(folder, 'vm'));
    writeFileSync(join(folder, 'vm/swappiness'), '60\n');
    writeFileSync(join(folder, 'vm/other'), '1\n');
  });

  it('are set, and the kernel\'s own value is kept the first time', async () => {
    const keep = join(folder, 'keep.json');
    await setSysctls({ 'vm.swappiness': '7' }, { 'vm.swappiness': '7' }, folder, keep);
    await setSysctls({ 'vm.swappiness': '9' }, { 'vm.swappiness': '9' }, folder, keep);
    expect(read('vm/swappiness').trim().slice(0, 1)).toBe('9');
    expect(JSON.parse(readFileSync(keep, 'utf8'))).toEqual({ 'vm.swappiness': '60' });
  });

  it('that cannot be set keep no other from it', async () => {
    await expect(setSysctls({ 'vm.gone': '1', '../x': '1', 'vm.other': '5' }, {}, folder, join(folder, 'keep'))).rejects.toThrow(/cannot set kernel setting "vm\.gone": ENOENT.*; "\.\.\/x": not a name of a kernel setting/);
    expect(read('vm/other').slice(0, 1)).toBe('5');
  });
});

describe('mounts', () => {
  it.each([
    [['/dev/sdb1', '/mnt/s', 'ext4', ''], '-t ext4 -o nosuid,nodev -- /dev/sdb1 /mnt/s'],
    [['/dev/sdb1', '/mnt/s', '', 'defaults'], '-o nosuid,nodev -- /dev/sdb1 /mnt/s'],
    [['LABEL=data', '/mnt/s/', 'auto', 'ro,suid,noatime'], '-o nodev,ro,suid,noatime -- LABEL=data /mnt/s'],
    [['/home/rancher', '/mnt/r', '', 'bind'], '-o bind -- /home/rancher /mnt/r'],
    [['tmpfs', '/mnt/t', 'tmpfs', 'size=1m, dev'], '-t tmpfs -o nosuid,size=1m,dev -- tmpfs /mnt/t'],
  ])('%j', ([device = '', point = '', type = '', options = ''], expected) => {
    expect(mountArguments({ device, point, type, options }).join(' ')).toBe(expected);
  });

  it('say what changes', () => {
    const one = { device: 'a', point: '/mnt/a', type: '', options: '' };
    expect(mountsPart.what?.({ ...settingsOf({}), mounts: [one] }, { ...settingsOf({}), mounts: [{ ...one, point: '/mnt/b' }] })).toBe('mounts: unmount /mnt/a, mount /mnt/b');
  });
});

describe('the environment of logins', () => {
  it('has the proxies in both spellings, and PATH with what is added', () => {
    const settings = settingsOf({ rancher: { environment: { PATH: '/opt/own/bin, /x:/y z, rel', SECRET: 's' } } });
    expect(loginEnvironment({ ...settings, network: { ...settings.network, proxy: { http: 'http://proxy:3128', no: 'localhost', https: '' } } })).toEqual({
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/own/bin:/x',
      http_proxy: 'http://proxy:3128', HTTP_PROXY: 'http://proxy:3128', no_proxy: 'localhost', NO_PROXY: 'localhost',
    });
    expect(loginEnvironment(settingsOf({}))).toEqual({});
  });
});

describe('time servers', () => {
  it('are written as chrony reads them', () => {
    expect(ntpSources({ enabled: true, servers: ['10.0.0.1', 'a b\nallow all'], pools: ['pool.ntp.example'] })).toBe('server 10.0.0.1 iburst\npool pool.ntp.example iburst maxsources 4\n');
    expect(ntpSources({ enabled: true, servers: [], pools: [] })).toBe('');
  });
});
