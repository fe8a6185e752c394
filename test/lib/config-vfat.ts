/** A config drive as a FAT file system, as many hypervisors make it; written with mtools, for nothing is mounted here. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { ensureHostTools } from '../../scripts/lib/host-tools.ts';
import type { Drive } from '../../scripts/qemu-args.ts';

const kilobytes = 2048;

export async function makeVfatDrive(userData: string, image: string): Promise<Drive> {
  await ensureHostTools([{ needs: 'mkfs.vfat', from: 'dosfstools' }, { needs: 'mcopy', from: 'mtools' }]);
  mkdirSync(dirname(image), { recursive: true });
  rmSync(image, { force: true });
  const run = (program: string, args: readonly string[], input?: string): void => { execFileSync(program, args, { ...(input !== undefined && { input }), stdio: ['pipe', 'ignore', 'pipe'] }); };
  run('mkfs.vfat', ['-n', 'config-2', '-C', image, String(kilobytes)]);
  run('mmd', ['-i', image, '::openstack', '::openstack/latest']);
  run('mcopy', ['-i', image, '-', '::openstack/latest/user_data'], userData);
  return { file: image, format: 'raw', readOnly: true };
}
