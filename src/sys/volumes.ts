/** Volumes that something was put on for this machine: by label, and folders that the host shares. */
import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { tryRun } from './exec.ts';
import { listDirectory, readTextFile } from './files.ts';

/** Label → device of every filesystem there is now; the first that has a label keeps it. One look costs as much as a search for one label. */
export async function volumeLabels(): Promise<Map<string, string>> {
  const { stdout } = await tryRun('blkid', ['-c', '/dev/null', '-o', 'export', '-s', 'LABEL'], { timeoutMs: 15_000 });
  return parseLabels(stdout);
}

/** Of `blkid -o export`: lines NAME=value, a blank line between two devices; characters a shell would mind have a backslash. */
export function parseLabels(text: string): Map<string, string> {
  const labels = new Map<string, string>();
  for (const part of text.split('\n\n')) {
    const value = (name: string): string | undefined => new RegExp(`^${name}=(.*)$`, 'm').exec(part)?.[1]?.replaceAll(/\\(.)/g, '$1');
    const device = value('DEVNAME');
    const label = value('LABEL');
    if (device !== undefined && label !== undefined && !labels.has(label)) labels.set(label, device);
  }
  return labels;
}

/** Virtio's number of a shared folder (9p). */
const virtio9p = '0x0009';

/** The tags of the folders that the host shares by 9p. Undefined: there are some, but this kernel has no driver for them. */
export async function sharedFolderTags(sys = '/sys', loadDriver = () => modprobe('9pnet_virtio')): Promise<string[] | undefined> {
  const devices = join(sys, 'bus/virtio/devices');
  const shared: string[] = [];
  for (const name of await listDirectory(devices)) {
    if ((await readTextFile(join(devices, name, 'device'), 64).catch(() => undefined))?.trim() === virtio9p) shared.push(join(devices, name));
  }
  if (shared.length === 0) return [];
  await loadDriver();
  const bound = await Promise.all(shared.map((device) => readlink(join(device, 'driver')).then(() => true, () => false)));
  if (!bound.includes(true)) return undefined;
  const tags = await Promise.all(shared.map((device) => readTextFile(join(device, 'mount_tag'), 256).catch(() => undefined)));
  return tags.flatMap((tag) => (tag === undefined ? [] : [tag.replaceAll('\0', '').trim()]));
}

async function modprobe(module: string): Promise<void> { await tryRun('modprobe', ['-q', module], { timeoutMs: 15_000 }); }
