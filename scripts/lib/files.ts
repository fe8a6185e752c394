/** Results are replaced whole: a virtual machine that runs from the old file keeps it, and a broken build leaves it alone. */
import { chmodSync, copyFileSync, lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError, messageOf } from './error.ts';

export function replaceFile(path: string, content: Buffer | string): void {
  writeFileSync(`${path}.partial`, content);
  renameSync(`${path}.partial`, path);
}

export function replaceByCopy(path: string, source: string): void {
  copyFileSync(source, `${path}.partial`);
  renameSync(`${path}.partial`, path);
}

/**
 * Changes a program in a tree: as a new file, for the old one may be linked to the build's own copy. `verb` and what `edit` throws make the message:
 * `cannot drop lines of program "usr/bin/x": it has none`.
 */
export function editFile(tree: string, path: string, verb: string, edit: (content: Buffer) => number): void {
  const file = join(tree, path);
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) throw new BuildError(`cannot ${verb} program "${path}": there is no such file`);
  const content = readFileSync(file);
  try {
    if (edit(content) === 0) throw new BuildError('it has none');
  } catch (error) {
    throw new BuildError(`cannot ${verb} program "${path}": ${messageOf(error)}`, { cause: error, hint: 'take it out of the list in image/os.yml or its image.yml' });
  }
  replaceFile(file, content);
  chmodSync(file, stat.mode & 0o7777);
}

/** Has a program write a file, and puts it in place when that went well. */
export async function replaceByProgram(path: string, write: (partial: string) => Promise<unknown>): Promise<void> {
  const partial = `${path}.partial`;
  rmSync(partial, { force: true });
  await write(partial);
  renameSync(partial, path);
}
