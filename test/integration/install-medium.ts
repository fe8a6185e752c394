/** A boot medium's folder with contents that a test can tell apart, and what a disk made from it holds. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ensureHostTools } from '../../scripts/lib/host-tools.ts';
import { neededFiles } from '../../src/install/release.ts';

await ensureHostTools([
  { needs: 'sfdisk', from: 'fdisk' }, { needs: 'mkfs.vfat', from: 'dosfstools' }, { needs: 'mcopy', from: 'mtools' }, { needs: 'mke2fs', from: 'e2fsprogs' }, { needs: 'qemu-img', from: 'qemu-utils' },
]);

/** In RAM where that goes: what is written is synced again and again, and the machine that tests has other things to do. */
export const place = hasRoom('/dev/shm') ? '/dev/shm' : tmpdir();

function hasRoom(folder: string): boolean {
  if (!existsSync(folder)) return false;
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize > 6 * 1024 ** 3;
}

const sizes: Readonly<Record<string, number>> = { 'root.img': 9 * 1024 * 1024 + 4096, vmlinuz: 3_000_001, 'initramfs.img': 1_700_007, 'boot/boot.img': 512 };

export function makeMedium(mark = 'one', rootHash = 'ab'.repeat(32)): string {
  const folder = mkdtempSync(join(place, 'ros-test-medium-'));
  const files: Record<string, { bytes: number; sha256: string }> = {};
  for (const name of neededFiles) {
    const block = createHash('sha512').update(`${mark} ${name}`).digest();
    const bytes = sizes[name] ?? 100_000;
    const content = Buffer.alloc(bytes, block);
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
    files[name] = { bytes, sha256: createHash('sha256').update(content).digest('hex') };
  }
  writeFileSync(join(folder, 'release.json'), JSON.stringify({ version: 'v0.1.0', flavour: 'metal', rootHash, kernelParameters: ['panic=10', 'lsm=apparmor', 'rancher.autologin=tty1'], files }));
  return folder;
}

const mib = 1024 * 1024;

/** What somebody finds who looks at the disk with the usual programs. */
export function lookAt(disk: string, medium: string): Record<string, unknown> {
  const out = (program: string, ...args: string[]): string => execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], LC_ALL: 'C', MTOOLSRC: '/dev/null' } });
  const table = (JSON.parse(out('sfdisk', '--json', disk)) as { partitiontable: { label: string; partitions: { start: number; size: number; type: string; name?: string }[] } }).partitiontable;
  const partitions = table.partitions.map(({ start, size, type, name }) => ({ start, size, type, ...(name !== undefined && { name }) }));
  out('sfdisk', '--verify', disk);
  checkFat(disk);
  out('e2fsck', '-fn', `${disk}?offset=${1282 * mib}`);
  const fat = (path: string): Buffer => execFileSync('mcopy', ['-i', `${disk}@@${2 * mib}`, `::${path}`, '-'], { maxBuffer: 64 * mib, env: { PATH: process.env['PATH'], MTOOLSRC: '/dev/null' } });
  const raw = (start: number, bytes: number): Buffer => execFileSync('dd', [`if=${disk}`, 'iflag=skip_bytes,count_bytes', `skip=${start}`, `count=${bytes}`, 'bs=1M', 'status=none'], { maxBuffer: 64 * mib });
  const same = (found: Buffer, name: string): boolean => found.equals(readFileSync(join(medium, name)));
  return {
    label: table.label, partitions,
    fatLabel: out('mlabel', '-s', '-i', `${disk}@@${2 * mib}`, '::').trim(),
    fatFiles: out('mdir', '-/', '-b', '-i', `${disk}@@${2 * mib}`, '::').trim().split('\n').filter((line) => !line.endsWith('/')).sort(),
    extLabel: out('e2label', `${disk}?offset=${1282 * mib}`).trim(),
    root: same(raw(258 * mib, 9 * mib + 4096), 'root.img'),
    core: same(raw(mib, 100_000), 'boot/core.img'),
    bootCode: raw(0, 440).equals(readFileSync(join(medium, 'boot/boot.img')).subarray(0, 440)),
    kernel: same(fat('/corral/a/vmlinuz'), 'vmlinuz'), initramfs: same(fat('/corral/a/initramfs.img'), 'initramfs.img'),
    shim: same(fat('/EFI/BOOT/BOOTX64.EFI'), 'boot/shimx64.efi'), grub: same(fat('/EFI/BOOT/grubx64.efi'), 'boot/grubx64.efi'),
    menu: fat('/corral/grub.cfg').toString('utf8'), global: fat('/corral/global.cfg').toString('utf8'), stub: fat('/EFI/debian/grub.cfg').toString('utf8'),
    config: out('debugfs', '-R', 'cat /var/lib/rancher/conf/cloud-config.d/user_config.yml', `${disk}?offset=${1282 * mib}`),
    configOwner: /Mode:\s+(\d+)[\s\S]*User:\s+(\d+)\s+Group:\s+(\d+)/.exec(out('debugfs', '-R', 'stat /var/lib/rancher/conf/cloud-config.d/user_config.yml', `${disk}?offset=${1282 * mib}`))?.slice(1),
  };
}

/** fsck.vfat knows no offset. */
function checkFat(disk: string): void {
  const folder = mkdtempSync(join(place, 'ros-fat-'));
  try {
    const copy = join(folder, 'fat');
    execFileSync('dd', [`if=${disk}`, `of=${copy}`, 'iflag=skip_bytes,count_bytes', `skip=${2 * mib}`, `count=${256 * mib}`, 'bs=1M', 'conv=sparse', 'status=none']);
    execFileSync('fsck.vfat', ['-n', copy], { stdio: ['ignore', 'pipe', 'pipe'] });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
