/** The build machine's own programs. Present ones cost one look each; missing ones are installed where that is possible. */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { BuildError, messageOf } from './error.ts';
import { run } from './run.ts';

interface HostTool {
  /** a program on the PATH, or the absolute path of a file */
  readonly needs: string;
  /** the Debian package that brings it */
  readonly from: string;
}

/** What `make image` needs. */
export const imageTools: readonly HostTool[] = [
  { needs: 'apt-get', from: 'apt' },
  { needs: 'dpkg-deb', from: 'dpkg' },
  { needs: 'musl-gcc', from: 'musl-tools' },
  { needs: 'strip', from: 'binutils' },
  { needs: 'xz', from: 'xz-utils' },
  { needs: '/usr/share/keyrings/debian-archive-keyring.gpg', from: 'debian-archive-keyring' },
];

/** What `make formats` needs on top, and with the last one what starting a machine from a medium does. */
export const mediaTools: readonly HostTool[] = [
  { needs: 'xorriso', from: 'xorriso' },
  { needs: 'sfdisk', from: 'fdisk' },
  { needs: 'mkfs.vfat', from: 'dosfstools' },
  { needs: 'mcopy', from: 'mtools' },
  { needs: 'mke2fs', from: 'e2fsprogs' },
  { needs: 'qemu-img', from: 'qemu-utils' },
  { needs: '/usr/share/OVMF/OVMF_CODE_4M.fd', from: 'ovmf' },
];

/** What running and testing the image needs on top. */
export const runTools: readonly HostTool[] = [
  { needs: 'qemu-system-x86_64', from: 'qemu-system-x86' },
  { needs: 'qemu-img', from: 'qemu-utils' },
  { needs: 'mkfs.ext4', from: 'e2fsprogs' },
  { needs: 'sfdisk', from: 'fdisk' },
  { needs: 'genisoimage', from: 'genisoimage' },
  { needs: 'ssh', from: 'openssh-client' },
  { needs: 'openssl', from: 'openssl' },
];

export async function ensureHostTools(tools: readonly HostTool[]): Promise<void> {
  const missing = tools.filter((tool) => !isPresent(tool.needs));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((tool) => tool.from))];
  const hint = `install them by hand: apt-get install ${packages.join(' ')}`;
  const problem = `cannot find build tools "${missing.map((tool) => tool.needs).join('", "')}"`;
  if (process.getuid?.() !== 0) throw new BuildError(`${problem}: missing, and only root can install them`, { hint });
  if (!isPresent('apt-get')) throw new BuildError(`${problem}: missing, and this machine has no apt-get`, { hint });

  console.log(`installing build tools: ${packages.join(' ')}`);
  const install = ['install', '--yes', '--no-install-recommends', ...packages];
  try {
    await run('apt-get', install).catch(async () => {
      await run('apt-get', ['update']); // a fresh machine has no package lists, or old ones
      await run('apt-get', install);
    });
  } catch (error) {
    throw new BuildError(`${problem}: ${messageOf(error)}`, { hint });
  }
}

function isPresent(needed: string): boolean {
  if (needed.startsWith('/')) return existsSync(needed);
  // sbin is not on every user's PATH, but where mkfs and its like are
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, needed), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
