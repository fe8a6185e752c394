/**
 * Texts from URLs, kept in files so that a machine without its network starts its services all the same. `<md5(url)>` is
 * the text, as RancherOS names it, `<md5(url)>.json` what is known of it. The latter is written first and tells the sums of
 * the new text and of the one it replaces: after a power cut whichever text is there is recognised. Only a good text gets in.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod/mini';
import type { Clock } from '../lib/clock.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import { Turns } from '../lib/turns.ts';
import { readTextFile, writeFileAtomic } from '../sys/files.ts';
import { fetchText, withoutUserinfo, type FetchOptions } from '../sys/http.ts';

export interface CacheOptions {
  readonly directory: string;
  readonly clock: Clock;
  /** Further tries after a failure that may pass. */
  readonly retries: number;
  /** For one try; 10 s when absent. */
  readonly timeoutMs?: number;
  readonly onRetry?: (message: string) => void;
}

export interface LoadOptions {
  /** Ask the network even when there is a copy. */
  readonly refresh: boolean;
  /** Never ask the network: at boot it is not up yet. */
  readonly offline?: boolean | undefined;
  readonly maxBytes: number;
  /** Throws when a text is not what belongs at its URL: it is not kept then. */
  readonly check: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface CachedText {
  readonly text: string;
  /** When the network last said that this is the text. */
  readonly fetchedAt: string;
  /** Why it is an older copy, or could not be kept. */
  readonly problem?: string;
}

const entrySchema = z.object({ sha256: z.string(), etag: z.optional(z.string()), fetchedAt: z.string() });
const metaSchema = z.object({ url: z.string(), ...entrySchema.shape, previous: z.optional(entrySchema) });
type Entry = z.infer<typeof entrySchema>;
type Copy = Entry & { readonly text: string };

const maxMetaBytes = 64 * 1024;

/** Two that keep the same URL must not mix their files. */
const oneAtATime = new Turns(1);

export class TextCache {
  readonly #options: CacheOptions;

  constructor(options: CacheOptions) { this.#options = options; }

  /** The text at an http(s) URL. Throws only when it can neither be fetched nor is there a copy. */
  async load(url: string, options: LoadOptions): Promise<CachedText> {
    const { clock } = this.#options;
    const copy = await this.#read(url, options);
    if (copy !== undefined && !options.refresh) return { text: copy.text, fetchedAt: copy.fetchedAt };
    if (options.offline === true) throw new RosError('ERR_ROS_OFFLINE', `cannot fetch "${withoutUserinfo(url)}": it was never here, and the network is not asked now`);
    try {
      const fetched = await this.#fetch(url, copy?.etag, options);
      const fetchedAt = clock.now().toISOString();
      // Only who sends an ETag is told that it is unchanged, and it was the copy's.
      if (fetched.status === 'unchanged') return await this.#keep(url, { ...copy as Copy, fetchedAt }, options);
      options.check(fetched.text);
      const { text, etag } = fetched;
      return await this.#keep(url, { text, sha256: sumOf(text), ...(etag === undefined ? {} : { etag }), fetchedAt }, options);
    } catch (error) {
      if (copy === undefined || options.signal?.aborted === true) throw error;
      return { text: copy.text, fetchedAt: copy.fetchedAt, problem: `${causeOf(error)}; used is the copy ${ageInWords(clock.now().getTime() - Date.parse(copy.fetchedAt), copy.fetchedAt)}` };
    }
  }

  #fetch(url: string, etag: string | undefined, { maxBytes, signal }: LoadOptions): ReturnType<typeof fetchText> {
    const { clock, retries, timeoutMs, onRetry } = this.#options;
    const options: FetchOptions = { etag, maxBytes, clock, retries, signal, onRetry, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    return fetchText(url, options);
  }

  /** The copy, when it is whole and still what belongs there. A cache that cannot be read is an empty one. */
  async #read(url: string, { maxBytes, check }: LoadOptions): Promise<Copy | undefined> {
    try {
      const meta = await readTextFile(this.#metaPath(url), maxMetaBytes);
      const text = await readTextFile(this.#path(url), maxBytes);
      if (meta === undefined || text === undefined) return undefined;
      const { previous, ...current } = metaSchema.parse(JSON.parse(meta));
      const sha256 = sumOf(text);
      const entry = [current, previous].find((known) => known?.sha256 === sha256);
      if (entry === undefined) return undefined;
      check(text);
      return { ...entry, text };
    } catch {
      return undefined;
    }
  }

  /** Keeps a text in the place of the one before. That the disk is full must not keep a service from its file. */
  async #keep(url: string, { text, ...entry }: Copy, options: LoadOptions): Promise<CachedText> {
    const problem = await oneAtATime.take(0, async () => {
      const before = await this.#read(url, options);
      const isSame = before?.sha256 === entry.sha256;
      const meta = { url: withoutUserinfo(url), ...entry, ...(before === undefined || isSame ? {} : { previous: entrySchema.parse(before) }) };
      await writeFileAtomic(this.#metaPath(url), `${JSON.stringify(meta)}\n`, 0o600);
      if (!isSame) await writeFileAtomic(this.#path(url), text, 0o600);
    }).then(() => undefined, causeOf);
    return { text, fetchedAt: entry.fetchedAt, ...(problem === undefined ? {} : { problem }) };
  }

  #path(url: string): string { return join(this.#options.directory, createHash('md5').update(url).digest('hex')); }
  #metaPath(url: string): string { return `${this.#path(url)}.json`; }
}

function sumOf(text: string): string { return createHash('sha256').update(text).digest('hex'); }

/** `of 3 hours ago`. A clock that was or is wrong makes no age: then the date as it was noted. */
function ageInWords(ageMs: number, fetchedAt: string): string {
  if (!(ageMs >= 0)) return `of ${fetchedAt}`;
  const units = [['day', 86_400_000], ['hour', 3_600_000], ['minute', 60_000], ['second', 1000]] as const;
  const [name, ms] = units.find(([, unitMs]) => ageMs >= unitMs) ?? ['second', 1000];
  const count = Math.floor(ageMs / ms);
  return `of ${count} ${name}${count === 1 ? '' : 's'} ago`;
}
