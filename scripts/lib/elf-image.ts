/** A 64-bit little-endian ELF file in memory: where things lie in it, and its tables of symbols. */
import { BuildError } from './error.ts';

const [PT_LOAD, PT_DYNAMIC] = [1, 2];
const [SHT_SYMTAB, STT_FUNC] = [2, 2];
const SYMBOL_BYTES = 24;

export interface FunctionSymbol { readonly name: string; readonly address: number; readonly size: number }

export class ElfImage {
  readonly bytes: Buffer;
  /** The dynamic section's entries; `at` is where a value stands. */
  readonly dynamic: readonly (readonly [tag: number, value: number, at: number])[];
  readonly #loaded: readonly { readonly offset: number; readonly address: number; readonly size: number }[];

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    const segments = this.segments().map((at) => ({ type: bytes.readUInt32LE(at), offset: this.number(at + 8), address: this.number(at + 16), size: this.number(at + 32) }));
    this.#loaded = segments.filter(({ type }) => type === PT_LOAD);
    const entries: [number, number, number][] = [];
    const table = segments.find(({ type }) => type === PT_DYNAMIC);
    if (table !== undefined) for (let at = table.offset; this.number(at) !== 0; at += 16) entries.push([this.number(at), this.number(at + 8), at + 8]);
    this.dynamic = entries;
  }

  number(at: number): number { return Number(this.bytes.readBigUInt64LE(at)); }

  text(at: number): string { return this.bytes.toString('latin1', at, this.bytes.indexOf(0, at)); }

  /** Where in the file an address lies. */
  offset(address: number): number {
    const home = this.#loaded.find((one) => address >= one.address && address < one.address + one.size);
    if (home === undefined) throw new BuildError(`cannot find address 0x${address.toString(16)}: no segment of the file holds it`);
    return address - home.address + home.offset;
  }

  /** A value of the dynamic section. */
  value(tag: number): number | undefined { return this.dynamic.find(([one]) => one === tag)?.[1]; }

  /** Where in the file the table lies whose address is a value of the dynamic section. */
  table(tag: number): number {
    const address = this.value(tag);
    if (address === undefined) throw new BuildError(`cannot read program: its dynamic section has no entry ${tag}`);
    return this.offset(address);
  }

  /** The functions that `strip` would forget. */
  functions(): FunctionSymbol[] {
    const sections = this.sections();
    const home = sections.find((at) => this.bytes.readUInt32LE(at + 4) === SHT_SYMTAB);
    if (home === undefined) return [];
    const names = this.number((sections[this.bytes.readUInt32LE(home + 40)] ?? 0) + 24);
    const [start, size] = [this.number(home + 24), this.number(home + 32)];
    const found: FunctionSymbol[] = [];
    for (let at = start; at < start + size; at += SYMBOL_BYTES) {
      if ((this.bytes.readUInt8(at + 4) & 15) !== STT_FUNC) continue;
      found.push({ name: this.text(names + this.bytes.readUInt32LE(at)), address: this.number(at + 8), size: this.number(at + 16) });
    }
    return found.filter((one) => one.size > 0);
  }

  /** Where the headers of the segments are. */
  segments(): number[] { return this.#headers(32, 54); }

  /** Where the headers of the sections are, if the file still has them. */
  sections(): number[] { return this.#headers(40, 58); }

  /** Offsets of the program's or the section's headers; `sizeAt` is followed by their number. */
  #headers(tableAt: number, sizeAt: number): number[] {
    const [table, size, count] = [this.number(tableAt), this.bytes.readUInt16LE(sizeAt), this.bytes.readUInt16LE(sizeAt + 2)];
    return Array.from({ length: count }, (_, index) => table + size * index);
  }
}
