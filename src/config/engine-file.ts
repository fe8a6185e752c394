/** The engine's own configuration file (daemon.json), as flags where there is a flag for it, so that it is judged like them. Pure. */
import type { Flag } from './engine-words.ts';

export interface EngineFile {
  readonly flags: readonly Flag[];
  /** What there is no flag for, as it stands. */
  readonly rest: Readonly<Record<string, unknown>>;
  /** Why the file is not used at all. */
  readonly problem?: string;
}

/** Keys whose flag is named in another way, mostly in the singular. */
const flagNames: Readonly<Record<string, string>> = {
  'authorization-plugins': 'authorization-plugin', 'cdi-spec-dirs': 'cdi-spec-dir', 'default-address-pools': 'default-address-pool', 'default-ulimits': 'default-ulimit', 'dns-opts': 'dns-opt',
  'exec-opts': 'exec-opt', graph: 'data-root', hosts: 'host', 'insecure-registries': 'insecure-registry', labels: 'label', 'log-opts': 'log-opt', 'node-generic-resources': 'node-generic-resource',
  'registry-mirrors': 'registry-mirror', 'storage-opts': 'storage-opt',
};
/** Keys that only the file has. */
const fileOnly: ReadonlySet<string> = new Set(['builder', 'default-network-opts', 'features', 'proxies', 'runtimes']);

export function readEngineFile(text: string, path: string): EngineFile {
  const empty = { flags: [], rest: {} };
  if (text.trim() === '') return empty;
  let value: unknown;
  // The parser's words quote the text: there may be a password in it.
  try { value = JSON.parse(text); } catch { return { ...empty, problem: 'it is no JSON' }; }
  if (!isMap(value)) return { ...empty, problem: 'it is no JSON object' };
  const entries = Object.entries(value);
  return {
    flags: entries.flatMap(([key, entry]) => (fileOnly.has(key) ? [] : flagsOfKey(key, entry, path))),
    rest: Object.fromEntries(entries.filter(([key]) => fileOnly.has(key))),
  };
}

function flagsOfKey(key: string, value: unknown, path: string): Flag[] {
  const name = flagNames[key] ?? key;
  return textsOf(key, value).map((text) => ({ name, value: text, said: `${path}: ${key}` }));
}

function textsOf(key: string, value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap((entry: unknown) => (isMap(entry) ? [pairs(entry).join(',')] : [String(entry)]));
  if (!isMap(value)) return [String(value)];
  if (key !== 'default-ulimits') return pairs(value);
  return Object.entries(value).map(([limit, entry]) => (isMap(entry) ? `${limit}=${String(entry['Soft'] ?? entry['Hard'])}:${String(entry['Hard'] ?? entry['Soft'])}` : `${limit}=${String(entry)}`));
}

function pairs(map: Readonly<Record<string, unknown>>): string[] { return Object.entries(map).map(([key, entry]) => `${key}=${String(entry)}`); }

function isMap(value: unknown): value is Readonly<Record<string, unknown>> { return typeof value === 'object' && value !== null && !Array.isArray(value); }
