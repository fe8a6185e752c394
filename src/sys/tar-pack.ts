/** Small tar archives in memory, for the files that are put into containers. POSIX ustar, long names as pax headers. Pure. */

export interface TarEntry {
  /** Absolute or relative to the root. */
  readonly path: string;
  readonly kind: 'file' | 'folder';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a file. */
  readonly content?: Uint8Array;
}

const block = 512;
const nameBytes = 100;

export function packTar(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const content = Buffer.from(entry.content ?? []);
    const name = Buffer.from(`${entry.path.replace(/^\/+/, '').replace(/\/+$/, '')}${entry.kind === 'folder' ? '/' : ''}`);
    const long = name.length > nameBytes ? paxPath(name) : [];
    return [...long, header(name.subarray(0, nameBytes), entry, content.length, entry.kind === 'folder' ? '5' : '0'), content, padding(content.length)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}

/** The content of the first file in an archive; undefined when there is none. Throws when the archive is cut short. */
export function firstFile(tar: Buffer): Buffer | undefined {
  for (let at = 0; at + block <= tar.length;) {
    const head = tar.subarray(at, at + block);
    if (head.every((byte) => byte === 0)) return undefined;
    const size = Number.parseInt(head.toString('latin1', 124, 136).replace(/\0.*/s, '').trim() || '0', 8);
    const type = head.toString('latin1', 156, 157);
    if (type === '0' || type === '\0') {
      if (at + block + size > tar.length) throw new Error('the archive is cut short');
      return tar.subarray(at + block, at + block + size);
    }
    at += block + Math.ceil(size / block) * block;
  }
  return undefined;
}

function header(name: Buffer, { mode, uid, gid }: Pick<TarEntry, 'mode' | 'uid' | 'gid'>, size: number, type: string): Buffer {
  const head = Buffer.alloc(block);
  name.copy(head, 0);
  octal(head, 100, 8, mode);
  octal(head, 108, 8, uid);
  octal(head, 116, 8, gid);
  octal(head, 124, 12, size);
  octal(head, 136, 12, Math.floor(Date.now() / 1000));
  head.fill(' ', 148, 156);
  head.write(type, 156);
  head.write('ustar\0' + '00', 257);
  octal(head, 148, 7, head.reduce((sum, byte) => sum + byte, 0));
  return head;
}

function octal(head: Buffer, at: number, length: number, value: number): void { head.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at); }
function padding(size: number): Buffer { return Buffer.alloc((block - (size % block)) % block); }

/** The record says its own length, which counts itself. */
function paxPath(name: Buffer): Buffer[] {
  const rest = Buffer.concat([Buffer.from(' path='), name, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  const record = Buffer.concat([Buffer.from(String(length)), rest]);
  return [header(Buffer.from('pax'), { mode: 0o644, uid: 0, gid: 0 }, record.length, 'x'), record, padding(record.length)];
}
