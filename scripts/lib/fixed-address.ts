/**
 * A position-independent program can run anywhere, so the loader writes each of its pointers when it starts: 342,290 of dockerd's, in 8 MB that
 * are then read from the disk, and that each of the two daemons has of its own. One at a fixed address has its pointers in the file.
 * Debian links containerd and its shim like that, and dockerd not. (A linker could do it only again from the objects.)
 */
import { dynamicSymbols, RELOCATION_BYTES, relocations } from './elf-dynamic.ts';
import { ElfImage } from './elf-image.ts';
import { BuildError } from './error.ts';

/** Where linkers put programs that do not move. */
const BASE = 0x400000;

const [ET_EXEC, ET_DYN] = [2, 3];
const PT_GNU_STACK = 0x6474e551;
const SHF_ALLOC = 2;
const R = { GLOB_DAT: 6, JUMP_SLOT: 7, RELATIVE: 8, TPOFF64: 18 } as const;
const MOVED: readonly number[] = [R.GLOB_DAT, R.JUMP_SLOT, R.TPOFF64];
const DT = {
  PLTGOT: 3, HASH: 4, STRTAB: 5, SYMTAB: 6, RELA: 7, RELASZ: 8, INIT: 12, FINI: 13, TEXTREL: 22, JMPREL: 23, INIT_ARRAY: 25, FINI_ARRAY: 26, PREINIT_ARRAY: 32,
  RELRSZ: 35, GNU_HASH: 0x6ffffef5, VERSYM: 0x6ffffff0, RELACOUNT: 0x6ffffff9, FLAGS_1: 0x6ffffffb, VERDEF: 0x6ffffffc, VERNEED: 0x6ffffffe,
} as const;
const ADDRESSES: readonly number[] = [
  DT.PLTGOT, DT.HASH, DT.STRTAB, DT.SYMTAB, DT.RELA, DT.INIT, DT.FINI, DT.JMPREL, DT.INIT_ARRAY, DT.FINI_ARRAY, DT.PREINIT_ARRAY, DT.GNU_HASH, DT.VERSYM, DT.VERNEED,
];
const DF_1_PIE = 0x08000000n;
const [STT_TLS, SHN_ABS] = [6, 0xfff1];

/** Fixes a program at an address, in place; returns how many pointers it then has in the file. Throws BuildError for one that is fixed already, or has what is not foreseen here: the message is the cause. */
export function fixAddress(program: Buffer): number {
  const elf = new ElfImage(program);
  if (program.readUInt16LE(16) !== ET_DYN) throw new BuildError('it is fixed already');
  for (const [name, tag] of [['code that is relocated', DT.TEXTREL], ['compact relocations', DT.RELRSZ], ['versions of its own', DT.VERDEF]] as const) {
    if (elf.value(tag) !== undefined) throw new BuildError(`it has ${name}`);
  }
  const all = relocations(elf);
  const relative = all.slice(0, elf.value(DT.RELACOUNT) ?? 0);
  if (relative.length === 0) throw new BuildError('it has no pointers that are relocated');
  if (relative.some(({ type }) => type !== R.RELATIVE)) throw new BuildError('its relative relocations do not come first');
  const others = all.slice(relative.length);
  const strange = others.find(({ type }) => !MOVED.includes(type));
  if (strange !== undefined) throw new BuildError(`it has a relocation of type ${strange.type}`);

  for (const { at } of relative) {
    program.writeBigInt64LE(program.readBigInt64LE(at + 16) + BigInt(BASE), elf.offset(elf.number(at)));
    program.fill(0, at, at + RELOCATION_BYTES);
  }
  for (const { at, type } of others) {
    if (type === R.JUMP_SLOT) move(program, elf.offset(elf.number(at))); // until the first call it leads to the code that looks the function up
    move(program, at);
  }
  for (const { at, isDefined } of dynamicSymbols(elf)) if (isDefined && isAddress(program, at)) move(program, at + 8);
  moveDynamic(elf, relative.length * RELOCATION_BYTES);
  for (const at of elf.sections()) if ((program.readUInt32LE(at + 8) & SHF_ALLOC) !== 0) move(program, at + 16);
  for (const at of elf.segments()) {
    if (program.readUInt32LE(at) === PT_GNU_STACK) continue;
    move(program, at + 16);
    move(program, at + 24);
  }
  move(program, 24); // where it starts
  program.writeUInt16LE(ET_EXEC, 16);
  return relative.length;
}

function move(program: Buffer, at: number): void {
  program.writeBigUInt64LE(program.readBigUInt64LE(at) + BigInt(BASE), at);
}

/** Not for a thread's own variable, nor a number. */
function isAddress(program: Buffer, symbol: number): boolean {
  return (program.readUInt8(symbol + 4) & 15) !== STT_TLS && program.readUInt16LE(symbol + 6) !== SHN_ABS;
}

/** The table of relocations begins after those that are done. */
function moveDynamic(elf: ElfImage, done: number): void {
  const value = elf.bytes;
  for (const [tag, , at] of elf.dynamic) {
    if (ADDRESSES.includes(tag)) move(value, at);
    if (tag === DT.RELA) value.writeBigUInt64LE(value.readBigUInt64LE(at) + BigInt(done), at);
    if (tag === DT.RELASZ) value.writeBigUInt64LE(value.readBigUInt64LE(at) - BigInt(done), at);
    if (tag === DT.RELACOUNT) value.writeBigUInt64LE(0n, at);
    if (tag === DT.FLAGS_1) value.writeBigUInt64LE(value.readBigUInt64LE(at) & ~DF_1_PIE, at);
  }
}
