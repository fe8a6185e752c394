/** The folder that every medium is made from, and that an ISO carries as /corral: what an installation needs, and release.json, which says what is in it. */
import { copyFileSync, linkSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { neededFiles, type Release } from '../../../src/install/release.ts';
import { subContext, type BuildContext } from '../context.ts';
import { BuildError } from '../error.ts';
import { replaceFile } from '../files.ts';
import { hashFile } from '../hash.ts';
import type { Flavour } from '../spec.ts';

export interface BootFolder {
  readonly folder: string;
  readonly release: Release;
}

/** What every machine starts with, from whatever medium. */
export const kernelParameters: readonly string[] = ['printk.devkmsg=on', 'panic=10', 'console=tty0', 'console=ttyS0,115200', 'module.sig_enforce=1'];

/** `image` is where the flavour was built, `bootloader` the folder that boot/ is filled from. */
export function collectBootFiles(shared: BuildContext, flavour: Flavour, image: BuildContext, bootloader: string): BootFolder {
  const folder = join(subContext(shared, 'media').work, `corral-${flavour}`);
  rmSync(folder, { recursive: true, force: true });
  for (const name of neededFiles) {
    const from = name.startsWith('boot/') ? join(bootloader, name.slice('boot/'.length)) : join(image.out, name);
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    try {
      linkSync(from, join(folder, name));
    } catch {
      copyFileSync(from, join(folder, name));
    }
  }
  const release: Release = {
    version: shared.version,
    flavour,
    rootHash: readRootHash(join(image.out, 'root.roothash')),
    kernelParameters,
    files: Object.fromEntries(neededFiles.map((name) => [name, { bytes: statSync(join(folder, name)).size, sha256: hashFile(join(folder, name)) }])),
  };
  replaceFile(join(folder, 'release.json'), `${JSON.stringify(release, null, 2)}\n`);
  return { folder, release };
}

function readRootHash(file: string): string {
  const hash = readFileSync(file, 'utf8').trim();
  if (!/^[0-9a-f]{64}$/.test(hash)) throw new BuildError(`cannot use root hash "${file}": it is not 64 hex digits`);
  return hash;
}
