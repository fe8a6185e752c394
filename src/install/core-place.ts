/** Where GRUB's core image lies on a disk that somebody else has partitioned, and the two places in it that say so. Pure. */
import { sectorBytes } from './layout.ts';

export interface CorePlace { readonly startBytes: number }

interface Table { readonly partitiontable?: { readonly label?: string; readonly partitions?: readonly { readonly start: number; readonly size: number; readonly type: string }[] } }

const biosBootType = '21686148-6449-6e6f-744e-656564454649';
/** Of an MBR's first sector. */
const bootCodeBytes = 440;
/** Where boot.img keeps the sector of the core image, and the core image's first sector the one of the rest. */
const coreSectorAt = 0x5c;
const restSectorAt = 0x1f4;

/** A BIOS boot partition of a GPT, or the gap before the first partition of an MBR; undefined: it starts with UEFI only. */
export function corePlace(sfdiskJson: string, coreBytes: number): CorePlace | undefined {
  const { label, partitions = [] } = (JSON.parse(sfdiskJson) as Table).partitiontable ?? {};
  if (label === 'gpt') {
    const found = partitions.find(({ type, size }) => type.toLowerCase() === biosBootType && size * sectorBytes >= coreBytes);
    return found === undefined ? undefined : { startBytes: found.start * sectorBytes };
  }
  // FAT on a whole disk may look like a table without partitions.
  const first = partitions.length === 0 ? 0 : Math.min(...partitions.map(({ start }) => start));
  return label === 'dos' && (first - 1) * sectorBytes >= coreBytes ? { startBytes: sectorBytes } : undefined;
}

export function bootSectorFor(bootImage: Buffer, { startBytes }: CorePlace): Buffer {
  const sector = Buffer.from(bootImage.subarray(0, bootCodeBytes));
  sector.writeBigUInt64LE(BigInt(startBytes / sectorBytes), coreSectorAt);
  return sector;
}

export function coreAt(coreImage: Buffer, { startBytes }: CorePlace): Buffer {
  const core = Buffer.from(coreImage);
  core.writeBigUInt64LE(BigInt(startBytes / sectorBytes + 1), restSectorAt);
  return core;
}
