/** What `make formats` has built, and machines that start from it. A medium itself is never written: disks get an overlay. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, createReadStream, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createZstdDecompress } from 'node:zlib';
import { createContext } from '../../scripts/lib/context.ts';
import { formatFile, readFormats } from '../../scripts/lib/media/formats.ts';
import { ovmf, type Bus, type Drive, type Firmware, type MachineSpec, type NetBoot } from '../../scripts/qemu-args.ts';
import { diskLayout, partitionNamed } from '../../src/install/layout.ts';
import { testDir } from './machine.ts';

/** The file (a network boot's: the folder) of a format, by the name of its folder in image/formats/. */
export function medium(format: string): string {
  const context = createContext();
  const [found] = readFormats(context, [format]);
  const file = join('build/media', found === undefined ? format : formatFile(found, context.version));
  if (!existsSync(file)) throw new Error(`cannot find medium "${format}": there is no ${file} (make ${format} builds it)`);
  return file;
}

/** A firmware with variables of its own, fresh from the factory. */
export function firmware(kind: Firmware['kind'], name: string): Firmware {
  if (kind === 'bios') return { kind };
  const nvram = join(testDir, `${name}.nvram.fd`);
  mkdirSync(testDir, { recursive: true });
  copyFileSync(ovmf[kind].nvram, nvram);
  return { kind, nvram };
}

/** Keys for the ISO's menu: End, which is its last entry, and Enter. */
export const disksLeftAlone = '\x1b[F\r';

export interface StartFrom {
  readonly firmware: Firmware;
  readonly drive?: Drive;
  readonly netBoot?: NetBoot;
}

/** For `Machine.start({ change: startFrom(…) })`: the firmware starts it, from this drive or from the network; the other drives stay. */
export function startFrom({ firmware: kind, drive, netBoot }: StartFrom): (spec: MachineSpec) => MachineSpec {
  return ({ kernel: _, initrd: __, drives, ...rest }) => ({
    ...rest,
    append: [],
    firmware: kind,
    // the first drive was the root image of a kernel that QEMU starts
    drives: [...(drive === undefined ? [] : [drive]), ...drives.slice(1)],
    ...(netBoot !== undefined && { netBoot }),
  });
}

/** A disk of a format on a bus, `size` large; what is written to it goes elsewhere. */
export async function diskOf(format: string, bus: Bus, size = '4G'): Promise<Drive> {
  const file = medium(format);
  const base = file.endsWith('.zst') ? await unpack(format) : file;
  const overlay = join(testDir, `${format}.overlay.qcow2`);
  mkdirSync(testDir, { recursive: true });
  rmSync(overlay, { force: true });
  const { format: kind } = JSON.parse(execFileSync('qemu-img', ['info', '--output=json', base], { encoding: 'utf8' })) as { format: string };
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', resolve(base), '-F', kind, overlay, size]);
  return { file: overlay, format: 'qcow2', bus, cache: 'unsafe' };
}

/** A packed disk as it is, in a file of the test's own, with holes for the zeros. */
export async function unpack(format: string): Promise<string> {
  const to = join(testDir, `${format}.unpacked`);
  mkdirSync(testDir, { recursive: true });
  const file = await open(to, 'w');
  try {
    let size = 0;
    for await (const piece of createReadStream(medium(format)).pipe(createZstdDecompress({ chunkSize: 1 << 20 }))) {
      const bytes = piece as Buffer;
      if (!bytes.equals(Buffer.alloc(bytes.length))) await file.write(bytes, 0, bytes.length, size);
      size += bytes.length;
    }
    await file.truncate(size);
  } finally {
    await file.close();
  }
  return to;
}

/** Changes one byte in the middle of a file on a disk's boot partition. */
export function damageBootFile(disk: string, path: string): void {
  const { startBytes } = partitionNamed(diskLayout(statSync(disk).size), 'esp');
  const copy = join(testDir, 'damaged');
  const mcopy = (...args: string[]): void => { execFileSync('mcopy', ['-o', '-i', `${disk}@@${startBytes}`, ...args]); };
  mcopy(`::${path}`, copy);
  const bytes = readFileSync(copy);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  writeFileSync(copy, bytes);
  mcopy(copy, `::${path}`);
}

/** What the ISO says of itself (release.json), without mounting it. */
export function releaseOf(iso: string): { readonly rootHash: string; readonly version: string; readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>> } {
  const to = join(testDir, 'release.json');
  mkdirSync(testDir, { recursive: true });
  rmSync(to, { force: true });
  execFileSync('xorriso', ['-osirrox', 'on', '-indev', iso, '-extract', '/corral/release.json', to], { stdio: 'ignore' });
  return JSON.parse(readFileSync(to, 'utf8')) as ReturnType<typeof releaseOf>;
}
