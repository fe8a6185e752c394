/** The processes of control groups. */
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { readTextFile } from './files.ts';

const limit = 16 * 1024 * 1024;
export const cgroupRoot = '/sys/fs/cgroup';

export interface Group {
  /** From the root of all groups: `/system/engine`. */
  readonly path: string;
  readonly pids: readonly number[];
}

/**
 * A group and all below it, in no particular order. Who may make groups may make many: after `maxGroups` it ends. `skip` is not looked into.
 */
export async function groupsBelow(path: string, { skip = [], maxGroups = 4000, root = cgroupRoot }: { readonly skip?: readonly string[]; readonly maxGroups?: number; readonly root?: string } = {}): Promise<Group[]> {
  const found: Group[] = [];
  const queue = [path];
  for (let next = queue.shift(); next !== undefined && found.length < maxGroups; next = queue.shift()) {
    // A group of threads does not say its processes.
    const text = await readTextFile(join(root, next, 'cgroup.procs'), limit).catch(() => undefined);
    found.push({ path: next, pids: (text ?? '').split('\n').filter((line) => line !== '' && line !== '0').map(Number) });
    try {
      for await (const entry of await opendir(join(root, next))) {
        const below = join(next, entry.name);
        if (entry.isDirectory() && !skip.includes(below) && queue.length < maxGroups) queue.push(below);
      }
    } catch { /* it has just been removed */ }
  }
  return found;
}
