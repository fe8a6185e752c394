/** What the loader reads of a program or library: its symbols, the hash table that it looks them up with, and the relocations. */
import type { ElfImage } from './elf-image.ts';

const [DT_PLTRELSZ, DT_STRTAB, DT_SYMTAB, DT_RELA, DT_RELASZ, DT_JMPREL, DT_GNU_HASH] = [2, 5, 6, 7, 8, 23, 0x6ffffef5];
export const [SYMBOL_BYTES, RELOCATION_BYTES] = [24, 24];

/** Where the parts of the GNU hash table lie: a Bloom filter, the first symbol of each bucket, and for each symbol its hash, odd at the end of a bucket. */
export interface Hash { readonly bloom: number; readonly bloomWords: number; readonly shift: number; readonly buckets: number; readonly bucketCount: number; readonly chains: number; readonly first: number }

export function readHash(elf: ElfImage): Hash {
  const at = elf.table(DT_GNU_HASH);
  const [bucketCount = 0, first = 0, bloomWords = 0, shift = 0] = [0, 4, 8, 12].map((offset) => elf.bytes.readUInt32LE(at + offset));
  const buckets = at + 16 + 8 * bloomWords;
  return { bloom: at + 16, bloomWords, shift, buckets, bucketCount, chains: buckets + 4 * bucketCount, first };
}

export interface Symbol { readonly index: number; readonly at: number; readonly nameOffset: number; readonly name: string; readonly isDefined: boolean }

/** What a program or library asks other ones for, and what it has for them. The table has no length: it ends with the last symbol that the hash table leads to. */
export function dynamicSymbols(elf: ElfImage, { buckets, bucketCount, chains, first }: Hash = readHash(elf)): Symbol[] {
  let last = first - 1;
  for (let bucket = 0; bucket < bucketCount; bucket += 1) last = Math.max(last, elf.bytes.readUInt32LE(buckets + 4 * bucket));
  if (last >= first) while ((elf.bytes.readUInt32LE(chains + 4 * (last - first)) & 1) === 0) last += 1;
  const [table, strings] = [elf.table(DT_SYMTAB), elf.table(DT_STRTAB)];
  return Array.from({ length: last + 1 }, (_, index) => {
    const at = table + SYMBOL_BYTES * index;
    const nameOffset = elf.bytes.readUInt32LE(at);
    return { index, at, nameOffset, name: elf.text(strings + nameOffset), isDefined: elf.bytes.readUInt16LE(at + 6) !== 0 };
  });
}

export interface Relocation { readonly at: number; readonly type: number; readonly symbol: number }

/** In the file's order; those of its libraries' functions come last. */
export function relocations(elf: ElfImage): Relocation[] {
  const tables = [[DT_RELA, DT_RELASZ], [DT_JMPREL, DT_PLTRELSZ]].filter(([tag = 0]) => elf.value(tag) !== undefined);
  return tables.flatMap(([tag = 0, sizeTag = 0]) => {
    const start = elf.table(tag);
    return Array.from({ length: (elf.value(sizeTag) ?? 0) / RELOCATION_BYTES }, (_, index) => {
      const at = start + RELOCATION_BYTES * index;
      return { at, type: elf.bytes.readUInt32LE(at + 8), symbol: elf.bytes.readUInt32LE(at + 12) };
    });
  });
}
