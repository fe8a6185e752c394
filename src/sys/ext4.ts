/** The superblock of ext2, ext3 and ext4: whether a check is needed, how large the filesystem is, and whether it can bound files. Read by us, for a program costs every boot. */
import { open } from 'node:fs/promises';

export interface Superblock {
  /** It was not unmounted, has met errors, or is due by count or time. */
  readonly needsCheck: boolean;
  readonly bytes: number;
  /** It counts files by project, and would bound them where it is mounted so. */
  readonly hasProjectQuota: boolean;
  /** Nobody has ever mounted it. */
  readonly isNew: boolean;
}

const offset = 1024;
const length = 1024;
const magic = 0xef53;
const [cleanState, errorState] = [1, 2];
const journalToReplay = 0x4;
const has64Bit = 0x80;
const [hasQuota, hasProject] = [0x100, 0x2000];

/** Pure. Undefined: no such filesystem. `nowS` is the time since 1970 in seconds. */
export function parseSuperblock(block: Buffer, nowS: number): Superblock | undefined {
  if (block.length < length || block.readUInt16LE(0x38) !== magic) return undefined;
  const incompatible = block.readUInt32LE(0x60);
  const blocks = block.readUInt32LE(0x04) + ((incompatible & has64Bit) === 0 ? 0 : block.readUInt32LE(0x150) * 2 ** 32);
  const state = block.readUInt16LE(0x3a);
  const [mountCount, mostMounts] = [block.readUInt16LE(0x34), block.readInt16LE(0x36)];
  const [checkedAt, everyS] = [block.readUInt32LE(0x40), block.readUInt32LE(0x44)];
  return {
    needsCheck: (state & cleanState) === 0 || (state & errorState) !== 0 || (incompatible & journalToReplay) !== 0 || (mostMounts > 0 && mountCount >= mostMounts) || (everyS > 0 && nowS > checkedAt + everyS),
    bytes: blocks * 2 ** (10 + block.readUInt32LE(0x18)),
    isNew: mountCount === 0 && block.readUInt32LE(0x2c) === 0,
    hasProjectQuota: (block.readUInt32LE(0x64) & (hasQuota | hasProject)) === (hasQuota | hasProject) && block.readUInt32LE(0x26c) !== 0,
  };
}

export async function readSuperblock(device: string): Promise<Superblock | undefined> {
  const file = await open(device, 'r');
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
    return bytesRead < length ? undefined : parseSuperblock(buffer, Date.now() / 1000);
  } finally {
    await file.close();
  }
}
