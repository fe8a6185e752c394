/** `ros install` with the real programs, on a file that is to become a disk and on a loop device. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blockDevices } from '../../src/install/block-devices.ts';
import { refusals } from '../../src/install/disks.ts';
import { assertFree } from '../../src/install/programs.ts';
import { writeDisk, type WriteDiskOptions } from '../../src/install/write-disk.ts';
import { lookAt, makeMedium, place } from './install-medium.ts';

const mib = 1024 * 1024;
const diskBytes = 2307 * mib;
let folder = '';
const loops: string[] = [];
const cleanUps: string[] = [];

beforeEach(() => { folder = mkdtempSync(join(place, 'ros-install-test-')); });
afterEach(() => {
  for (const loop of loops.splice(0)) execFileSync('losetup', ['-d', loop]);
  for (const path of [folder, ...cleanUps.splice(0)]) rmSync(path, { recursive: true, force: true });
});

function blankDisk(name = 'disk', bytes = diskBytes): string {
  const disk = join(folder, name);
  writeFileSync(disk, '');
  truncateSync(disk, bytes);
  return disk;
}

function loopOf(file: string): string {
  const loop = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim();
  loops.push(loop);
  return loop;
}

const medium = makeMedium();
const other = makeMedium('two', 'cd'.repeat(32));
afterAll(() => { for (const one of [medium, other]) rmSync(one, { recursive: true }); });
const options = (target: string, over: Partial<WriteDiskOptions> = {}): WriteDiskOptions => ({
  target, diskBytes, files: { folder: medium }, append: ['quiet', 'x=$y'], cloudConfig: '#cloud-config\nhostname: new\n', onProgress: () => undefined, ...over,
});

const whole = {
  label: 'gpt', fatLabel: 'Volume label is CORRAL_BOOT', extLabel: 'RANCHER_STATE', root: true, core: true, bootCode: true, kernel: true, initramfs: true, shim: true, grub: true,
  stub: 'configfile /corral/grub.cfg\n', config: '#cloud-config\nhostname: new\n', configOwner: ['0600', '0', '0'], global: expect.stringContaining('set append="quiet x=\\$y"') as unknown,
  menu: expect.stringMatching(/corral\.roothash=(?:ab){32} \$append/) as unknown,
};

const bytesOnDisk = (file: string): number => statSync(file).blocks * 512;

describe('writing a disk', () => {
  it('makes a file that is whole in the eyes of the usual programs', async () => {
    const disk = blankDisk();
    await writeDisk(options(disk));
    const found = lookAt(disk, medium);
    expect(found).toMatchObject(whole);
    expect((found['partitions'] as { name: string }[]).map(({ name }) => name)).toEqual(['CORRAL_BIOS', 'CORRAL_BOOT', 'CORRAL_A', 'CORRAL_B', 'RANCHER_STATE']);
    expect(found['fatFiles']).toEqual(expect.arrayContaining(['::/EFI/BOOT/BOOTX64.EFI', '::/EFI/BOOT/mmx64.efi', '::/EFI/debian/grub.cfg', '::/corral/grubenv']));
  });

  it('makes a block device whole, and the kernel mounts what is on it', async () => {
    const disk = loopOf(blankDisk());
    await writeDisk(options(disk));
    expect(lookAt(disk, medium)).toMatchObject(whole);
    const point = join(folder, 'state');
    execFileSync('mkdir', [point]);
    execFileSync('mount', ['-o', `ro,loop,offset=${1282 * mib}`, disk, point]);
    try {
      expect(readFileSync(join(point, 'var/lib/rancher/conf/cloud-config.d/user_config.yml'), 'utf8')).toBe('#cloud-config\nhostname: new\n');
    } finally {
      execFileSync('umount', [point]);
    }
  });

  it('makes an MBR with the same content where that is asked for', async () => {
    const disk = blankDisk();
    await writeDisk(options(disk, { table: 'dos' }));
    const found = lookAt(disk, medium);
    expect(found).toMatchObject({ ...whole, label: 'dos' });
    expect((found['partitions'] as { type: string }[]).map(({ type }) => type)).toEqual(['ef', '83', '83', '83']);
  });

  it('gives the same bytes twice when it is to be reproducible', async () => {
    const reproducible = { seed: 'v0.1.0', epochS: 1_700_000_000 };
    const disks = [blankDisk('one'), blankDisk('two')];
    for (const disk of disks) {
      const { cloudConfig: _none, ...plain } = options(disk, { reproducible });
      await writeDisk(plain);
      await new Promise((resolve) => { setTimeout(resolve, 2100); }); // FAT counts time in two seconds
    }
    execFileSync('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', ...disks], { stdio: 'pipe' }); // skips holes, as cmp does not
    expect(lookAt(disks[0] ?? '', medium)).toMatchObject({ label: 'gpt', root: true, kernel: true, bootCode: true, extLabel: 'RANCHER_STATE' });
  });

  it('tells how far it is, from nothing to all of each step', async () => {
    const seen = new Map<string, number[]>();
    await writeDisk(options(blankDisk(), { onProgress: (step, done, total) => { seen.set(step, [...seen.get(step) ?? [], done / total]); } }));
    expect([...seen.keys()]).toEqual(['check the medium', 'erase what was there', 'write the system', 'write the boot partition', 'make the state partition', 'read back', 'write the partition table']);
    for (const parts of seen.values()) {
      expect([parts[0], parts.at(-1)]).toEqual([0, 1]);
      expect(parts).toEqual(parts.toSorted((a, b) => a - b));
    }
  });

  it('puts more onto the state partition when somebody has more', async () => {
    const disk = blankDisk();
    await writeDisk(options(disk, { fillState: async (root) => { writeFileSync(join(root, 'more'), 'more'); } }));
    expect(lookAt(disk, medium)).toMatchObject(whole);
    expect(execFileSync('debugfs', ['-R', 'cat /more', `${disk}?offset=${1282 * mib}`], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })).toBe('more');
  });
});

describe('an interrupted installation', () => {
  const noTable = (disk: string): void => { expect(() => execFileSync('sfdisk', ['--json', disk], { stdio: 'pipe' })).toThrow('does not contain a recognized partition table'); };

  // By the count of the words of progress, which are spread over all steps.
  it.each([
    [0, 'check the medium'], [11, 'erase what was there'], [13, 'erase what was there'], [18, 'erase what was there'], [20, 'write the system'], [25, 'write the boot partition'],
    [28, 'write the boot partition'], [33, 'make the state partition'], [38, 'read back'], [46, 'write the partition table'],
  ])('at moment %i (%s) leaves the old system or nothing that starts, and a repeated one makes the disk whole', async (moment, expected) => {
    const disk = blankDisk();
    await writeDisk(options(disk, { files: { folder: other } }));
    let [count, step] = [0, ''];
    const interrupted = writeDisk(options(disk, { onProgress: (name) => { step = name; if (count++ === moment) throw new Error('the power is gone'); } }));
    await expect(interrupted).rejects.toThrow('the power is gone');
    expect(step).toBe(expected);
    if (moment <= 11) expect(lookAt(disk, other)).toMatchObject({ root: true, bootCode: true, kernel: true });
    else noTable(disk);
    await writeDisk(options(disk));
    expect(lookAt(disk, medium)).toMatchObject(whole);
  });

  it('that was killed goes on from the beginning, too', async () => {
    const disk = blankDisk();
    const script = join(folder, 'run.ts');
    writeFileSync(script, `import { writeDisk } from ${JSON.stringify(join(import.meta.dirname, '../../src/install/write-disk.ts'))};
await writeDisk({ target: ${JSON.stringify(disk)}, diskBytes: ${diskBytes}, files: { folder: ${JSON.stringify(medium)} }, append: [], onProgress: (step, done) => { if (step === 'write the boot partition' && done > 0) process.kill(process.pid, 'SIGKILL'); } });`);
    expect(() => execFileSync(process.execPath, [script], { stdio: 'pipe' })).toThrow(expect.objectContaining({ signal: 'SIGKILL' }));
    noTable(disk);
    await writeDisk(options(disk));
    expect(lookAt(disk, medium)).toMatchObject(whole);
  });

  it('after its last step has left a whole disk', async () => {
    const disk = blankDisk();
    await expect(writeDisk(options(disk, { onProgress: (name, done) => { if (name === 'write the partition table' && done > 0) throw new Error('the power is gone'); } }))).rejects.toThrow('the power is gone');
    expect(lookAt(disk, medium)).toMatchObject(whole);
    await writeDisk(options(disk));
    expect(lookAt(disk, medium)).toMatchObject(whole);
  });
});

describe('nothing is written', () => {
  const untouched = async (over: Partial<WriteDiskOptions>, error: string): Promise<void> => {
    const disk = blankDisk();
    await expect(writeDisk(options(disk, over))).rejects.toThrow(error);
    expect(bytesOnDisk(disk)).toBe(0);
  };

  it('from a medium with a flipped byte', async () => {
    const bad = makeMedium('three');
    cleanUps.push(bad);
    const image = readFileSync(join(bad, 'root.img'));
    image[5_000_000] = (image[5_000_000] ?? 0) ^ 1;
    writeFileSync(join(bad, 'root.img'), image);
    await untouched({ files: { folder: bad } }, `cannot install file "${join(bad, 'root.img')}": it is damaged`);
  });

  it('from a medium on which a file is missing', async () => {
    const bad = makeMedium('four');
    cleanUps.push(bad);
    rmSync(join(bad, 'boot/shimx64.efi'));
    await untouched({ files: { folder: bad } }, 'it is not on the medium');
  });

  it('from a folder that is no medium', async () => { await untouched({ files: { folder } }, 'it is no boot medium of CorralOS'); });
  it('to a disk that is too small', async () => { await untouched({ diskBytes: 2000 * mib }, 'at least 2307 MiB are needed'); });
});

describe('what the disk gives back', () => {
  it('is compared: a byte that changed on the way is an error, and there is no partition table', async () => {
    const disk = blankDisk();
    const spoil = (step: string, done: number): void => {
      if (step === 'read back' && done === 0) execFileSync('dd', ['if=/dev/urandom', `of=${disk}`, 'bs=1M', 'seek=260', 'count=1', 'conv=notrunc', 'status=none']);
    };
    await expect(writeDisk(options(disk, { onProgress: spoil }))).rejects.toThrow('cannot verify "root.img": the disk gives back other bytes than were written');
    expect(() => execFileSync('sfdisk', ['--json', disk], { stdio: 'pipe' })).toThrow('does not contain a recognized partition table');
  });
});

describe('a real disk', () => {
  const why = async (disk: string): Promise<string[]> => refusals(disk, await blockDevices(), { force: false }).map(({ message }) => message);

  it('that is blank may be written; one with a file system, or with anything at all, only when it is to be lost', async () => {
    const file = blankDisk();
    const disk = loopOf(file);
    expect(await why(disk)).toEqual([]);
    writeFileSync(file, 'what somebody has written', { flag: 'r+' });
    expect(await why(disk)).toEqual([`cannot install to disk "${disk}": there is something on it: ${disk} 2.2 GiB data of an unknown kind`]);
    execFileSync('mkfs.ext4', ['-q', '-F', '-L', 'MINE', disk]);
    expect(await why(disk)).toEqual([`cannot install to disk "${disk}": there is something on it: ${disk} 2.2 GiB ext4, labelled "MINE"`]);
    await writeDisk(options(disk));
    expect(await why(disk)).toEqual([`cannot install to disk "${disk}": there is something on it: ${disk} 2.2 GiB a GPT partition table`]);
  });

  it('is refused while it is mounted, by lsblk and by the kernel', async () => {
    const disk = loopOf(blankDisk());
    await assertFree(disk);
    execFileSync('mkfs.ext4', ['-q', disk]);
    const point = join(folder, 'point');
    execFileSync('mkdir', [point]);
    execFileSync('mount', [disk, point]);
    try {
      const devices = await blockDevices();
      expect(refusals(disk, devices, { force: true }).map(({ message }) => message)).toEqual([`cannot install to disk "${disk}": "${disk}" is mounted on "${point}"`]);
      await expect(assertFree(disk)).rejects.toThrow(`cannot install to disk "${disk}": it is in use`);
    } finally {
      execFileSync('umount', [point]);
    }
  });
});
