/** The boot medium that is installed from: found, and mounted while it is needed. */
import { mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { causeOf, RosError } from '../lib/errors.ts';
import { run } from '../sys/exec.ts';
import { exists } from '../sys/files.ts';
import { withChildren, type BlockDevice } from './disks.ts';
import { isoLabel } from './grub.ts';

export interface Medium extends AsyncDisposable {
  /** Where release.json lies. */
  readonly folder: string;
  /** What it is, for people. */
  readonly source: string;
  readonly notes: readonly string[];
}

export interface MediumOptions {
  /** `--image`; without it the medium that the machine was started from, else one with the label. */
  readonly image?: string;
  readonly devices: readonly BlockDevice[];
  /** The disk that is installed to is no medium. */
  readonly target?: string;
  /** Where the shim leaves the medium that the machine was started from. */
  readonly bootedFrom?: string;
}

const inMedium = 'corral';
const mountTimeoutMs = 60_000;
const noMediumHint = 'put the CD or USB stick in, or name a folder, an ISO file or a device with "-i"';

export async function openMedium({ image, devices, target, bootedFrom = '/run/corral/medium' }: MediumOptions): Promise<Medium> {
  if (image !== undefined) return openImage(image);
  if (await exists(join(bootedFrom, inMedium, 'release.json'))) return folderMedium(join(bootedFrom, inMedium), 'the medium that this machine was started from');
  const [first, ...others] = labelled(devices, target);
  if (first === undefined) throw new RosError('ERR_ROS_NO_MEDIUM', 'cannot find a boot medium: this machine was started without one, and no device has the label "RancherOS"', { hint: noMediumHint });
  const notes = others.length === 0 ? [] : [`several devices have the label "${isoLabel}": ${first} is taken, being the first; not ${others.join(', ')} ("-i" names another)`];
  return openMounted(first, ['-o', 'ro,nosuid,nodev,noexec'], first, notes);
}

/** CDs first, since a disk with this label may be an old stick. Of one disk only one: the partitions of an ISO on a stick show the same. Pure. */
export function labelled(devices: readonly BlockDevice[], target?: string): readonly string[] {
  return devices.filter(({ path }) => path !== target)
    .flatMap((disk) => withChildren(disk).filter(({ label }) => label === isoLabel).slice(0, 1).map(({ path }) => ({ path, isRom: disk.type === 'rom' })))
    .toSorted((a, b) => Number(b.isRom) - Number(a.isRom) || (a.path < b.path ? -1 : 1)).map(({ path }) => path);
}

async function openImage(image: string): Promise<Medium> {
  if (/^[a-z]+:\/\//i.test(image)) throw new RosError('ERR_ROS_BAD_REQUEST', `cannot install from "${image}": it is neither a folder nor a file nor a device of this machine`, { hint: 'fetch the ISO first, then name the file' });
  const found = await stat(image).catch(() => undefined);
  if (found === undefined) throw new RosError('ERR_ROS_NO_MEDIUM', `cannot install from "${image}": this machine has no such folder, file or device`, { hint: 'it is looked for outside of the console: /home, /opt, /mnt and /media are the same there' });
  if (found.isDirectory()) return folderMedium(await exists(join(image, 'release.json')) ? image : join(image, inMedium), image);
  return openMounted(await realpath(image), ['-o', `ro,nosuid,nodev,noexec${found.isFile() ? ',loop' : ''}`], image, []);
}

function folderMedium(folder: string, source: string): Medium {
  return { folder, source, notes: [], async [Symbol.asyncDispose]() { /* nothing of ours */ } };
}

async function openMounted(device: string, options: readonly string[], source: string, notes: readonly string[]): Promise<Medium> {
  const point = await mkdtemp(join(tmpdir(), 'ros-medium-'));
  try {
    await run('mount', [...options, device, point], { timeoutMs: mountTimeoutMs });
  } catch (error) {
    await rm(point, { recursive: true });
    throw new RosError('ERR_ROS_NO_MEDIUM', `cannot install from "${source}": it cannot be mounted: ${causeOf(error)}`, { cause: error, hint: noMediumHint });
  }
  return {
    folder: join(point, inMedium), source, notes,
    async [Symbol.asyncDispose]() {
      await run('umount', [point], { timeoutMs: mountTimeoutMs });
      await rm(point, { recursive: true });
    },
  };
}
