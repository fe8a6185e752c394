/** What a virtual machine needs around it: a free port, disks, the config drive, an ssh key. Programs: `runTools` in lib/host-tools.ts. */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, cpSync, existsSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Drive } from './qemu-args.ts';

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('cannot find a free port'));
        else resolve(address.port);
      });
    });
  });
}

/** `8G`, `512M` → bytes. */
export function parseSize(text: string): number {
  const match = /^(\d+)([KMGT]?)$/i.exec(text);
  if (match === null) throw new Error(`cannot read the size "${text}": a number with K, M, G or T is expected, such as 8G`);
  return Number(match[1]) * 1024 ** ' KMGT'.indexOf((match[2] || ' ').toUpperCase());
}

/** A disk from a file: its format is told by its first bytes. Made as a sparse raw file when it is missing. */
export function openDisk(file: string, size: string): Drive {
  if (!existsSync(file)) {
    if (file.endsWith('.qcow2')) throw new Error(`cannot make "${file}": only raw disks are made here; use another name, or qemu-img create -f qcow2`);
    mkdirSync(dirname(file), { recursive: true });
    const fd = openSync(file, 'wx');
    ftruncateSync(fd, parseSize(size));
    closeSync(fd);
  }
  const magic = Buffer.alloc(4);
  const fd = openSync(file, 'r');
  readSync(fd, magic, 0, 4, 0);
  closeSync(fd);
  return { file, format: magic.toString('latin1') === 'QFI\xfb' ? 'qcow2' : 'raw' };
}

export function copySparse(from: string, to: string): void {
  execFileSync('cp', ['--sparse=always', '--reflink=auto', from, to]);
}

/** An ISO 9660 image labelled config-2 with the cloud-config where OpenStack puts it. */
export function makeConfigDrive(userData: string | { readonly file: string }, iso: string, metaData?: object): Drive {
  const dir = mkdtempSync(join(tmpdir(), 'corral-config-'));
  try {
    const target = join(dir, 'openstack/latest/user_data');
    mkdirSync(dirname(target), { recursive: true });
    if (typeof userData === 'string') writeFileSync(target, userData);
    else cpSync(userData.file, target);
    if (metaData !== undefined) writeFileSync(join(dirname(target), 'meta_data.json'), JSON.stringify(metaData));
    mkdirSync(dirname(iso), { recursive: true });
    execFileSync('genisoimage', ['-quiet', '-rational-rock', '-joliet', '-V', 'config-2', '-o', iso, dir], { stdio: ['ignore', 'ignore', 'pipe'] });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return { file: iso, format: 'raw', readOnly: true };
}

/** The key pair at `file`, made when it is missing. Returns the public line. */
export function sshKey(file: string): string {
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true });
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'corral', '-f', file]);
  }
  return readFileSync(`${file}.pub`, 'utf8').trim();
}

/** What is wrong with the ext4 filesystem on a raw disk, or ''. Looks only: nothing is replayed or repaired. */
export function ext4Problems(disk: string): string {
  const header = run('dumpe2fs', ['-h', disk]);
  const state = /^Filesystem state:\s+(.*)$/m.exec(header)?.[1];
  if (state !== 'clean') return `the filesystem's state is "${state ?? header.trim()}"`;
  if (/needs_recovery/.test(header)) return 'the journal needs recovery';
  const check = spawnSync('e2fsck', ['-f', '-n', disk], { encoding: 'utf8', timeout: 120_000, env: pathWithSbin() });
  return check.status === 0 ? '' : `e2fsck: ${check.stdout.trim()}`;
}

function run(program: string, args: string[]): string {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000, env: pathWithSbin() });
  return stdout + stderr;
}

function pathWithSbin(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' };
}
