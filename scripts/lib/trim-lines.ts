/**
 * A Go program carries the file and the line of every instruction, for the text of a crash: 4.3 MB of dockerd, of which 2.5 stay
 * when it is compressed. Without them a crash names its functions and how far in they were (`main.main() ?:0 +0x1d`). The
 * tables of a program lie in one block, "pclntab" (Go's runtime/symtab.go): a header, the functions, and `pctab`, which has a
 * string of bytes for each thing that changes from instruction to instruction. Those of lines and files go, and the rest moves together.
 */
import { BuildError } from './error.ts';

/** Of Go 1.20 and later; then two zeros, the instructions' smallest length and a pointer's. */
const HEADER = Buffer.from([0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8]);
/** Where things lie in what the runtime calls `_func`. */
const FUNC = { pcsp: 16, pcfile: 20, pcln: 24, npcdata: 28, pcdata: 44 } as const;

interface Tables {
  readonly functions: number;
  /** offsets in the program */
  readonly files: number;
  readonly pctab: number;
  readonly functab: number;
}

/** Empties the tables of lines in place; returns the bytes that became zeros. Throws BuildError where the program has none: the message is the cause. */
export function dropLines(program: Buffer): number {
  const { functions, files, pctab, functab } = findTables(program);
  const old = Buffer.from(program.subarray(pctab, functab));
  let end = 1; // 0 stands for "none"
  const places = new Map<number, number>([[0, 0]]);
  const keep = (at: number): void => {
    const from = program.readUInt32LE(at);
    let to = places.get(from);
    if (to === undefined) {
      to = end;
      end += old.copy(program, pctab + to, from, endOfTable(old, from));
      places.set(from, to);
    }
    program.writeUInt32LE(to, at);
  };
  for (let index = 0; index < functions; index += 1) {
    const one = functab + program.readUInt32LE(functab + 8 * index + 4);
    keep(one + FUNC.pcsp);
    for (let left = program.readUInt32LE(one + FUNC.npcdata), at = one + FUNC.pcdata; left > 0; left -= 1, at += 4) keep(at);
    program.fill(0, one + FUNC.pcfile, one + FUNC.npcdata);
  }
  program.fill(0, pctab + end, functab);
  program.fill(0, files, pctab);
  return functab - pctab - end + pctab - files;
}

/** The header has, after the number of functions and of files and where the code begins, the offsets of five tables. */
function findTables(program: Buffer): Tables {
  for (let at = program.indexOf(HEADER); at !== -1; at = program.indexOf(HEADER, at + 1)) {
    const number = (index: number): number => Number(program.readBigUInt64LE(at + 8 + 8 * index));
    const offsets = [3, 4, 5, 6, 7].map(number);
    const [, units = 0, , pctab = 0, functab = 0] = offsets;
    if (offsets.some((offset, index) => offset <= (offsets[index - 1] ?? 0)) || at + functab > program.length) continue;
    // the files' numbers, by unit of compilation, lie before their names: both are for lines only
    return { functions: number(0), files: at + units, pctab: at + pctab, functab: at + functab };
  }
  throw new BuildError('it has no tables of Go 1.20 or later');
}

/** Pairs of numbers, of how the value and how the place change; no change of the value ends it, but as the first. */
function endOfTable(tables: Buffer, start: number): number {
  const skip = (at: number): number => {
    while ((tables.readUInt8(at) & 0x80) !== 0) at += 1;
    return at + 1;
  };
  for (let at = start; ; at = skip(skip(at))) if (tables.readUInt8(at) === 0 && at !== start) return at + 1;
}
