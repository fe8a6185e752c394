/**
 * Go programs that could load plugins, and Node for its addons, export every symbol that they have: the names, addresses and
 * hashes are 16 MB of dockerd alone, 5 MB of them still there when compressed. Nothing here loads a plugin or an addon, so
 * only those symbols stay that a needed library has a name for or a relocation refers to. The places stay, filled with zeros:
 * nothing in the program moves. (`strip` cannot do it: the table is part of what is loaded.)
 */
import { ElfImage } from './elf-image.ts';
import { BuildError } from './error.ts';

const DT = {
  NEEDED: 1, PLTRELSZ: 2, STRTAB: 5, SYMTAB: 6, RELA: 7, RELASZ: 8, STRSZ: 10, SONAME: 14, RPATH: 15, JMPREL: 23, RUNPATH: 29,
  GNU_HASH: 0x6ffffef5, VERSYM: 0x6ffffff0, VERDEF: 0x6ffffffc, VERNEED: 0x6ffffffe, VERNEEDNUM: 0x6fffffff,
} as const;
const STRING_TAGS: readonly number[] = [DT.NEEDED, DT.SONAME, DT.RPATH, DT.RUNPATH];
const [SYMBOL_BYTES, RELOCATION_BYTES] = [24, 24];

/** What a library defines or asks for: the names that it may look for in a program. */
export function symbolNames(library: Buffer): string[] {
  return dynamicSymbols(new ElfImage(library)).map(({ name }) => name);
}

/** What a program or library asks other ones for, and what it has for them. */
export function dynamicSymbols(elf: ElfImage): Symbol[] {
  return readSymbols(elf, readHash(elf));
}

/** Zeroes what a program exports to nobody, in place; returns how many symbols. Throws BuildError, the message of which is the cause. */
export function dropExports(program: Buffer, isWanted: (name: string) => boolean): number {
  const elf = new ElfImage(program);
  if (elf.value(DT.VERDEF) !== undefined) throw new BuildError('it defines versions of its symbols');
  const hash = readHash(elf);
  const symbols = readSymbols(elf, hash);
  const relocated = relocatedSymbols(elf);
  const isKept = ({ index, name, isDefined }: Symbol): boolean => index < hash.first || !isDefined || relocated.has(index) || isWanted(name);
  const kept = symbols.filter(isKept);
  const versions = elf.value(DT.VERSYM) === undefined ? undefined : elf.table(DT.VERSYM);
  for (const { index, at } of symbols.filter((one) => !isKept(one))) {
    program.fill(0, at, at + SYMBOL_BYTES);
    if (versions !== undefined) program.writeUInt16LE(0, versions + 2 * index);
  }
  keepStrings(elf, [...kept.map(({ nameOffset }) => nameOffset), ...otherStrings(elf)]);
  writeHash(elf, hash, kept.filter(({ index }) => index >= hash.first), symbols.length);
  return symbols.length - kept.length;
}

/** Where the parts of the GNU hash table lie: a Bloom filter, the first symbol of each bucket, and for each symbol its hash, odd at the end of a bucket. */
interface Hash { readonly bloom: number; readonly bloomWords: number; readonly shift: number; readonly buckets: number; readonly bucketCount: number; readonly chains: number; readonly first: number }

function readHash(elf: ElfImage): Hash {
  const at = elf.table(DT.GNU_HASH);
  const [bucketCount = 0, first = 0, bloomWords = 0, shift = 0] = [0, 4, 8, 12].map((offset) => elf.bytes.readUInt32LE(at + offset));
  const buckets = at + 16 + 8 * bloomWords;
  return { bloom: at + 16, bloomWords, shift, buckets, bucketCount, chains: buckets + 4 * bucketCount, first };
}

export interface Symbol { readonly index: number; readonly at: number; readonly nameOffset: number; readonly name: string; readonly isDefined: boolean }

/** The table has no length: it ends with the last symbol that the hash table leads to. */
function readSymbols(elf: ElfImage, { buckets, bucketCount, chains, first }: Hash): Symbol[] {
  let last = first - 1;
  for (let bucket = 0; bucket < bucketCount; bucket += 1) last = Math.max(last, elf.bytes.readUInt32LE(buckets + 4 * bucket));
  if (last >= first) while ((elf.bytes.readUInt32LE(chains + 4 * (last - first)) & 1) === 0) last += 1;
  const [table, strings] = [elf.table(DT.SYMTAB), elf.table(DT.STRTAB)];
  return Array.from({ length: last + 1 }, (_, index) => {
    const at = table + SYMBOL_BYTES * index;
    const nameOffset = elf.bytes.readUInt32LE(at);
    return { index, at, nameOffset, name: elf.text(strings + nameOffset), isDefined: elf.bytes.readUInt16LE(at + 6) !== 0 };
  });
}

function relocatedSymbols(elf: ElfImage): Set<number> {
  const found = new Set<number>();
  for (const [tag, sizeTag] of [[DT.RELA, DT.RELASZ], [DT.JMPREL, DT.PLTRELSZ]] as const) {
    if (elf.value(tag) === undefined) continue;
    const [start, size] = [elf.table(tag), elf.value(sizeTag) ?? 0];
    for (let at = start; at < start + size; at += RELOCATION_BYTES) found.add(elf.bytes.readUInt32LE(at + 12));
  }
  return found;
}

/** Offsets of the strings that are no symbols' names: of libraries, paths and versions. */
function otherStrings(elf: ElfImage): number[] {
  const { bytes } = elf;
  const found = elf.dynamic.filter(([tag]) => STRING_TAGS.includes(tag)).map(([, value]) => value);
  let library = elf.value(DT.VERNEED) === undefined ? 0 : elf.table(DT.VERNEED);
  for (let left = elf.value(DT.VERNEEDNUM) ?? 0; left > 0; left -= 1) {
    found.push(bytes.readUInt32LE(library + 4));
    let version = library + bytes.readUInt32LE(library + 8);
    for (let more = bytes.readUInt16LE(library + 2); more > 0; more -= 1) {
      found.push(bytes.readUInt32LE(version + 8));
      version += bytes.readUInt32LE(version + 12);
    }
    library += bytes.readUInt32LE(library + 12);
  }
  return found;
}

function keepStrings(elf: ElfImage, offsets: readonly number[]): void {
  const [start, size] = [elf.table(DT.STRTAB), elf.value(DT.STRSZ) ?? 0];
  const old = Buffer.from(elf.bytes.subarray(start, start + size));
  elf.bytes.fill(0, start, start + size);
  for (const offset of offsets) old.copy(elf.bytes, start + offset, offset, old.indexOf(0, offset));
}

/** The symbols keep their places, so those of a bucket are still beside each other, with gaps that no hash matches. */
function writeHash({ bytes }: ElfImage, { bloom, bloomWords, shift, buckets, bucketCount, chains, first }: Hash, symbols: readonly Symbol[], total: number): void {
  bytes.fill(0, bloom, chains + 4 * (total - first));
  const last = new Map<number, number>();
  for (const { index, name } of symbols) {
    const hash = gnuHash(name);
    const word = bloom + 8 * (Math.floor(hash / 64) % bloomWords);
    bytes.writeBigUInt64LE(bytes.readBigUInt64LE(word) | (1n << BigInt(hash % 64)) | (1n << BigInt((hash >>> shift) % 64)), word);
    const bucket = buckets + 4 * (hash % bucketCount);
    if (bytes.readUInt32LE(bucket) === 0) bytes.writeUInt32LE(index, bucket);
    const chain = chains + 4 * (index - first);
    bytes.writeUInt32LE((hash & ~1) >>> 0, chain);
    last.set(bucket, chain);
  }
  for (const chain of last.values()) bytes.writeUInt32LE((bytes.readUInt32LE(chain) | 1) >>> 0, chain);
}

function gnuHash(name: string): number {
  let hash = 5381;
  for (let at = 0; at < name.length; at += 1) hash = (Math.imul(hash, 33) + name.charCodeAt(at)) >>> 0;
  return hash;
}
