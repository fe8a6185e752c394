/** From the request of `ros install` to the disk: the plan, every refusal, and what is carried over. A file stands for the disk. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InstallRequest } from '../../src/api/types.ts';
import { loadConfig } from '../../src/config/index.ts';
import { nothing, type BlockDevice } from '../../src/install/disks.ts';
import { requirePrograms } from '../../src/install/programs.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createLogBook } from '../../src/lib/log.ts';
import { InstallAdmin } from '../../src/supervisor/install.ts';
import { startWebServer } from '../lib/web-server.ts';
import { lookAt, makeMedium, place } from './install-medium.ts';

const mib = 1024 * 1024;
const medium = makeMedium();
let [folder, disk] = ['', ''];
let device: BlockDevice;

beforeEach(() => {
  folder = mkdtempSync(join(place, 'ros-admin-test-'));
  disk = join(folder, 'disk');
  writeFileSync(disk, '');
  truncateSync(disk, 2307 * mib);
  device = { ...nothing, path: disk, type: 'disk', bytes: 2307 * mib, sectorBytes: 512, readOnly: false, model: 'ACME', serial: '7', transport: 'sata', mountedAt: [], children: [] };
  mkdirSync(join(folder, 'conf/cloud-config.d'), { recursive: true });
  symlinkSync(medium, join(folder, 'corral'));
});
afterEach(() => { rmSync(folder, { recursive: true }); });
afterAll(() => { rmSync(medium, { recursive: true }); });

function admin({ devices = [device], bootedFrom = folder, cmdline = '' }: { devices?: readonly BlockDevice[]; bootedFrom?: string; cmdline?: string } = {}): InstallAdmin {
  return new InstallAdmin({
    clock: systemClock, log: createLogBook(systemClock, 'silent').log, bootedFrom,
    load: () => loadConfig({ confDirectory: join(folder, 'conf'), cmdline, readOnly: true }),
    devices: async () => devices,
    images: { names: async () => ['redis:7'], fetch: async (tell) => { tell('fetch images', 0, 1); }, save: async (root) => { writeFileSync(join(root, 'images'), 'redis'); } },
  });
}

const given = (text: string): NonNullable<InstallRequest['cloudConfig']> => ({ text, origin: 'new.yml' });
const key = 'ssh_authorized_keys: [ssh-ed25519 AAAA me]\n';
const quiet = (): void => undefined;
const isUntouched = (): boolean => statSync(disk).blocks === 0;
const stateFile = (path: string): string => execFileSync('debugfs', ['-R', `cat ${path}`, `${disk}?offset=${1282 * mib}`], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
const configOnDisk = (): string => stateFile('/var/lib/rancher/conf/cloud-config.d/user_config.yml');
const whyNot = async (request: InstallRequest, one = admin()): Promise<string[]> => (await one.plan(request)).refusals.map(({ message }) => message);

describe('a plan', () => {
  it('says what is done to which disk, and does nothing', async () => {
    expect(await admin().plan({ device: disk, cloudConfig: given(key), append: 'a=1 b' })).toMatchObject({
      type: 'gpt', device: { path: disk, model: 'ACME', contents: [] }, medium: { source: 'the medium that this machine was started from', version: 'v0.1.0', flavour: 'metal' },
      append: ['a=1', 'b'], cloudConfig: { origin: 'new.yml', problems: [] }, notes: [], refusals: [],
    });
    expect(isUntouched()).toBe(true);
  });

  it('refuses a boot partition of one\'s own that firmware would not read, before anything is written', async () => {
    execFileSync('mkfs.vfat', ['-F', '32', '-s', '8', '-n', 'CORRAL_BOOT', disk, String(256 * 1024)], { stdio: 'ignore' });
    const part = { ...device, bytes: 600 * mib, type: 'part' };
    const state = join(folder, 'state');
    writeFileSync(state, '');
    const own = { ...device, path: '/dev/none', children: [{ ...part, label: 'CORRAL_BOOT', filesystem: 'vfat' }, { ...part, path: state, label: 'RANCHER_STATE', filesystem: 'ext4' }] };
    expect(await whyNot({ type: 'noformat', device: '/dev/none', cloudConfig: given(key) }, admin({ devices: [own] }))).toContainEqual(expect.stringContaining(`cannot install to partition "${disk}": no firmware reads its FAT32`));
  });

  it('warns when nobody could log in, unless a kernel parameter sees to it', async () => {
    const notes = async (request: Partial<InstallRequest>): Promise<readonly string[]> => (await admin().plan({ device: disk, ...request })).notes;
    const warning = [expect.stringContaining('nobody can log in to the installed machine')];
    expect(await notes({})).toEqual(warning);
    expect(await notes({ cloudConfig: given('hostname: a\n') })).toEqual(warning);
    expect(await notes({ cloudConfig: given('rancher: {password: x}\n') })).toEqual([]);
    expect(await notes({ append: 'rancher.password=x' })).toEqual([]);
    expect(await notes({ cloudConfig: given('users: [{name: a, ssh_authorized_keys: [k]}]\n') })).toEqual([]);
  });

  it('names another disk with the same label', async () => {
    const old = { ...device, path: '/dev/sdz', children: [{ ...device, path: '/dev/sdz1', type: 'part', label: 'RANCHER_STATE' }] };
    expect((await admin({ devices: [device, old] }).plan({ device: disk, cloudConfig: given(key) })).notes).toEqual([expect.stringContaining('"/dev/sdz1" has the label RANCHER_STATE too')]);
  });
});

describe('nothing is done', () => {
  it('without a disk, with a hint at those that are there', async () => {
    await expect(admin().plan({})).rejects.toMatchObject({ message: 'cannot install: no disk is named', hint: `-d ${disk}` });
  });

  it('with a cloud-config that has errors: they are told with the line, and the disk stays as it is', async () => {
    const request = { device: disk, cloudConfig: given('hostname: a\nrancher:\n  ssh:\n    port: many\n') };
    const plan = await admin().plan(request);
    expect(plan.cloudConfig.problems).toMatchObject([{ severity: 'error', line: 4, path: 'rancher.ssh.port' }]);
    expect(plan.refusals).toMatchObject([{ code: 'ERR_ROS_CONFIG', message: 'cannot install with cloud-config "new.yml": it has errors' }]);
    await expect(admin().install(request, quiet)).rejects.toThrow('it has errors');
    expect(isUntouched()).toBe(true);
  });

  it('without a medium', async () => {
    expect(await whyNot({ device: disk, cloudConfig: given(key) }, admin({ bootedFrom: join(folder, 'none') }))).toEqual(['cannot find a boot medium: this machine was started without one, and no device has the label "RancherOS"']);
    expect(await whyNot({ device: disk, cloudConfig: given(key), image: '/nonexistent.iso' })).toEqual(['cannot install from "/nonexistent.iso": this machine has no such folder, file or device']);
    expect(await whyNot({ device: disk, cloudConfig: given(key), image: 'https://example.org/a.iso' })).toEqual([expect.stringContaining('it is neither a folder nor a file nor a device of this machine')]);
    writeFileSync(join(folder, 'no.iso'), 'no ISO');
    expect(await whyNot({ device: disk, cloudConfig: given(key), image: join(folder, 'no.iso') })).toEqual([expect.stringContaining('it cannot be mounted')]);
  });

  it('with all that is wrong at once in the plan', async () => {
    device = { ...device, readOnly: true, filesystem: 'xfs' };
    expect(await whyNot({ device: disk, cloudConfig: given('rancher: {ssh: {port: many}}\n') })).toHaveLength(3);
  });

  it('with options that do not belong together, or parameters that the boot loader cannot pass on', async () => {
    await expect(admin().plan({ device: disk, partition: '/dev/sda1' })).rejects.toThrow('"--partition" is for partitions of your own');
    await expect(admin().plan({ device: disk, stateDirectory: 'ros' })).rejects.toThrow('"--statedir" is for partitions of your own');
    await expect(admin().plan({ device: disk, append: 'a="b' })).rejects.toThrow('cannot take kernel parameter');
  });

  it('when disk, medium or configuration are not what was shown', async () => {
    const { digest } = await admin().plan({ device: disk, cloudConfig: given(key) });
    await expect(admin().install({ device: disk, cloudConfig: given('hostname: another\n'), digest }, quiet)).rejects.toMatchObject({ code: 'ERR_ROS_CONFLICT' });
    expect(isUntouched()).toBe(true);
  });

  it('by a second one while one is under way', async () => {
    const one = admin();
    const first = one.install({ device: disk, cloudConfig: given(key) }, quiet);
    await expect(one.install({ device: disk, cloudConfig: given(key) }, quiet)).rejects.toThrow(`cannot install: an installation to ${disk} is under way`);
    await first;
  });

  it('where programs are missing, as in the small image', async () => {
    await expect(requirePrograms(['sfdisk', 'mmd'], [folder])).rejects.toMatchObject({ code: 'ERR_ROS_NO_PROGRAM', message: 'cannot install from this system: it has no sfdisk, mmd' });
  });
});

describe('an installation', () => {
  it('writes what was planned, tells each step and how long it took', async () => {
    const request = { device: disk, cloudConfig: given(key), append: 'a=1', reboot: true };
    const { digest } = await admin().plan(request);
    const result = await admin().install({ ...request, digest }, quiet);
    expect(result).toMatchObject({ device: disk, version: 'v0.1.0', rootHash: 'ab'.repeat(32), reboots: true });
    expect(result.steps.map(({ name }) => name)).toContain('read back');
    expect(result.bytesWritten).toBeGreaterThan(20 * mib);
    expect(lookAt(disk, medium)).toMatchObject({ config: key, root: true, global: expect.stringContaining('set append="a=1"') as unknown });
  });

  it('carries the machine\'s own configuration over: keys and passwords, and not what was for this boot alone', async () => {
    writeFileSync(join(folder, 'conf/cloud-config.yml'), `hostname: here\n${key}rancher: {password: secret, ssh: {port: 2222, keys: {rsa: PRIVATE}}}\n`);
    writeFileSync(join(folder, 'conf/cloud-config.d/boot.yml'), 'runcmd: [echo hello]\n');
    await admin({ cmdline: 'rancher.autologin=tty1 rancher.state.dev=/dev/sdx rancher.debug=true rancher.docker.debug=true' }).install({ device: disk }, quiet);
    const text = configOnDisk();
    expect(text).toMatch(/^#cloud-config\n/);
    for (const kept of ['hostname: here', 'ssh-ed25519 AAAA me', 'password: secret', 'port: 2222', 'echo hello']) expect(text).toContain(kept);
    for (const left of ['autologin', '/dev/sdx', 'PRIVATE', 'state:']) expect(text).not.toContain(left);
  });

  it('fetches a cloud-config', async () => {
    const server = await startWebServer();
    server.answers.set('/config.yml', key);
    try {
      await admin().install({ device: disk, cloudConfig: { origin: `${server.url}/config.yml` } }, quiet);
      expect(configOnDisk()).toBe(key);
      expect(await whyNot({ device: disk, cloudConfig: { origin: `${server.url}/none` } })).toEqual([`cannot fetch "${server.url}/none": there is no such file (HTTP status 404)`]);
    } finally {
      await server.close();
    }
  });

  it('takes images along', async () => {
    expect((await admin().plan({ device: disk, save: true })).images).toEqual(['redis:7']);
    await admin().install({ device: disk, save: true }, quiet);
    expect(stateFile('/images')).toBe('redis');
  });

  it('installs from the image of a medium, which is mounted meanwhile', async () => {
    const image = join(folder, 'medium.img');
    mkdirSync(join(folder, 'tree'));
    execFileSync('cp', ['-r', medium, join(folder, 'tree/corral')]);
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-d', join(folder, 'tree'), image, '64M'], { stdio: 'pipe' });
    const request = { device: disk, image, cloudConfig: given(key) };
    expect(await admin({ bootedFrom: '/nonexistent' }).plan(request)).toMatchObject({ medium: { source: image }, refusals: [] });
    await admin({ bootedFrom: '/nonexistent' }).install(request, quiet);
    expect(lookAt(disk, medium)).toMatchObject({ root: true, config: key });
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain('ros-medium-');
  });
});
