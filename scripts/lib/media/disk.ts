/** Disks with the system installed on them, made by the installer's own core on a regular file, and what hypervisors want of it. */
import { closeSync, createReadStream, createWriteStream, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { writeDisk } from '../../../src/install/write-disk.ts';
import { EPOCH } from '../context.ts';
import { replaceByProgram } from '../files.ts';
import { sha256 } from '../hash.ts';
import { run } from '../run.ts';
import type { BootFolder } from './boot-files.ts';
import type { DiskFormat } from './formats.ts';

/** Small: the state partition grows with the disk when the machine starts. Some clouds charge, and all copy, what it is large. */
const DISK_BYTES = 2560 * 1024 * 1024;

/** Most of a disk is compressed already, the rest is zeros. */
const PACK_LEVEL = 6;

export async function installOn({ folder, release }: BootFolder, file: string): Promise<void> {
  await replaceByProgram(file, async (partial) => {
    const fd = openSync(partial, 'w');
    ftruncateSync(fd, DISK_BYTES);
    closeSync(fd);
    const reproducible = { seed: release.rootHash, epochS: EPOCH };
    await writeDisk({ target: partial, diskBytes: DISK_BYTES, files: { folder }, append: [], reproducible, onProgress: () => undefined });
  });
}

export async function convertDisk(disk: string, spec: DiskFormat, to: string): Promise<void> {
  await replaceByProgram(to, async (partial) => {
    if (spec.pack === 'zst') await packFile(disk, partial);
    else if (spec.convert === undefined) await run('cp', ['--sparse=always', disk, partial]);
    else {
      const { to: format, options, compress } = spec.convert;
      await run('qemu-img', ['convert', '-f', 'raw', '-O', format, ...(compress ? ['-c'] : []), ...(options.length > 0 ? ['-o', options.join(',')] : []), disk, partial]);
      settle(partial, format);
    }
  });
}

async function packFile(from: string, to: string): Promise<void> {
  const compress = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: PACK_LEVEL, [constants.ZSTD_c_checksumFlag]: 1 } });
  await pipeline(createReadStream(from, { highWaterMark: 1 << 20 }), compress, createWriteStream(to, { mode: 0o644 }));
}

/** qemu-img gives these two an identity and a time of their own: they get the same one each time instead. */
function settle(file: string, format: string): void {
  if (format !== 'vmdk' && format !== 'vpc') return;
  const fd = openSync(file, 'r+');
  try {
    const { size } = fstatSync(fd);
    const change = (at: number, length: number, edit: (bytes: Buffer) => Buffer): void => {
      const bytes = Buffer.alloc(length);
      readSync(fd, bytes, 0, length, at);
      writeSync(fd, edit(bytes), 0, length, at);
    };
    if (format === 'vmdk') change(512, 20 * 512, settleVmdkDescriptor);
    else for (const at of [0, size - 512]) change(at, 512, settleVhdFooter);
  } finally {
    closeSync(fd);
  }
}

/** The descriptor's content id: any number that is not all ones. */
export function settleVmdkDescriptor(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replace(/^CID=[0-9a-f]{8}$/m, 'CID=c0221a15'), 'latin1');
}

/** A VHD's footer, which a dynamic one has at both ends: time at 24, checksum at 64, identity at 68. */
export function settleVhdFooter(bytes: Buffer): Buffer {
  const footer = Buffer.from(bytes);
  if (footer.toString('latin1', 0, 8) !== 'conectix') return footer;
  const year2000 = 946_684_800;
  footer.writeUInt32BE(EPOCH - year2000, 24);
  Buffer.from(sha256('corralos'), 'hex').copy(footer, 68, 0, 16);
  footer.writeUInt32BE(0, 64);
  footer.writeUInt32BE(~footer.reduce((sum, byte) => sum + byte, 0) >>> 0, 64);
  return footer;
}

/** A flavour's disk before it is converted. */
export function diskFile(work: string, flavour: string): string { return join(work, `disk-${flavour}.raw`); }
