/** User-data as datasources hand it over: told apart by its first line, unpacked, and put into the form in which it is kept. */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { maxConfigBytes } from './load.ts';
import { isMime, mimeParts } from './mime.ts';

export type UserData =
  | { readonly kind: 'cloud-config' | 'script'; readonly text: string }
  /** A compose file, made a cloud-config by moving it `movedLines` down and `movedColumns` to the right. */
  | { readonly kind: 'compose'; readonly text: string; readonly movedLines: number; readonly movedColumns: number }
  | { readonly kind: 'multipart'; readonly parts: readonly UserDataPart[] }
  | { readonly kind: 'none' }
  | { readonly kind: 'unusable'; readonly reason: string };

export interface UserDataPart {
  /** `part 2` */
  readonly name: string;
  readonly data: Exclude<UserData, { kind: 'multipart' }>;
}

/** gzip in base64 in MIME is as deep as anybody goes. */
const maxWrappings = 4;

/** Never throws. Whatever is packed is unpacked to at most the size a cloud-config may have. */
export async function readUserData(bytes: Uint8Array): Promise<UserData> { return read(Buffer.from(bytes), 0); }

async function read(packed: Buffer, wrappings: number): Promise<UserData> {
  if (wrappings > maxWrappings) return { kind: 'unusable', reason: 'it is packed too many times' };
  const isGzip = packed[0] === 0x1f && packed[1] === 0x8b;
  const content = isGzip ? await unpack(packed) : packed;
  if (content === undefined) return { kind: 'unusable', reason: 'it is gzip, but cut short, damaged or too large' };
  if (content.length > maxConfigBytes) return { kind: 'unusable', reason: `it is larger than ${maxConfigBytes} bytes` };
  const text = textOf(content);
  if (text === undefined) return { kind: 'unusable', reason: 'it is neither text nor gzip' };
  if (text.trim() === '') return { kind: 'none' };
  if (text.startsWith('#!')) return { kind: 'script', text };
  if (/^#cloud-config\s*?(?:\r?\n|$)/.test(text)) return { kind: 'cloud-config', text };
  if (/^#compose\s*?(?:\r?\n|$)/.test(text)) return composeOf(text);
  if (isMime(text)) return readParts(text, wrappings);
  const unwrapped = fromBase64(text);
  return unwrapped === undefined ? { kind: 'unusable', reason: reasonOf(text) } : read(unwrapped, wrappings + 1);
}

async function unpack(packed: Buffer): Promise<Buffer | undefined> {
  return promisify(gunzip)(packed, { maxOutputLength: maxConfigBytes }).catch(() => undefined);
}

function textOf(content: Buffer): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(content);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

/** A whole compose file is what stands below `rancher.services`. */
function composeOf(text: string): UserData {
  const lines = text.split('\n').slice(1).filter((line, index) => index > 0 || line.trimEnd() !== '---');
  const [skipped, added] = [text.split('\n').length - lines.length, ['#cloud-config', 'rancher:', '  services:']];
  const indent = '    ';
  const moved = lines.map((line) => (line.trim() === '' ? line : `${indent}${line}`));
  return { kind: 'compose', text: [...added, ...moved].join('\n'), movedLines: added.length - skipped, movedColumns: indent.length };
}

async function readParts(text: string, wrappings: number): Promise<UserData> {
  const found = mimeParts(text);
  if (found === undefined) return { kind: 'unusable', reason: 'it is a MIME message, but cut short, or with too many parts' };
  const parts: UserDataPart[] = [];
  for (const [index, { type, content }] of found.entries()) {
    const name = `part ${index + 1}`;
    const data = await readPart(type, content, wrappings);
    if (data.kind === 'multipart') parts.push(...data.parts.map((inner) => ({ ...inner, name: `${name}, ${inner.name}` })));
    else parts.push({ name, data });
  }
  return { kind: 'multipart', parts };
}

/** The type of a part says what it is even when its first line does not. */
async function readPart(type: string, content: Buffer, wrappings: number): Promise<UserData> {
  const data = await read(content, wrappings + 1);
  if (data.kind !== 'unusable') return data;
  const text = textOf(content);
  if (type === 'text/cloud-config' && text !== undefined && content.length <= maxConfigBytes) return { kind: 'cloud-config', text };
  return data;
}

/** Undefined when it is no base64, or of nothing that user-data could be. */
function fromBase64(text: string): Buffer | undefined {
  const packed = text.replaceAll(/\s+/g, '');
  if (packed.length < 8 || packed.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(packed)) return undefined;
  const bytes = Buffer.from(packed, 'base64');
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const start = bytes.subarray(0, 64).toString('latin1');
  return isGzip || start.startsWith('#') || isMime(start) ? bytes : undefined;
}

const others: Readonly<Record<string, string>> = {
  '#include': 'a list of URLs (#include), which is not supported',
  '#include-once': 'a list of URLs (#include-once), which is not supported',
  '#cloud-boothook': 'a #cloud-boothook, which is not supported: use bootcmd',
  '#cloud-config-archive': 'a #cloud-config-archive, which is not supported: use MIME',
  '## template: jinja': 'a jinja template, which is not supported',
};

function reasonOf(text: string): string {
  const known = others[(text.split('\n')[0] ?? '').trim().toLowerCase()];
  if (known !== undefined) return `it is ${known}`;
  if (text.trimStart().startsWith('{')) return 'it is JSON (Ignition?), not a cloud-config';
  return 'it begins with neither "#cloud-config" nor "#!"';
}
