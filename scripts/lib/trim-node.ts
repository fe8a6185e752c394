/** Empties what `ros` never uses of Node. The places stay: nothing in the binary moves. */
import { ElfImage, type FunctionSymbol } from './elf-image.ts';
import { BuildError } from './error.ts';

const MAGIC = Buffer.from([0xda, 0x27]);
const FORMAT = Buffer.from('CmnD');
const FORMAT_AT = 12;

/** Folders hold one file a locale; at the top there is one as well, beside data that all locales share. */
const KEPT = [
  /^(?!translit|lang|region)[a-z]+\/(root|en|en_US|pool|res_index)\.res$/, // no names of languages and countries, no other script's letters
  /^coll\/ucadata\.icu$/,
  /^brkitr\/(char|word|line|sent)\.brk$/,
  /^(root|en|en_US|pool|res_index)\.res$/,
  /^[a-zA-Z0-9]{6,}\.res$/, // supplementalData, likelySubtags, zoneinfo64 …: no locale's name is that long without a "_"
  /^(?!unames)[a-zA-Z0-9]+\.icu$/,
  /\.(nrm|spp)$/,
];

/**
 * Zeroes Unicode data: 33 MB, 11 MB of them still there when compressed. The supervisor speaks English and formats no dates
 * by locale; what stays is the root locale, English, and what normalises and compares text and names of hosts. Returns how
 * many bytes. Layout: ICU's "common data" format, a header, then a table of names and offsets (unicode/udata.h, ucmndata.h).
 */
export function trimIcu(binary: Buffer): number {
  const header = findHeader(binary);
  const table = header + binary.readUInt16LE(header);
  const count = binary.readUInt32LE(table);
  const items = Array.from({ length: count }, (_, index) => {
    const at = table + 4 + 8 * index;
    const nameAt = table + binary.readUInt32LE(at);
    const name = binary.toString('latin1', nameAt, binary.indexOf(0, nameAt));
    return { name: name.slice(name.indexOf('/') + 1), start: table + binary.readUInt32LE(at + 4) };
  });
  let zeroed = 0;
  for (const [index, { name, start }] of items.entries()) {
    const end = items[index + 1]?.start;
    if (end === undefined || KEPT.some((pattern) => pattern.test(name))) continue; // the last one's length is not in the table
    binary.fill(0, start, end);
    zeroed += end - start;
  }
  return zeroed;
}

function findHeader(binary: Buffer): number {
  for (let at = binary.indexOf(FORMAT); at >= 0; at = binary.indexOf(FORMAT, at + 1)) {
    if (at >= FORMAT_AT && binary.subarray(at - FORMAT_AT + 2, at - FORMAT_AT + 4).equals(MAGIC)) return at - FORMAT_AT;
  }
  throw new BuildError('cannot trim program "node": it carries no ICU data');
}

/** A run of base64 at least this long in Node's own sources is its TypeScript compiler (3.8 MB of WebAssembly). */
const COMPILER_BYTES = 1_000_000;

/** Blanks the compiler that strips types from `.ts` files: the product is JavaScript. Returns how many bytes. */
export function blankTypeScriptCompiler(binary: Buffer): number {
  const isBase64 = Uint8Array.from({ length: 256 }, (_, code) => Number(/[A-Za-z0-9+/=]/.test(String.fromCharCode(code))));
  let start = 0;
  for (let at = 0; at <= binary.length; at += 1) {
    if (isBase64[binary[at] ?? 0] === 1) continue;
    if (at - start > COMPILER_BYTES) {
      binary.fill('A', start, at); // still a string of the same length to whoever parses around it
      return at - start;
    }
    start = at + 1;
  }
  throw new BuildError('cannot trim program "node": its TypeScript compiler is not where it was');
}

/** V8's own serialized data begin with this in the upper half of a word. */
const CACHE_MAGIC = 0xc0de;
/** Magic, V8's version, the source's hash, the flags' hash, the snapshot's hash, the length of what follows, its checksum, nothing. */
const CACHE_HEADER_BYTES = 32;
/** Node 24 has 388 modules of its own. */
const CACHES_AT_LEAST = 300;
/** What the hash of a source says of it: its length, and in the upper bits what kind of source it is. */
const SOURCE_LENGTH = 0x1fff_ffff;

export interface ModuleUse {
  /** V8's hash of the flags that the program will run with. */
  readonly flagsHash: number;
  /** Of the modules that are loaded: the lengths of their sources, which is how a cache names its own. */
  readonly sourceLengths: ReadonlySet<number>;
}

/**
 * The compiled code of Node's own modules was made with V8's usual flags, and V8 takes none that was made with others than
 * it runs with. Bytecode is the same under `--jitless`, so that of the modules that are loaded gets the hash of those
 * flags, and nothing is compiled at a start; that of the others is blanked, its header and with it the refusal stay.
 * Returns how many were kept, and how many bytes blanked.
 */
export function fitCodeCaches(binary: Buffer, use: ModuleUse): { kept: number; blanked: number } {
  const kinds = new Map<string, number[]>();
  for (let at = 0; at + CACHE_HEADER_BYTES <= binary.length; at += 8) {
    if (binary.readUInt16LE(at + 2) !== CACHE_MAGIC) continue;
    const isHeader = binary.readUInt32LE(at + 20) > 0 && binary.readUInt32LE(at + 24) === 0 && binary.readUInt32LE(at + 28) === 0;
    const kind = [0, 4, 12, 16].map((offset) => binary.readUInt32LE(at + offset)).join(' ');
    if (isHeader) kinds.set(kind, [...(kinds.get(kind) ?? []), at]);
  }
  const caches = [...kinds.values()].find((found) => found.length >= CACHES_AT_LEAST);
  if (caches === undefined) throw new BuildError('cannot trim program "node": the code caches of its modules are not where they were');
  let [kept, blanked] = [0, 0];
  for (const at of caches) {
    if (use.sourceLengths.has(binary.readUInt32LE(at + 8) & SOURCE_LENGTH)) {
      binary.writeUInt32LE(use.flagsHash, at + 12);
      kept += 1;
      continue;
    }
    const length = binary.readUInt32LE(at + 20);
    binary.fill(0, at + CACHE_HEADER_BYTES, at + CACHE_HEADER_BYTES + length);
    blanked += length;
  }
  return { kept, blanked };
}

/** Blanks sources: the modules are then empty. One that is not found is an error. Returns how many bytes. */
export function blankSources(binary: Buffer, sources: ReadonlyMap<string, string>): number {
  let blanked = 0;
  for (const [id, source] of sources) {
    // One byte a character, or two where one of them needs it.
    const encoding = [...source].some((character) => character > '\u00ff') ? 'utf16le' : 'latin1';
    const bytes = Buffer.from(source, encoding);
    const at = binary.indexOf(bytes);
    if (at < 0) throw new BuildError(`cannot trim program "node": the source of its module "${id}" is not where it was`);
    binary.fill(' ', at, at + bytes.length, encoding);
    blanked += bytes.length;
  }
  return blanked;
}

/** V8's optimizing compilers, Turbofan and Maglev: ten of the 43 MB of Node's code. */
const COMPILERS = /^_ZT?[hvc]?[n\d_]*Z?NK?[RO]*2v88internal(8compiler|6maglev)/;
/**
 * What of them V8 calls even when it never compiles: it makes and asks an empty queue of jobs, and a description of calls
 * that WebAssembly would need. Found by going through every reference in the program from outside of the compilers to them.
 */
const CALLED_ANYWAY = /26MaglevConcurrentDispatcher|21MaglevCompilationInfo(D|22DetachCanonical)|24MaglevPipelineStatistics|22PipelineStatisticsBase|9ZoneStats|12JSHeapBrokerD|19WasmCallDescriptors|24GetBuiltinCallDescriptor|7Linkage/;
/** int3: who comes here all the same stops at once. */
const TRAP = 0xcc;
const COMPILER_FUNCTIONS_AT_LEAST = 20_000;

/** Fills with traps the functions that `--jitless` never calls. `functions` are those of the same program before `strip`. Returns how many bytes. */
export function trapCompilers(binary: Buffer, functions: readonly FunctionSymbol[]): number {
  const elf = new ElfImage(binary);
  const unused = functions.filter(({ name }) => COMPILERS.test(name) && !CALLED_ANYWAY.test(name));
  if (unused.length < COMPILER_FUNCTIONS_AT_LEAST) throw new BuildError('cannot trim program "node": its optimizing compilers are not where they were');
  // One body may have two names: what is called under one of them stays.
  const called = new Set(functions.filter(({ name }) => !COMPILERS.test(name) || CALLED_ANYWAY.test(name)).map(({ address }) => address));
  let trapped = 0;
  for (const { address, size } of unused) {
    if (called.has(address)) continue;
    const start = elf.offset(address);
    binary.fill(TRAP, start, start + size);
    trapped += size;
  }
  return trapped;
}
