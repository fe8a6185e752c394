/** Results are replaced whole: a virtual machine that runs from the old file keeps it, and a broken build leaves it alone. */
import { copyFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

export function replaceFile(path: string, content: Buffer | string): void {
  writeFileSync(`${path}.partial`, content);
  renameSync(`${path}.partial`, path);
}

export function replaceByCopy(path: string, source: string): void {
  copyFileSync(source, `${path}.partial`);
  renameSync(`${path}.partial`, path);
}

/** Has a program write a file, and puts it in place when that went well. */
export async function replaceByProgram(path: string, write: (partial: string) => Promise<unknown>): Promise<void> {
  const partial = `${path}.partial`;
  rmSync(partial, { force: true });
  await write(partial);
  renameSync(partial, path);
}
