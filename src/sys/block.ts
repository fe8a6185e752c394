/** What the kernel says of block devices (/sys/class/block). No program is started for any of it. */
import { readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { listDirectory, readTextFile } from './files.ts';
import { mounts } from './proc.ts';

export const sectorBytes = 512;

/** Where a device lies; sectors are of 512 bytes, whatever the disk's own are. */
export interface Geometry {
  readonly sectors: number;
  /** Undefined for a whole disk, and for what is no part of one (LVM, LUKS, RAID). */
  readonly partition?: {
    /** `/dev/sda` */
    readonly disk: string;
    readonly number: number;
    readonly start: number;
    readonly diskSectors: number;
    /** No other partition of the disk begins behind it. */
    readonly isLast: boolean;
  };
}

/** Undefined when there is no such device. */
export async function geometryOf(device: string, sys = '/sys'): Promise<Geometry | undefined> {
  const folder = await folderOf(device, sys);
  const sectors = await number(folder, 'size');
  if (sectors === undefined) return undefined;
  const index = await number(folder, 'partition');
  const start = await number(folder, 'start');
  const diskSectors = await number(dirname(folder), 'size');
  if (index === undefined || start === undefined || diskSectors === undefined) return { sectors };
  const starts = await Promise.all((await listDirectory(dirname(folder))).map((name) => number(join(dirname(folder), name), 'start')));
  return { sectors, partition: { disk: `/dev/${basename(dirname(folder))}`, number: index, start, diskSectors, isLast: starts.every((other) => other === undefined || other <= start) } };
}

/** The partitions of a disk, by where they begin. */
export async function partitionsOf(disk: string, sys = '/sys'): Promise<string[]> {
  const folder = await folderOf(disk, sys);
  const found = await Promise.all((await listDirectory(folder)).map(async (name) => ({ name, start: await number(join(folder, name), 'start') })));
  return found.flatMap(({ name, start }) => (start === undefined ? [] : [{ name, start }])).sort((a, b) => a.start - b.start).map(({ name }) => `/dev/${name}`);
}

export async function isWriteProtected(device: string, sys = '/sys'): Promise<boolean> { return (await number(await folderOf(device, sys), 'ro')) === 1; }

/** The disks that a device is made of: itself, the disk of a partition, what is under a mapping, an array or a loop device. */
export async function disksUnder(device: string, sys = '/sys', depth = 0): Promise<string[]> {
  if (depth > 8) return [];
  const folder = await folderOf(device, sys);
  const slaves = await listDirectory(join(folder, 'slaves'));
  if (slaves.length > 0) return [...new Set((await Promise.all(slaves.map((name) => disksUnder(`/dev/${name}`, sys, depth + 1)))).flat())];
  const file = (await readTextFile(join(folder, 'loop/backing_file'), 4096).catch(() => undefined))?.trim();
  if (file !== undefined) {
    const below = (await mounts()).filter(({ source, target }) => source.startsWith('/dev/') && file.startsWith(target === '/' ? target : `${target}/`)).sort((a, b) => b.target.length - a.target.length)[0];
    return below === undefined || below.source === device ? [] : disksUnder(below.source, sys, depth + 1);
  }
  return [`/dev/${(await number(folder, 'partition')) === undefined ? basename(folder) : basename(dirname(folder))}`];
}

/** Whether something is made of it: an array, a mapping, a volume group. */
export async function isHeld(device: string, sys = '/sys'): Promise<boolean> { return (await listDirectory(join(await folderOf(device, sys), 'holders'))).length > 0; }

/** Device nodes may be links (/dev/mapper/…), and those in /sys/class/block always are. */
async function folderOf(device: string, sys: string): Promise<string> {
  const node = await readlink(device).then((target) => basename(target), () => basename(device));
  return realpath(join(sys, 'class/block', node)).catch(() => join(sys, 'class/block', node));
}

async function number(folder: string, file: string): Promise<number | undefined> {
  const text = await readTextFile(join(folder, file), 64).catch(() => undefined);
  return text === undefined || text.trim() === '' ? undefined : Number(text);
}
