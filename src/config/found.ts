/** What a datasource found, and keeping it for the boots to come once it has proven right. */
import { chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { causeOf } from '../lib/errors.ts';
import { readTextFile, writeFileAtomic } from '../sys/files.ts';
import { maxConfigBytes, parseLayer } from './load.ts';
import { formatMetadata, metadataFile, type Metadata } from './metadata.ts';
import { joinScripts, mergeTexts } from './parts.ts';
import type { Problem } from './problem.ts';
import { readUserData, type UserData } from './user-data.ts';

/** Bytes and texts are as found: judged here. */
export interface Found {
  /** Which datasource and where, for people: `configdrive on /dev/sr0`. */
  readonly source: string;
  readonly userData: Uint8Array | undefined;
  readonly metadata: Metadata | undefined;
  readonly problems: readonly Problem[];
}

export interface Saved {
  /** Whether a file was written or removed: the configuration must be loaded again. */
  readonly changed: boolean;
  readonly problems: readonly Problem[];
}

const bootFile = 'cloud-config.d/boot.yml';
const networkFile = 'cloud-config.d/network.yml';
const scriptFile = 'cloud-config-script';
/** Which files the last datasource brought: when it brings others, these are not in force any more. */
const recordFile = '.datasource.json';

/** Saves what was found. Bad user-data is not saved: what the last good one left stays in force. Never throws. */
export async function saveFound(confDirectory: string, found: Found): Promise<Saved> {
  const { files, problems } = await filesOf(found);
  const store = new Store(confDirectory, problems);
  const earlier = await store.record();
  const kept = earlier.filter((name) => !files.has(name) && !isReplaced(name, found, files));
  for (const name of earlier) if (!files.has(name) && !kept.includes(name)) await store.remove(name);
  for (const [name, { text, mode }] of files) await store.save(name, text, mode);
  const owned = [...new Set([...kept, ...files.keys()])].filter((name) => name !== metadataFile).sort();
  if (owned.join() !== earlier.join()) await store.save(recordFile, `${JSON.stringify({ files: owned })}\n`, 0o600);
  return { changed: store.changed, problems };
}

/** Good user-data of another kind takes the place of that before; metadata without a network says that there is none to set. */
function isReplaced(name: string, found: Found, files: ReadonlyMap<string, unknown>): boolean {
  if (name === networkFile) return found.metadata !== undefined && !found.problems.some(({ severity }) => severity === 'error');
  return files.has(bootFile) || files.has(scriptFile);
}

interface Files { readonly files: ReadonlyMap<string, { readonly text: string; readonly mode: number }>; readonly problems: Problem[] }

async function filesOf(found: Found): Promise<Files> {
  const problems = [...found.problems];
  const files = new Map<string, { text: string; mode: number }>();
  const { metadata } = found;
  if (metadata !== undefined) files.set(metadataFile, { text: formatMetadata(found.source, metadata), mode: 0o600 });
  if (metadata?.network !== undefined) {
    const text = `# From the metadata of ${found.source.replaceAll(/[^\x20-\x7e]/g, '?')}; written anew when that changes.\n${JSON.stringify({ rancher: { network: metadata.network } }, null, 2)}\n`;
    const parsed = parseLayer(text, `network of ${found.source}`);
    problems.push(...parsed.problems);
    if (parsed.valid) files.set(networkFile, { text, mode: 0o600 });
  }
  const userData: UserData = found.userData === undefined ? { kind: 'none' } : await readUserData(found.userData);
  const judged = judge(userData, `user-data of ${found.source}`);
  problems.push(...judged.problems);
  if (judged.config !== undefined) files.set(bootFile, { text: judged.config, mode: 0o600 });
  if (judged.script !== undefined) files.set(scriptFile, { text: judged.script, mode: 0o700 });
  return { files, problems };
}

interface Judged { readonly config?: string; readonly script?: string; readonly problems: readonly Problem[] }

/** All of it or nothing: of a message with a bad part, the good ones may make no sense alone. */
function judge(data: UserData, source: string): Judged {
  switch (data.kind) {
    case 'none': return { problems: [] };
    case 'unusable': return { problems: [notSaved(source, data.reason)] };
    case 'script': return { script: data.text, problems: [] };
    case 'cloud-config': return judgeConfig(data.text, source);
    case 'compose': return judgeConfig(data.text, source, data);
    case 'multipart': return judgeParts(data.parts.map(({ name, data: part }) => [part, `${name} of ${source}`]), source);
  }
}

function judgeConfig(text: string, source: string, moved = { movedLines: 0, movedColumns: 0 }): Judged {
  const { valid, problems } = parseLayer(text, source);
  const placed = problems.map((problem) => ({
    ...problem,
    ...(problem.line === undefined ? {} : { line: Math.max(1, problem.line - moved.movedLines) }),
    ...(problem.column === undefined ? {} : { column: Math.max(1, problem.column - moved.movedColumns) }),
  }));
  return valid ? { config: text, problems: placed } : { problems: [...placed, notSaved(source, 'of the errors above')] };
}

function judgeParts(parts: readonly (readonly [UserData, string])[], source: string): Judged {
  const judged = parts.map(([part, name]) => judge(part, name));
  const problems = judged.flatMap((part) => part.problems);
  const isBad = judged.some(({ config, script }, index) => config === undefined && script === undefined && parts[index]?.[0].kind !== 'none');
  if (isBad) return { problems: [...problems, notSaved(source, 'one of its parts is not right')] };
  const configs = judged.flatMap(({ config }) => config ?? []);
  const scripts = judged.flatMap(({ script }) => script ?? []);
  const whole = configs.length === 0 ? { problems: [] } : configs.length === 1 ? { config: configs[0] ?? '', problems: [] } : judgeConfig(mergeTexts(configs), source);
  return { ...whole, problems: [...problems, ...whole.problems], ...(scripts.length === 0 ? {} : { script: joinScripts(scripts) }) };
}

function notSaved(source: string, reason: string): Problem {
  return { severity: 'error', source, message: `not used because ${reason}; the last good user-data, if any, stays in force` };
}

/** The configuration directory as this file writes to it. What goes wrong is a problem. */
class Store {
  changed = false;
  readonly #directory: string;
  readonly #problems: Problem[];

  constructor(directory: string, problems: Problem[]) {
    this.#directory = directory;
    this.#problems = problems;
  }

  /** Unchanged files are left alone, so that a boot does not wear the disk. One that cannot be read is written anew. */
  async save(name: string, text: string, mode: number): Promise<void> {
    const path = join(this.#directory, name);
    await this.#attempt(path, async () => {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      await chmod(this.#directory, 0o700);
      if (await readTextFile(path, maxConfigBytes * 2).catch(() => undefined) === text) return;
      await writeFileAtomic(path, text, mode);
      if (name !== recordFile) this.changed = true;
    });
  }

  async remove(name: string): Promise<void> {
    const path = join(this.#directory, name);
    await this.#attempt(path, async () => {
      await rm(path, { force: true });
      this.changed = true;
    });
  }

  /** Names of files that came from a datasource, none but those of this file; none when nobody knows. */
  async record(): Promise<string[]> {
    try {
      const { files } = JSON.parse((await readTextFile(join(this.#directory, recordFile), 4096)) ?? '{}') as { files?: unknown };
      return Array.isArray(files) ? [bootFile, networkFile, scriptFile].filter((name) => files.includes(name)).sort() : [];
    } catch {
      return [];
    }
  }

  async #attempt(path: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#problems.push({ severity: 'error', source: path, message: causeOf(error) });
    }
  }
}
