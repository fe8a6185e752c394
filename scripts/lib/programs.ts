/** The programs of our own that are in the root: one file of C each in image/programs/, static. */
import { mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { run } from './run.ts';

const FLAGS = ['-static', '-Os', '-std=gnu17', '-Wall', '-Wextra', '-Werror', '-ffunction-sections', '-fdata-sections', '-Wl,--gc-sections', '-Wl,-z,noseparate-code', '-s'];

/** Compiles `<name>.c` to `<folder>/<name>` and returns that path. */
export async function compileProgram(source: string, folder: string): Promise<string> {
  const program = join(folder, basename(source, '.c'));
  mkdirSync(folder, { recursive: true });
  // the build folder's path must not reach the bytes
  await run('musl-gcc', [...FLAGS, `-ffile-prefix-map=${dirname(source)}=programs`, '-o', program, source]);
  return program;
}
