/** Software RAID, through mdadm and what the kernel says of its arrays. */
import { join } from 'node:path';
import { tryTool } from './exec.ts';
import { listDirectory, readTextFile } from './files.ts';

export interface RaidArray { readonly name: string; readonly level: string; readonly isActive: boolean; readonly disks: number; readonly missing: number }

const assembleMs = 60_000;

/** Adds disks to their arrays; one that is complete by that is started. No configuration file: what is on the disks counts. */
export async function addToArrays(disks: readonly string[]): Promise<void> {
  for (const disk of disks) await tryTool('mdadm', ['--incremental', '--config=partitions', disk], { timeoutMs: assembleMs });
}

/** Starts arrays that can do without the disks that are missing. Whether it could is seen by `raidArrays`. */
export async function startIncomplete(): Promise<void> {
  for (const { name, isActive } of await raidArrays()) if (!isActive) await tryTool('mdadm', ['--run', `/dev/${name}`], { timeoutMs: assembleMs });
}

export async function raidArrays(sys = '/sys'): Promise<RaidArray[]> {
  const names = (await listDirectory(join(sys, 'class/block'))).filter((name) => /^md(?:\d+|_.+)$/.test(name));
  return Promise.all(names.map(async (name) => {
    const read = async (file: string): Promise<string> => (await readTextFile(join(sys, 'class/block', name, 'md', file), 64).catch(() => undefined))?.trim() ?? '';
    const state = await read('array_state');
    return { name, level: await read('level'), isActive: !['', 'clear', 'inactive'].includes(state), disks: Number(await read('raid_disks')), missing: Number(await read('degraded')) };
  }));
}

/** What is to be told of the arrays; undefined when they are whole. Pure. */
export function raidWarning(arrays: readonly RaidArray[]): string | undefined {
  const broken = arrays.filter(({ isActive, missing }) => isActive && missing > 0);
  if (broken.length === 0) return undefined;
  return broken.map(({ name, level, disks, missing }) => `RAID array ${name} (${level}) is degraded: ${missing} of its ${disks} disks is missing or has failed; "mdadm --detail /dev/${name}" tells which.`).join(' ');
}
