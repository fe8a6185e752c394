/**
 * The last good copy of every layer file, in `<conf>/.last-good/`: what stays in force while the file itself is broken.
 * The folder is 0700 and its files 0600, since a configuration holds keys and passwords.
 */
import { chmod, mkdir, readdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isErrno, readTextFile, writeFileAtomic } from '../sys/files.ts';

export class LastGood {
  readonly #directory: string;
  readonly #maxBytes: number;

  constructor(confDirectory: string, maxBytes: number) {
    this.#directory = join(confDirectory, '.last-good');
    this.#maxBytes = maxBytes;
  }

  /** The copy kept for `name` (a path below the configuration directory); undefined when there is none to be had. */
  async read(name: string): Promise<string | undefined> {
    try {
      return await readTextFile(join(this.#directory, name), this.#maxBytes);
    } catch {
      return undefined;
    }
  }

  /** Keeps `text`, unless it is kept already: no boot wears the disk for nothing. */
  async keep(name: string, text: string): Promise<void> {
    if (await this.read(name) === text) return;
    const path = join(this.#directory, name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await chmod(this.#directory, 0o700);
    await writeFileAtomic(path, text, 0o600);
  }

  /** Forgets the copies of files that are gone: what a user deleted must not come back years later. */
  async forgetAllBut(names: readonly string[]): Promise<void> {
    for (const folder of ['', 'cloud-config.d']) {
      for (const entry of await entries(join(this.#directory, folder))) {
        const name = join(folder, entry.name);
        if (entry.isFile() && !names.includes(name)) await unlink(join(this.#directory, name));
      }
    }
  }
}

async function entries(path: string) {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
