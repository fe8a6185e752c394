/**
 * The versions of `cloud-config.yml` in `<conf>/history/<n>.yml`: each holds the whole file below a line that says when and
 * why it was written, so that a version is one file and is there whole or not at all. The folder is 0700, its files 0600.
 */
import { chmod, mkdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { causeOf, RosError } from '../lib/errors.ts';
import { listDirectory, readTextFile, writeFileAtomic } from '../sys/files.ts';

const maxVersions = 50;
/** Of all versions together: configurations are small, and one that is not must not fill the disk. */
const maxTotalBytes = 8 * 1024 * 1024;
const maxVersionBytes = 2 * 1024 * 1024;
const headMark = '# version: ';

export interface Version {
  readonly n: number;
  readonly at: string;
  /** What was done: `set rancher.debug`, `merge`, `edited by hand`. */
  readonly why: string;
  /** The version that it put back. */
  readonly sameAs?: number;
  readonly text: string;
}

export class History {
  readonly #directory: string;

  constructor(confDirectory: string) { this.#directory = join(confDirectory, 'history'); }

  /** All that are kept, oldest first. A file that is none is left out. */
  async all(): Promise<Version[]> {
    const versions: Version[] = [];
    for (const n of await this.#numbers()) {
      const version = await this.#read(n).catch(() => undefined);
      if (version !== undefined) versions.push(version);
    }
    return versions;
  }

  async version(n: number): Promise<Version> {
    const version = await this.#read(n);
    if (version !== undefined) return version;
    throw new RosError('ERR_ROS_NO_VERSION', `cannot find version "${n}" of the configuration: it is not kept`, { hint: '`ros config history` shows those that are' });
  }

  /** Keeps a version; what was there before, and nobody had kept, first. Returns its number. */
  async add(before: string | undefined, version: Omit<Version, 'n'>): Promise<number> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await chmod(this.#directory, 0o700);
    const numbers = await this.#numbers();
    let n = numbers.at(-1) ?? 0;
    // The one before the last is in force where the last was kept and a power cut came before it was written.
    const latest = await Promise.all(numbers.slice(-2).map((number) => this.#read(number).catch(() => undefined)));
    if (before !== undefined && !latest.some((known) => known?.text === before)) {
      await this.#write({ ...version, n: ++n, why: numbers.length === 0 ? 'as it was' : 'edited by hand', text: before });
    }
    await this.#write({ ...version, n: ++n });
    await this.#forgetOld();
    return n;
  }

  async #numbers(): Promise<number[]> {
    const names = await listDirectory(this.#directory).catch((error: unknown) => { throw new RosError('ERR_ROS_READ', `cannot read directory "${this.#directory}": ${causeOf(error)}`, { cause: error }); });
    return names.flatMap((name) => (/^[1-9]\d{0,8}\.yml$/.test(name) ? [Number.parseInt(name, 10)] : [])).sort((a, b) => a - b);
  }

  async #read(n: number): Promise<Version | undefined> {
    const content = await readTextFile(join(this.#directory, `${n}.yml`), maxVersionBytes);
    if (content === undefined) return undefined;
    const end = content.indexOf('\n');
    const head = headOf(content.slice(0, Math.max(end, 0)));
    return head === undefined ? undefined : { n, ...head, text: content.slice(end + 1) };
  }

  async #write({ n, text, at, why, sameAs }: Version): Promise<void> {
    await writeFileAtomic(join(this.#directory, `${n}.yml`), `${headMark}${JSON.stringify({ at, why, ...(sameAs !== undefined && { sameAs }) })}\n${text}`, 0o600);
  }

  async #forgetOld(): Promise<void> {
    let total = 0;
    for (const [index, { n, text }] of (await this.all()).reverse().entries()) {
      total += Buffer.byteLength(text);
      // The one before the newest is what `undo` goes back to, however large.
      if (index >= maxVersions || (index > 1 && total > maxTotalBytes)) await unlink(join(this.#directory, `${n}.yml`));
    }
  }
}

function headOf(line: string): Pick<Version, 'at' | 'why' | 'sameAs'> | undefined {
  if (!line.startsWith(headMark)) return undefined;
  try {
    const { at, why, sameAs } = JSON.parse(line.slice(headMark.length)) as Record<string, unknown>;
    return typeof at === 'string' && typeof why === 'string' ? { at, why, ...(typeof sameAs === 'number' && { sameAs }) } : undefined;
  } catch {
    return undefined;
  }
}
