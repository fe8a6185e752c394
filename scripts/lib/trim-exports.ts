/**
 * Go programs that could load plugins, and Node for its addons, export every symbol that they have: the names, addresses and
 * hashes are 16 MB of dockerd alone, 5 MB of them still there when compressed. Nothing here loads a plugin or an addon, so
 * only those symbols stay that a needed library has a name for or a relocation refers to. The places stay, filled with zeros:
 * nothing in the program moves. (`strip` cannot do it: the table is part of what is loaded.)
 */
import { dynamicSymbols, readHash, relocations, SYMBOL_BYTES, type Hash, type Symbol } from './elf-dynamic.ts';
import { ElfImage } from './elf-image.ts';
import { BuildError } from './error.ts';

const DT = {
  NEEDED: 1, STRTAB: 5, STRSZ: 10, SONAME: 14, RPATH: 15, RUNPATH: 29,
  VERSYM: 0x6ffffff0, VERDEF: 0x6ffffffc, VERNEED: 0x6ffffffe, VERNEEDNUM: 0x6fffffff,
} as const;
const STRING_TAGS: readonly number[] = [DT.NEEDED, DT.SONAME, DT.RPATH, DT.RUNPATH];

/** What a library defines or asks for: the names that it may look for in a program. */
export function symbolNames(library: Buffer): string[] {
  return dynamicSymbols(new ElfImage(library)).map(({ name }) => name);
}

/** Zeroes what a program exports to nobody, in place; returns how many symbols. Throws BuildError, the message of which is the cause. */
export function dropExports(program: Buffer, isWanted: (name: string) => boolean): number {
  const elf = new ElfImage(program);
  if (elf.value(DT.VERDEF) !== undefined) throw new BuildError('it defines versions of its symbols');
  const hash = readHash(elf);
  const symbols = dynamicSymbols(elf, hash);
  const relocated = new Set(relocations(elf).map(({ symbol }) => symbol));
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
