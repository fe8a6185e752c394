/** `ros install -t noformat` with the real programs: a loop device stands for each partition. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blockDevices } from '../../src/install/block-devices.ts';
import type { BlockDevice } from '../../src/install/disks.ts';
import { assertFirmwareReads, ownPartitions, writeOwnPartitions } from '../../src/install/own-partitions.ts';
import { parseRelease } from '../../src/install/release.ts';
import { makeMedium, place } from './install-medium.ts';

const mib = 1024 * 1024;
const medium = makeMedium();
const release = parseRelease(readFileSync(join(medium, 'release.json'), 'utf8'), 'release.json');
let folder = '';
const loops: string[] = [];

beforeEach(() => { folder = mkdtempSync(join(place, 'ros-own-test-')); });
afterEach(() => {
  for (const loop of loops.splice(0)) execFileSync('losetup', ['-d', loop]);
  rmSync(folder, { recursive: true, force: true });
});
afterAll(() => { rmSync(medium, { recursive: true }); });

function loop(name: string, bytes: number): string {
  writeFileSync(join(folder, name), '');
  truncateSync(join(folder, name), bytes);
  const device = execFileSync('losetup', ['--find', '--show', join(folder, name)], { encoding: 'utf8' }).trim();
  loops.push(device);
  return device;
}

/** As lsblk tells them; a partition's name in a table is added, for a loop device has none. */
async function devices(slot?: string): Promise<readonly BlockDevice[]> {
  return (await blockDevices()).filter(({ path }) => loops.includes(path)).map((device) => (device.path === slot ? { ...device, partitionLabel: 'CORRAL_A' } : device));
}

function make(): { state: string; boot: string } {
  const [state, boot] = [loop('state', 64 * mib), loop('boot', 64 * mib)];
  execFileSync('mkfs.ext4', ['-q', '-L', 'RANCHER_STATE', state]);
  execFileSync('mkfs.vfat', ['-F', '32', '-n', 'CORRAL_BOOT', boot], { stdio: 'ignore' });
  execFileSync('mmd', ['-i', boot, '::/EFI', '::/mine'], { env: { PATH: process.env['PATH'], MTOOLSRC: '/dev/null' } });
  return { state, boot };
}

const fat = (boot: string, path: string): Buffer => execFileSync('mcopy', ['-i', boot, `::${path}`, '-'], { maxBuffer: 64 * mib, env: { PATH: process.env['PATH'], MTOOLSRC: '/dev/null' } });
const ext = (state: string, path: string): string => execFileSync('debugfs', ['-R', `cat ${path}`, state], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
const write = async (partitions: ReturnType<typeof ownPartitions>, stateDirectory?: string): Promise<void> => {
  await writeOwnPartitions({ partitions, files: { folder: medium }, append: ['x=1'], cloudConfig: 'hostname: mine\n', onProgress: () => undefined, ...(stateDirectory !== undefined && { stateDirectory }) });
};

describe('partitions of one\'s own', () => {
  it.each([['32', '1', true], ['16', '4', true], ['32', '8', false]])('are FAT%s with %s sectors in a cluster: firmware reads it: %s', async (kind, cluster, reads) => {
    const path = loop('boot', 64 * mib);
    execFileSync('mkfs.vfat', ['-F', kind, '-s', cluster, '-n', 'CORRAL_BOOT', path], { stdio: 'ignore' });
    const [boot] = await devices();
    const outcome = await assertFirmwareReads(boot as BlockDevice).then(() => '', String);
    expect(outcome).toBe(reads ? '' : `RosError: cannot install to partition "${path}": no firmware reads its FAT32, which has 16348 clusters where FAT32 begins with 65525`);
  });

  it('get the files, and keep what else is on them', async () => {
    const { state, boot } = make();
    const slot = loop('slot', 32 * mib);
    execFileSync('debugfs', ['-w', '-R', 'mkdir kept', state], { stdio: 'ignore' });
    const chosen = ownPartitions(await devices(slot), release);
    expect(chosen).toMatchObject({ state: { path: state }, boot: { path: boot }, slot: { path: slot }, notes: [] });
    await write(chosen);
    await write(chosen);
    expect(execFileSync('head', ['-c', String(9 * mib + 4096), slot], { maxBuffer: 64 * mib }).equals(readFileSync(join(medium, 'root.img')))).toBe(true);
    expect(fat(boot, '/corral/a/vmlinuz').equals(readFileSync(join(medium, 'vmlinuz')))).toBe(true);
    expect(fat(boot, '/corral/grub.cfg').toString()).toContain('rancher.state.dev=LABEL=RANCHER_STATE');
    expect(ext(state, '/var/lib/rancher/conf/cloud-config.d/user_config.yml')).toBe('hostname: mine\n');
    expect(execFileSync('debugfs', ['-R', 'ls -p /', state], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })).toContain('/kept/');
    expect(execFileSync('mdir', ['-b', '-i', boot, '::'], { encoding: 'utf8', env: { PATH: process.env['PATH'], MTOOLSRC: '/dev/null' } })).toContain('::/mine/');
    execFileSync('fsck.vfat', ['-n', boot], { stdio: 'pipe' });
    execFileSync('e2fsck', ['-fn', state], { stdio: 'pipe' });
  });

  it('without a slot start a system that the boot loader loads whole, as an archive that the kernel unpacks', async () => {
    const { state, boot } = make();
    const chosen = ownPartitions(await devices(), release);
    expect(chosen.notes).toEqual(['no partition is named CORRAL_A: the whole system is loaded into RAM at each start, which takes 9 MiB of it']);
    await write(chosen, 'ros');
    expect(fat(boot, '/corral/grub.cfg').toString()).toMatch(/initrd \/corral\/a\/initramfs\.img \/corral\/a\/root\.cpio\n/);
    expect(fat(boot, '/corral/grub.cfg').toString()).toContain('rancher.state.directory=ros');
    expect(ext(state, '/ros/var/lib/rancher/conf/cloud-config.d/user_config.yml')).toBe('hostname: mine\n');
    writeFileSync(join(folder, 'root.cpio'), fat(boot, '/corral/a/root.cpio'));
    mkdirSync(join(folder, 'out'));
    execFileSync('sh', ['-c', 'cd out && busybox cpio -i < ../root.cpio 2>/dev/null || cpio -i --quiet < ../root.cpio'], { cwd: folder });
    expect(readFileSync(join(folder, 'out/root.img')).equals(readFileSync(join(medium, 'root.img')))).toBe(true);
  });

  it('on a disk with a BIOS boot partition start without EFI, too, wherever that is', async () => {
    make();
    const disk = loop('disk', 64 * mib);
    execFileSync('sfdisk', ['--quiet', disk], { input: 'label: gpt\nstart=8192, size=4096, type=21686148-6449-6E6F-744E-656564454649\nstart=20480, size=4096\n', stdio: ['pipe', 'ignore', 'ignore'] });
    const chosen = ownPartitions(await devices(), release);
    await write({ ...chosen, bootDisk: { ...chosen.boot, path: disk } });
    const bytes = readFileSync(join(folder, 'disk'));
    expect(bytes.readBigUInt64LE(0x5c)).toBe(8192n);
    expect(bytes.readBigUInt64LE(8192 * 512 + 0x1f4)).toBe(8193n);
    const core = readFileSync(join(medium, 'boot/core.img'));
    expect(bytes.subarray(8192 * 512 + 512, 8192 * 512 + core.length).equals(core.subarray(512))).toBe(true);
    execFileSync('sfdisk', ['--verify', disk], { stdio: 'pipe' });
  });
});
