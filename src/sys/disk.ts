/** Disks and filesystems, through util-linux and e2fsprogs. */
import { open, mkdir } from 'node:fs/promises';
import { causeOf, RosError } from '../lib/errors.ts';
import { run, tryRun } from './exec.ts';
import { exists, writeFileAtomic } from './files.ts';
import { mounts } from './proc.ts';

/** What blkid knows of a device; empty where it says nothing. */
export interface BlockDevice {
  readonly name: string;
  readonly type: string;
  readonly label: string;
  readonly uuid: string;
  readonly partLabel: string;
  readonly partUuid: string;
}

/** Every device that something is known of. One look at all costs as much as a search for one label. */
export async function listDevices(): Promise<BlockDevice[]> {
  const { stdout } = await tryRun('blkid', ['-c', '/dev/null', '-o', 'export'], { timeoutMs: 15_000 });
  return parseDevices(stdout);
}

/** Of `blkid -o export`: lines NAME=value, a blank line between two devices; characters a shell would mind have a backslash. */
export function parseDevices(text: string): BlockDevice[] {
  return text.split('\n\n').flatMap((part) => {
    const value = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(part)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? '';
    const name = value('DEVNAME');
    return name === '' ? [] : [{ name, type: value('TYPE'), label: value('LABEL'), uuid: value('UUID'), partLabel: value('PARTLABEL'), partUuid: value('PARTUUID') }];
  });
}

/** The device that `LABEL=…`, `UUID=…` or a path names; undefined when there is none now. */
export async function findDevice(spec: string): Promise<string | undefined> {
  if (spec.startsWith('/dev/')) return (await exists(spec)) ? spec : undefined;
  const { code, stdout } = await tryRun('blkid', ['-c', '/dev/null', '-l', '-o', 'device', '-t', spec], { timeoutMs: 15_000 });
  const device = stdout.trim().split('\n')[0] ?? '';
  return code === 0 && device !== '' ? device : undefined;
}

/** The filesystem on a device, as blkid names it; undefined when it knows none. */
export async function filesystemType(device: string): Promise<string | undefined> { return probe(device, 'TYPE'); }

async function probe(device: string, tag: 'TYPE' | 'LABEL'): Promise<string | undefined> {
  const { stdout } = await tryRun('blkid', ['-c', '/dev/null', '-p', '-o', 'value', '-s', tag, device], { timeoutMs: 15_000 });
  return stdout.trim() === '' ? undefined : stdout.trim();
}

const blankBytes = 1024 * 1024;

/** What a filesystem of ours is called until it is whole. Nothing ever mounts it, so nothing is on it. */
const unfinished = 'UNFINISHED_STATE';

/** Whether nothing can be lost by formatting: the first MiB is all zero, or the power went while we formatted it before. */
export async function isBlank(device: string): Promise<boolean> {
  const file = await open(device, 'r');
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(blankBytes), 0, blankBytes, 0);
    if (bytesRead === blankBytes && buffer.every((byte) => byte === 0)) return true;
  } finally {
    await file.close();
  }
  return (await probe(device, 'LABEL')) === unfinished;
}

/** Gets its label last: whoever looks for the label finds a whole filesystem. */
export async function formatExt4(device: string, label: string): Promise<void> {
  await run('mkfs.ext4', ['-q', '-F', '-L', unfinished, device], { timeoutMs: 300_000 });
  await run('e2label', [device, label]);
}

/** Has an ext4 that is not mounted count its files by project, so that a share of them can be bounded (image/programs/disk-share.c). */
export async function addProjectQuota(device: string): Promise<void> { await run('tune2fs', ['-O', 'project', '-Q', 'prjquota', device], { timeoutMs: 60_000 }); }
export async function removeProjectQuota(device: string): Promise<void> { await run('tune2fs', ['-O', '^quota', device], { timeoutMs: 60_000 }); }

/** Checks a filesystem and mends what is safe to mend. Returns what it mended, in words; throws when it could not. */
export async function checkFilesystem(device: string): Promise<string | undefined> {
  const { code, stdout, stderr } = await tryRun('e2fsck', ['-p', device], { timeoutMs: 600_000 });
  if (code >= 4) throw new RosError('ERR_ROS_FSCK', `cannot check filesystem "${device}": ${(stderr || stdout).trim().split('\n').slice(-2).join('; ')}`);
  return code === 0 ? undefined : stdout.trim().split('\n').slice(-2).join('; ');
}

export interface Bind { readonly source: string; readonly target: string }

/** Bind mounts, all by one program; those that are there already stay. `table` is a file that it may write. */
export async function bindAll(binds: readonly Bind[], table: string): Promise<void> {
  const field = (path: string): string => path.replaceAll(/[\s\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
  await writeFileAtomic(table, binds.map(({ source, target }) => `${field(source)} ${field(target)} none bind 0 0\n`).join(''), 0o600);
  await run('mount', ['--all', '--fstab', table]);
}

export interface MountOptions { readonly type?: string; readonly options?: string }

/** Mounts unless something is mounted there already: a restarted supervisor runs the same steps again. */
export async function mountOnce(source: string, target: string, { type, options }: MountOptions = {}): Promise<void> {
  if ((await mounts()).some((mount) => mount.target === target && mount.source === source)) return;
  try {
    await mkdir(target, { recursive: true });
    await run('mount', [...(type === undefined ? [] : ['-t', type]), ...(options === undefined ? [] : ['-o', options]), source, target]);
  } catch (error) {
    throw new RosError('ERR_ROS_MOUNT', `cannot mount "${source}" on "${target}": ${causeOf(error)}`, { cause: error });
  }
}

export async function bindMount(source: string, target: string): Promise<void> { await run('mount', ['--bind', source, target]); }
export async function unmount(target: string): Promise<void> { await run('umount', [target]); }
