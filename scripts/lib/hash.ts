/** Content hashes: of values, files and folders. The build's stamps, the SBOM and the image ids are made of them. */
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, openSync, closeSync, readSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

export function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Reads in pieces: the root image need not fit in memory. */
export function hashFile(path: string): string {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(1 << 20);
  const file = openSync(path, 'r');
  try {
    for (let count = readSync(file, buffer); count > 0; count = readSync(file, buffer)) hash.update(buffer.subarray(0, count));
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}

/** Names, executable bits, link targets and contents below a folder (or of one file); a missing one hashes as empty. */
export function hashTree(path: string, isLeftOut: (name: string) => boolean = () => false): string {
  const lines: string[] = [];
  const visit = (at: string): void => {
    const stat = lstatSync(at);
    const name = relative(path, at);
    if (name !== '' && isLeftOut(name)) return;
    if (stat.isDirectory()) {
      lines.push(`${name}/`);
      for (const entry of readdirSync(at).sort()) visit(join(at, entry));
    } else if (stat.isSymbolicLink()) lines.push(`${name} -> ${readlinkSync(at)}`);
    else lines.push(`${name} ${(stat.mode & 0o100) === 0 ? '-' : 'x'} ${hashFile(at)}`);
  };
  if (existsSync(path)) visit(path);
  return sha256(lines.join('\n'));
}

/** The hash of a script and of every script that it imports, so that a change of the build itself rebuilds what it touches. */
export function hashScript(path: string): string {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, name] of readFileSync(file, 'utf8').matchAll(/from '(\.[^']+\.ts)'/g)) visit(resolve(dirname(file), name ?? ''));
  };
  visit(path);
  return sha256([...seen].sort().map((file) => readFileSync(file, 'utf8')).join('\0'));
}
