/**
 * Service repositories in RancherOS's format: `<url>/index.yml` names the services, `<url>/<first letter>/<name>.yml` is
 * a service file. Repositories over http(s) are cached (text-cache.ts), those in a folder (`file:///…`) are read as they
 * are. When two repositories have a service of the same name, that of the repository whose own name comes first counts.
 */
import { fileURLToPath } from 'node:url';
import { load, YAMLException } from 'js-yaml';
import * as z from 'zod/mini';
import type { RepositoryStatus } from '../api/types.ts';
import type { Clock } from '../lib/clock.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import { suggest } from '../lib/suggest.ts';
import { readTextFile } from '../sys/files.ts';
import { withoutUserinfo } from '../sys/http.ts';
import { TextCache } from './text-cache.ts';

export interface RepositoriesOptions {
  /** Name → URL, as `rancher.repositories.<name>.url` says. */
  readonly repositories: Readonly<Record<string, string>>;
  readonly cacheDirectory: string;
  readonly clock: Clock;
  /** Further tries after a failure that may pass. */
  readonly retries: number;
  /** For one try; 10 s when absent. */
  readonly timeoutMs?: number;
  /** Told before the pause between two tries. */
  readonly onRetry?: (message: string) => void;
}

export interface Ask {
  /** Ask the network even when there is a copy; a failure is then a problem that is told, not an error. */
  readonly refresh: boolean;
  /** Do not ask it at all: what is not here is an error. */
  readonly offline?: boolean;
  readonly signal?: AbortSignal;
}

/** A service that a repository offers. URLs here are to be shown: without a name and password that may be in the real one. */
export interface ListedService { readonly name: string; readonly repository: string; readonly url: string }

export interface RepositoryIndex { readonly services: readonly ListedService[]; readonly repositories: readonly RepositoryStatus[] }

export interface ServiceFile {
  readonly text: string;
  /** Its URL, for messages. */
  readonly origin: string;
  /** When it came from the network; absent for `file:`. */
  readonly fetchedAt?: string;
  /** Why it is an older copy. */
  readonly problem?: string;
}

/** What there is at one repository. */
interface Listing { readonly repository: string; readonly names: readonly string[]; readonly status: RepositoryStatus; readonly isReadable: boolean }

type Loaded = Pick<ServiceFile, 'text' | 'fetchedAt' | 'problem'>;

export const maxServiceFileBytes = 256 * 1024;
const maxIndexBytes = 1024 * 1024;
/** How many of the names that are not allowed a problem shows. */
const maxNamesShown = 3;

const indexSchema = z.object({ services: z.nullable(z.array(z.unknown())) });

export class Repositories {
  readonly #options: RepositoriesOptions;
  readonly #cache: TextCache;

  constructor(options: RepositoriesOptions) {
    const { cacheDirectory: directory, ...cache } = options;
    this.#options = options;
    this.#cache = new TextCache({ directory, ...cache });
  }

  /** Never throws, unless it is cancelled: what is wrong with a repository is in its status. */
  async index(ask: Ask): Promise<RepositoryIndex> {
    const listings = await this.#listings(ask);
    const services = new Map<string, ListedService>();
    for (const { repository, names } of listings) {
      for (const name of names) {
        if (!services.has(name)) services.set(name, { name, repository, url: withoutUserinfo(this.#serviceUrl(repository, name)) });
      }
    }
    return { services: [...services.values()].sort(byName), repositories: listings.map(({ status }) => status) };
  }

  /**
   * The file of a service that a repository offers. Where an index cannot be read, its repository is asked for the file
   * itself: a machine whose cache has the file but not the index starts it all the same.
   */
  async serviceFile(name: string, ask: Ask): Promise<ServiceFile & { readonly repository: string }> {
    if (!isServiceName(name)) throw new RosError('ERR_ROS_NO_SERVICE', `cannot find service "${name}": this is not a name that a service can have`);
    // What is known of the indexes mostly tells who has it: only the file itself is asked for anew.
    const known = await this.#listings({ ...ask, refresh: false });
    const listings = ask.refresh && !known.some(({ names }) => names.includes(name)) ? await this.#listings(ask) : known;
    const failures: unknown[] = [];
    for (const { repository, names, isReadable } of listings) {
      if (isReadable && !names.includes(name)) continue;
      try {
        return { ...await this.urlFile(this.#serviceUrl(repository, name), ask), repository };
      } catch (error) {
        ask.signal?.throwIfAborted();
        if (isReadable) failures.push(error);
      }
    }
    throw failures[0] ?? notOffered(name, listings);
  }

  /** The service file at a URL, of a repository or of a service that is enabled by its URL. */
  async urlFile(url: string, ask: Ask): Promise<ServiceFile> {
    return { ...await this.#load(url, maxServiceFileBytes, checkServiceFile, ask), origin: withoutUserinfo(url) };
  }

  /** By the repositories' names, all asked at once. */
  async #listings(ask: Ask): Promise<Listing[]> {
    return Promise.all(Object.keys(this.#options.repositories).sort().map((repository) => this.#listing(repository, ask)));
  }

  async #listing(repository: string, ask: Ask): Promise<Listing> {
    const root = this.#root(repository);
    const url = withoutUserinfo(root);
    try {
      const { text, fetchedAt, problem } = await this.#load(`${root}/index.yml`, maxIndexBytes, readIndex, ask);
      const { names, rejected } = readIndex(text);
      const problems = [problem, describeRejected(rejected)].filter((words) => words !== undefined);
      const status = { name: repository, url, services: names.length, ...(fetchedAt === undefined ? {} : { fetchedAt }), ...(problems.length === 0 ? {} : { problem: problems.join('; ') }) };
      return { repository, names, status, isReadable: true };
    } catch (error) {
      ask.signal?.throwIfAborted();
      return { repository, names: [], status: { name: repository, url, services: 0, problem: causeOf(error) }, isReadable: false };
    }
  }

  async #load(url: string, maxBytes: number, check: (text: string) => unknown, ask: Ask): Promise<Loaded> {
    const checked = (text: string): void => {
      try {
        check(text);
      } catch (error) {
        throw new RosError('ERR_ROS_REPOSITORY', `cannot use "${withoutUserinfo(url)}": ${causeOf(error)}`, { cause: error });
      }
    };
    if (!/^file:/i.test(url)) return this.#cache.load(url, { refresh: ask.refresh, offline: ask.offline, maxBytes, check: checked, signal: ask.signal });
    const path = pathOf(url);
    const text = await readTextFile(path, maxBytes);
    if (text === undefined) throw new RosError('ERR_ROS_NOT_FOUND', `cannot read file "${path}": there is no such file`);
    checked(text);
    return { text };
  }

  #root(repository: string): string { return (this.#options.repositories[repository] ?? '').replace(/\/+$/, ''); }
  #serviceUrl(repository: string, name: string): string { return `${this.#root(repository)}/${name.charAt(0)}/${name}.yml`; }
}

/** A name that is safe as a part of a path and of a URL. */
export function isServiceName(name: unknown): name is string { return typeof name === 'string' && /^[a-z0-9][a-z0-9_.-]{0,127}$/i.test(name); }

/** The names in an index, each once, and what among them is none. Throws when the text is no index. */
function readIndex(text: string): { readonly names: readonly string[]; readonly rejected: readonly unknown[] } {
  const parsed = indexSchema.safeParse(parseYaml(text));
  if (!parsed.success) throw new Error('it is not the index of a repository: there is no list of services in it');
  const entries = parsed.data.services ?? [];
  return { names: [...new Set(entries.filter(isServiceName))].sort(), rejected: entries.filter((entry) => !isServiceName(entry)) };
}

function describeRejected(rejected: readonly unknown[]): string | undefined {
  if (rejected.length === 0) return undefined;
  const shown = rejected.slice(0, maxNamesShown).map((entry) => (typeof entry === 'string' ? JSON.stringify(entry.slice(0, 40)) : `a ${Array.isArray(entry) ? 'list' : entry === null ? 'null' : typeof entry}`));
  return `ignored in its index, not names of services: ${shown.join(', ')}${rejected.length > maxNamesShown ? ` and ${rejected.length - maxNamesShown} more` : ''}`;
}

function parseYaml(text: string): unknown {
  if (text.trim() === '') throw new Error('it is empty');
  try {
    return load(text);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw new Error(`${error.mark === undefined ? '' : `line ${error.mark.line + 1}, column ${error.mark.column + 1}: `}${error.reason}`, { cause: error });
  }
}

/** What services it holds is the manifest's to judge; here only that it is no error page and not half of a file. */
function checkServiceFile(text: string): void {
  const document = parseYaml(text);
  if (typeof document !== 'object' || document === null || Array.isArray(document)) throw new Error('it is not a service file: it must be a map of services');
}

function pathOf(url: string): string {
  try {
    if (!/^file:\/\/\//i.test(url)) throw new Error('must be absolute, as file:///path is');
    return fileURLToPath(url);
  } catch (error) {
    throw new RosError('ERR_ROS_REPOSITORY', `cannot use "${url}": ${causeOf(error)}`, { cause: error });
  }
}

function notOffered(name: string, listings: readonly Listing[]): RosError {
  const meant = suggest(name, listings.flatMap(({ names }) => names));
  const unreadable = listings.filter(({ isReadable }) => !isReadable).map(({ repository, status }) => `repository "${repository}" cannot be read: ${status.problem ?? ''}`);
  const cause = listings.length === 0 ? 'there is no repository' : ['no repository offers it', ...unreadable].join('; ');
  return new RosError('ERR_ROS_NO_SERVICE', `cannot find service "${name}": ${cause}`, meant === undefined ? {} : { hint: `did you mean "${meant}"?` });
}

function byName(a: ListedService, b: ListedService): number { return a.name < b.name ? -1 : 1; }
