/**
 * The machine that CorralOS is compared with: plain Debian for the same purpose. systemd, docker.io, OpenSSH, chrony,
 * rsyslog and DHCP, with the distribution's own configuration and initramfs; nothing is tuned for or against it.
 * Built with mmdebstrap from the same package sources as the image, kept in build/bench (remove it to build it anew).
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApt } from './lib/apt.ts';
import { createContext } from './lib/context.ts';
import { sha256 } from './lib/hash.ts';
import { ensureHostTools } from './lib/host-tools.ts';
import { run } from './lib/run.ts';
import type { MachineSpec } from './qemu-args.ts';
import { sshForwards, type SshPorts } from './qemu-ssh.ts';
import { copySparse, sshKey } from './qemu-host.ts';
import { kernelParameters } from './qemu-corral.ts';

export const benchDir = 'build/bench';
export const benchKey = join(benchDir, 'id_ed25519');
const suite = 'trixie';

const packages = [
  'systemd-sysv', 'dbus', 'udev', 'kmod', 'procps', 'sudo', 'iproute2', 'ca-certificates', 'logrotate', 'bash-completion',
  'linux-image-cloud-amd64', 'initramfs-tools', 'zstd', 'docker.io', 'docker-cli', 'iptables', 'openssh-server', 'chrony', 'rsyslog',
  'ifupdown', 'dhcpcd-base',
];

/** Run in the new tree ("$1"): what an installer would ask for. */
const setUp = (key: string): readonly string[] => [
  'echo debian > "$1/etc/hostname"',
  'printf "127.0.0.1 localhost\\n127.0.1.1 debian\\n" > "$1/etc/hosts"',
  'echo "/dev/vda / ext4 errors=remount-ro 0 1" > "$1/etc/fstab"',
  'printf "auto lo\\niface lo inet loopback\\nauto eth0\\niface eth0 inet dhcp\\n" > "$1/etc/network/interfaces"',
  'chroot "$1" useradd --create-home --shell /bin/bash --groups docker,sudo rancher',
  'echo "rancher ALL=(ALL) NOPASSWD:ALL" > "$1/etc/sudoers.d/rancher"',
  `install -d -m 700 "$1/home/rancher/.ssh" && echo "${key}" > "$1/home/rancher/.ssh/authorized_keys" && chroot "$1" chown -R rancher: /home/rancher/.ssh`,
];

export interface DebianImage {
  readonly kernel: string;
  readonly initrd: string;
  readonly disk: string;
  /** kernel and initrd as they are, everything else as `tar | zstd -19`: what one would download; and the bytes in the filesystem. */
  readonly sizeBytes: { readonly kernel: number; readonly initrd: number; readonly rootCompressed: number; readonly rootUsed: number };
}

export async function debianImage(): Promise<DebianImage> {
  const key = sshKey(benchKey);
  const recipe = sha256(JSON.stringify([suite, packages, setUp(key)]));
  const stampFile = join(benchDir, 'debian.json');
  if (existsSync(stampFile)) {
    const known = JSON.parse(readFileSync(stampFile, 'utf8')) as DebianImage & { readonly recipe: string };
    if (known.recipe === recipe && existsSync(known.disk)) return known;
  }
  await ensureHostTools([
    { needs: 'mmdebstrap', from: 'mmdebstrap' }, { needs: 'zstd', from: 'zstd' }, { needs: 'mkfs.ext4', from: 'e2fsprogs' },
  ]);
  const image = await build(key);
  writeFileSync(stampFile, `${JSON.stringify({ recipe, ...image }, undefined, 2)}\n`);
  return image;
}

async function build(key: string): Promise<DebianImage> {
  mkdirSync(benchDir, { recursive: true });
  const tree = join(benchDir, 'tree');
  const kernel = join(benchDir, 'vmlinuz');
  const initrd = join(benchDir, 'initrd.img');
  const disk = join(benchDir, 'debian.ext4');
  rmSync(tree, { recursive: true, force: true });
  const context = createContext();
  await openApt(context, suite, false);
  console.log('plain Debian: installing packages ...');
  await run('mmdebstrap', [
    '--mode=root', '--variant=minbase', `--include=${packages.join(',')}`,
    ...setUp(key).map((command) => `--customize-hook=${command}`),
    // the very sources that the image is built from, so that both have the same kernel and Docker
    suite, tree, join(context.cache, 'apt/sources.list'),
  ]);
  renameSync(bootFile(tree, 'vmlinuz'), kernel);
  renameSync(bootFile(tree, 'initrd'), initrd);
  console.log('plain Debian: filesystem and compressed size ...');
  rmSync(disk, { force: true });
  await run('/sbin/mke2fs', ['-q', '-t', 'ext4', '-L', 'debian', '-d', tree, disk, '6G']);
  const shell = async (script: string): Promise<number> => Number((await run('sh', ['-c', script])).trim());
  const sizeBytes = {
    kernel: statSync(kernel).size,
    initrd: statSync(initrd).size,
    rootCompressed: await shell(`tar -C ${tree} -cf - . | nice zstd -19 -T0 -q | wc -c`),
    rootUsed: await shell(`du -s -B1 ${tree} | cut -f1`),
  };
  rmSync(tree, { recursive: true, force: true });
  return { kernel, initrd, disk, sizeBytes };
}

function bootFile(tree: string, kind: string): string {
  const name = execFileSync('ls', [join(tree, 'boot')], { encoding: 'utf8' }).split('\n').find((file) => file.startsWith(kind));
  if (name === undefined) throw new Error(`plain Debian's tree has no ${kind} in /boot`);
  return join(tree, 'boot', name);
}

/** A machine with its own writable copy of the disk. */
export function debianMachine(image: DebianImage, disk: string, ports: SshPorts, append: readonly string[]): MachineSpec {
  if (!existsSync(disk)) copySparse(image.disk, disk);
  return {
    kernel: image.kernel,
    initrd: image.initrd,
    // The interface is called eth0, as ours is.
    append: [...kernelParameters, 'root=/dev/vda', 'rw', 'net.ifnames=0', ...append],
    memoryMb: 2048,
    cpus: 2,
    drives: [{ file: disk, format: 'raw', cache: 'unsafe' }],
    net: 'restrict',
    forwards: sshForwards(ports),
    serial: 'pipe',
    noReboot: true,
  };
}
