/** The root image while the machine runs: whether the kernel verifies it (dm-verity, docs/adr/0007-verity.md), and a loud word when a block of it is not what was built. */
import { readdir } from 'node:fs/promises';
import { causeOf } from '../lib/errors.ts';
import { readTextFile } from '../sys/files.ts';
import { KernelLog, type KernelRecord } from '../sys/kernel-log.ts';
import { mountAt, mountPoints } from '../sys/mountinfo.ts';
import type { Machine } from './machine.ts';

export interface RootImage {
  /** Whether every block is verified as it is read. */
  readonly isVerified: boolean;
  /** What lies below it, `major:minor` by the kernel's name for it. */
  readonly devices: ReadonlyMap<string, string>;
}

/** What the shim calls its mapping (initramfs/verity.c). */
const mapping = 'corral-root';
const limit = 4096;
const text = async (path: string): Promise<string | undefined> => (await readTextFile(path, limit).catch(() => undefined))?.trim();

/** Undefined when it cannot be seen. */
export async function rootImage(): Promise<RootImage | undefined> {
  const device = mountAt('/', await mountPoints('self') ?? [])?.device;
  if (device === undefined) return undefined;
  const folder = `/sys/dev/block/${device}`;
  const below = await readdir(`${folder}/slaves`).catch(() => []);
  const numbers = await Promise.all(below.map(async (name): Promise<[string, string]> => [await text(`${folder}/slaves/${name}/dev`) ?? '', name]));
  return { isVerified: await text(`${folder}/dm/name`) === mapping, devices: new Map(numbers) };
}

export interface CorruptBlock {
  readonly device: string;
  /** metadata: of the hash tree, and then many blocks of data cannot be verified. */
  readonly kind: 'data' | 'metadata';
  readonly block: number;
}

/** Pure. What the kernel says of other devices than the root image's is not ours. */
export function corruptBlocks(records: readonly KernelRecord[], devices: RootImage['devices']): CorruptBlock[] {
  return records.flatMap((record) => {
    const [, number = '', kind, block] = /^device-mapper: verity: (\d+:\d+): (data|metadata) block (\d+) is corrupted$/.exec(record.text) ?? [];
    const device = devices.get(number);
    return device === undefined || (kind !== 'data' && kind !== 'metadata') ? [] : [{ device, kind, block: Number(block) }];
  });
}

export const rootImageTopic = 'root image';
const everyMs = 30_000;
const toldAtOnce = 5;

/** The kernel answers a read of such a block with an error, and says so in its log alone. Never throws. */
export function watchRootImage({ clock, log, warnings, refreshLogin }: Pick<Machine, 'clock' | 'log' | 'warnings' | 'refreshLogin'>): void {
  const kernelLog = new KernelLog();
  const known = new Set<string>();
  const look = async (): Promise<void> => {
    const root = await rootImage();
    if (root?.isVerified !== true) return; // and will not be until the next boot
    const found = corruptBlocks(await kernelLog.look(), root.devices).filter(({ kind, block }) => !known.has(`${kind} ${block}`) && known.add(`${kind} ${block}`));
    for (const { device, kind, block } of found.slice(0, toldAtOnce)) log.error(`root image: ${kind} block ${block} on ${device} is corrupted: what it holds cannot be read`);
    if (found.length > toldAtOnce) log.error(`root image: ${found.length - toldAtOnce} more corrupted blocks; the kernel's log names them (dmesg)`);
    if (found[0] !== undefined) {
      warnings.set(rootImageTopic, describeDamage(found[0].device, known.size));
      refreshLogin();
    }
    soon();
  };
  // The first one reads the whole log of the boot: not while the boot is at it.
  const soon = (): void => { clock.after(everyMs, () => { look().catch((error: unknown) => { log.warn(`root image: cannot watch the kernel's log: ${causeOf(error)}`); }); }); };
  soon();
}

/** Pure. */
export function describeDamage(device: string, blocks: number): string {
  return `The root image on ${device} is corrupt: ${blocks === 1 ? 'a block' : `${blocks} blocks`} of it cannot be read, and programs may fail. Boot another entry, or install it again; the disk may be dying.`;
}
