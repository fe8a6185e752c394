/** Mail-like user-data (MIME): multipart messages taken apart. Bounded in parts and depth; never throws. */
export interface MimePart {
  /** In small letters: `text/cloud-config`. */
  readonly type: string;
  readonly content: Buffer;
}

const maxParts = 100;
const maxDepth = 4;
const headerStart = /^(?:mime-version|content-type|content-transfer-encoding|from|subject|number-attachments)\s*:/i;

/** Whether a text begins as a MIME message does. */
export function isMime(text: string): boolean { return headerStart.test(text); }

/** The parts of a message, its inner messages' too, in their order. Undefined when it is cut short or has too many. */
export function mimeParts(text: string): MimePart[] | undefined {
  const parts: MimePart[] = [];
  return collect(text, parts, 0) ? parts : undefined;
}

function collect(text: string, parts: MimePart[], depth: number): boolean {
  if (depth > maxDepth || parts.length >= maxParts) return false;
  const { headers, body } = divide(text);
  const contentType = headers.get('content-type') ?? 'text/plain';
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (!type.startsWith('multipart/')) {
    parts.push({ type, content: decodeBody(body, headers.get('content-transfer-encoding')?.trim().toLowerCase()) });
    return true;
  }
  const boundary = /;\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;]{1,200}))/i.exec(contentType)?.slice(1).find((found) => found !== undefined);
  const inner = boundary === undefined ? undefined : betweenBoundaries(body, boundary);
  return inner?.every((part) => collect(part, parts, depth + 1)) ?? false;
}

/** Head and body, apart by a blank line. A header goes on in the next line when that begins with a blank. */
function divide(text: string): { headers: Map<string, string>; body: string } {
  const headers = new Map<string, string>();
  const lines = text.replace(/^(?:\r?\n)+/, '').split('\n');
  let index = 0;
  let name = '';
  for (; index < lines.length; index++) {
    const line = (lines[index] ?? '').replace(/\r$/, '');
    if (line === '') { index++; break; }
    const header = /^([!-9;-~]+):\s*(.*)$/.exec(line);
    if (/^[ \t]/.test(line)) headers.set(name, `${headers.get(name) ?? ''} ${line.trim()}`);
    else if (header !== null) { name = (header[1] ?? '').toLowerCase(); headers.set(name, header[2] ?? ''); }
    else break; // no head at all: the text begins here
  }
  return { headers, body: lines.slice(index).join('\n') };
}

/** What stands between the lines `--boundary`; undefined when the last one, `--boundary--`, is not there. */
function betweenBoundaries(body: string, boundary: string): string[] | undefined {
  const parts: string[][] = [];
  for (const line of body.split('\n')) {
    const text = line.trimEnd();
    if (text === `--${boundary}--`) return parts.map((lines) => lines.join('\n'));
    if (text === `--${boundary}`) parts.push([]);
    else parts.at(-1)?.push(line);
  }
  return undefined;
}

function decodeBody(body: string, encoding: string | undefined): Buffer {
  if (encoding === 'base64') return Buffer.from(body, 'base64');
  if (encoding !== 'quoted-printable') return Buffer.from(body);
  const bytes = Buffer.from(body.replaceAll(/=[ \t]*\r?\n/g, ''));
  return Buffer.from(bytes.toString('latin1').replaceAll(/=([0-9a-f]{2})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))), 'latin1');
}
