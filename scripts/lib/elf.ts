/** Reads from an ELF file what it needs to run: its interpreter and its shared libraries. 64-bit little-endian only. */
import { closeSync, openSync, readSync } from 'node:fs';

export interface ElfNeeds {
  readonly interpreter: string | undefined;
  readonly libraries: readonly string[];
  /** RUNPATH or RPATH, `$ORIGIN` not replaced */
  readonly searchPaths: readonly string[];
}

const [PT_LOAD, PT_DYNAMIC, PT_INTERP] = [1, 2, 3];
const [DT_NEEDED, DT_STRTAB, DT_RPATH, DT_RUNPATH] = [1, 5, 15, 29];

/** Undefined for a file that is no such ELF program or library. */
export function readElfNeeds(path: string): ElfNeeds | undefined {
  const file = openSync(path, 'r');
  const read = (offset: number, length: number): Buffer => {
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(file, buffer, 0, length, offset));
  };
  try {
    const header = read(0, 64);
    const isElf64 = header.length === 64 && header.readUInt32BE(0) === 0x7f454c46 && header[4] === 2 && header[5] === 1;
    // 2 and 3: programs and shared objects; not kernel modules
    if (!isElf64 || ![2, 3].includes(header.readUInt16LE(16))) return undefined;
    const entrySize = header.readUInt16LE(54);
    const table = read(Number(header.readBigUInt64LE(32)), entrySize * header.readUInt16LE(56));
    const segments = Array.from({ length: table.length / entrySize }, (_, index) => {
      const entry = table.subarray(index * entrySize);
      const number = (at: number): number => Number(entry.readBigUInt64LE(at));
      return { type: entry.readUInt32LE(0), offset: number(8), address: number(16), size: number(32) };
    });
    const text = (offset: number): string => {
      const bytes = read(offset, 4096);
      return bytes.subarray(0, bytes.indexOf(0)).toString();
    };
    const interpreter = segments.find((segment) => segment.type === PT_INTERP);
    const dynamic = segments.find((segment) => segment.type === PT_DYNAMIC);
    const entries = dynamic === undefined ? [] : readDynamic(read(dynamic.offset, dynamic.size));
    const strings = entries.find(([tag]) => tag === DT_STRTAB)?.[1] ?? 0;
    const home = segments.find((one) => one.type === PT_LOAD && strings >= one.address && strings < one.address + one.size);
    const stringsOffset = home === undefined ? 0 : strings - home.address + home.offset;
    const named = (...tags: number[]): string[] => entries.filter(([tag]) => tags.includes(tag)).map(([, value]) => text(stringsOffset + value));
    return {
      interpreter: interpreter === undefined ? undefined : text(interpreter.offset),
      libraries: named(DT_NEEDED),
      searchPaths: named(DT_RPATH, DT_RUNPATH).flatMap((paths) => paths.split(':')),
    };
  } finally {
    closeSync(file);
  }
}

function readDynamic(bytes: Buffer): [tag: number, value: number][] {
  const entries: [number, number][] = [];
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    const tag = Number(bytes.readBigUInt64LE(at));
    if (tag === 0) break;
    entries.push([tag, Number(bytes.readBigUInt64LE(at + 8))]);
  }
  return entries;
}
