/**
 * Empties what `ros` never uses of the Unicode data that every Node binary carries: 33 MB, 11 MB of them still there when
 * compressed. The supervisor speaks English and formats no dates by locale; what stays is the root locale, English, and
 * what normalises and compares text and names of hosts. The places stay, filled with zeros: nothing in the binary moves.
 * Layout: ICU's "common data" format, a header, then a table of names and offsets (unicode/udata.h, ucmndata.h).
 */
import { BuildError } from './error.ts';

const MAGIC = Buffer.from([0xda, 0x27]);
const FORMAT = Buffer.from('CmnD');
const FORMAT_AT = 12;

/** Folders hold one file a locale; at the top there is one as well, beside data that all locales share. */
const KEPT = [
  /^[a-z]+\/(root|en|en_US|pool|res_index)\.res$/,
  /^coll\/ucadata\.icu$/,
  /^brkitr\/(char|word|line|sent)\.brk$/,
  /^(root|en|en_US|pool|res_index)\.res$/,
  /^[a-zA-Z0-9]{6,}\.res$/, // supplementalData, likelySubtags, zoneinfo64 …: no locale's name is that long without a "_"
  /^(?!unames)[a-zA-Z0-9]+\.icu$/,
  /\.(nrm|spp)$/,
];

/** Zeroes the unused data in place; returns how many bytes. */
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
