/** The programs that an installation needs: the small image for clouds has not all of them. */
import { constants } from 'node:fs';
import { access, open } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../sys/files.ts';
import { RosError } from '../lib/errors.ts';

const folders = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

export const forWholeDisk = ['sfdisk', 'mkfs.vfat', 'mmd', 'mcopy', 'mke2fs', 'e2fsck', 'blockdev'];
export const forOwnPartitions = ['sfdisk', 'mmd', 'mcopy', 'e2fsck', 'blockdev'];

export async function requirePrograms(names: readonly string[], where: readonly string[] = folders): Promise<void> {
  const missing: string[] = [];
  for (const name of names) {
    const found = await Promise.all(where.map((folder) => access(join(folder, name), constants.X_OK).then(() => true, () => false)));
    if (!found.includes(true)) missing.push(name);
  }
  if (missing.length > 0) throw new RosError('ERR_ROS_NO_PROGRAM', `cannot install from this system: it has no ${missing.join(', ')}`, { hint: 'the image for bare metal has them: start the machine from its ISO' });
}

/** The last word on whether a disk is in use belongs to the kernel: it knows of mounts in containers, of arrays and of swap. */
export async function assertFree(device: string): Promise<void> {
  try {
    await (await open(device, constants.O_RDONLY | constants.O_EXCL)).close();
  } catch (error) {
    if (isErrno(error, 'EBUSY')) throw new RosError('ERR_ROS_IN_USE', `cannot install to disk "${device}": it is in use`, { hint: `a container may have mounted it: grep ${device} /proc/*/mounts`, cause: error });
    throw error;
  }
}
