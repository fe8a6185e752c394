/**
 * Tools whose version reaches the bytes of the image (mksquashfs, veritysetup, depmod) are taken from the image's own suite, not from
 * the build machine: they run where they were unpacked, by their own dynamic loader.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from './error.ts';
import { run } from './run.ts';

const LIBRARIES = 'usr/lib/x86_64-linux-gnu';

export interface Toolbox {
  run(program: string, args: readonly string[]): Promise<string>;
}

/** Of the folders that the tools' packages are unpacked in. */
export function openToolbox(folders: readonly string[]): Toolbox {
  const find = (...paths: readonly string[]): string => {
    const file = paths.flatMap((path) => folders.map((folder) => join(folder, path))).find((candidate) => existsSync(candidate));
    if (file === undefined) throw new BuildError(`cannot find build tool "${paths.join('", "')}": no package under "tools" in image/os.yml has it`);
    return file;
  };
  const libraryPath = folders.map((folder) => join(folder, LIBRARIES)).filter((folder) => existsSync(folder)).join(':');
  return {
    run: async (program, args) => {
      // kmod looks at its own name to know which of its programs it is
      const file = program === 'depmod' ? find('usr/bin/kmod') : find(`usr/bin/${program}`, `usr/sbin/${program}`);
      return await run(find(`${LIBRARIES}/ld-linux-x86-64.so.2`), ['--argv0', program, '--library-path', libraryPath, file, ...args]);
    },
  };
}
