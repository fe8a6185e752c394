/**
 * What each engine is started with besides what the system sets, tried before it is used. The last set that an engine worked with is kept on the disk: what
 * cannot work is told, and that one stays in force. So no configuration leaves the machine without an engine.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describeRefusal, type EngineChoice, type EngineName, type EngineSet, type Refusal } from '../config/index.ts';
import { causeOf } from '../lib/errors.ts';
import { tryRun } from '../sys/exec.ts';
import { readTextFile, writeFileAtomic } from '../sys/files.ts';
import type { Machine } from './machine.ts';

export const goodSetsDirectory = '/var/lib/rancher/engine';

const setLimit = 1024 * 1024;
const validateTimeoutMs = 60_000;
/** Flags that are left out one by one because the engine does not know them. */
const unknownMost = 20;
const shownCause = 300;

/** The last set that the engine worked with, undefined when none but the plain one has. */
export async function lastGood(name: EngineName, directory = goodSetsDirectory): Promise<EngineSet | undefined> {
  const text = await readTextFile(join(directory, `${name}.json`), setLimit).catch(() => undefined);
  try { return text === undefined ? undefined : asSet(JSON.parse(text)); } catch { return undefined; }
}

/** Keeps a set that the engine works with; `plain` is what it has without any configuration, and is not worth a file. */
export async function keepAsGood(name: EngineName, set: EngineSet, plain: EngineSet, directory = goodSetsDirectory): Promise<void> {
  const known = await lastGood(name, directory);
  if (isDeepStrictEqual(known ?? plain, set)) return;
  const path = join(directory, `${name}.json`);
  if (isDeepStrictEqual(set, plain)) await rm(path, { force: true });
  else await writeFileAtomic(path, `${JSON.stringify(set)}\n`, 0o600);
}

function asSet(value: unknown): EngineSet | undefined {
  const { flags, bootFlags, environment, liveRestore, file } = value as Partial<EngineSet>;
  const isList = (list: unknown): list is readonly string[] => Array.isArray(list) && list.every((entry) => typeof entry === 'string');
  if (!isList(flags) || !isList(bootFlags) || !isList(environment) || typeof liveRestore !== 'boolean' || typeof file !== 'object') return undefined;
  return { flags, bootFlags, environment, liveRestore, file };
}

/** Says what the engine has against a set; undefined when it would start with it, as far as it can tell without starting. */
export type Validate = (set: EngineSet) => Promise<string | undefined>;

export interface Tried {
  readonly set: EngineSet;
  readonly refused: readonly Refusal[];
  /** Why the engine does not take what was asked for, and goes on with what it had. */
  readonly problem?: string;
}

/** What of a choice can be used. The engine is asked only about a set that is new: a boot that changes nothing starts no program. */
export async function trySet(choice: EngineChoice, good: EngineSet, plain: EngineSet, validate: Validate): Promise<Tried> {
  let { set, refused } = choice;
  if (isDeepStrictEqual(set, plain) || isDeepStrictEqual(set, good)) return { set, refused };
  for (let round = 0; ; round++) {
    const said = await validate(set).catch(causeOf);
    if (said === undefined) return { set, refused };
    const unknown = unknownOptions(said);
    const without = withoutOptions(set, unknown);
    if (round >= unknownMost || isDeepStrictEqual(without, set)) return { set: good, refused, problem: shortCause(said, choice.set) };
    refused = [...refused, ...unknown.map((name) => ({ what: `--${name}`, why: 'this version of the engine does not know it' }))];
    set = without;
  }
}

/** Options that only the engine itself refused, in a sentence; what the system keeps for itself is told by the plan of a change. */
export function unusedOptions(choice: EngineChoice, { refused }: Tried): string | undefined {
  const own = refused.slice(choice.refused.length);
  return own.length === 0 ? undefined : own.map(describeRefusal).join('; ');
}

/** In the words of dockerd: `unknown flag: --x`, `unknown shorthand flag: 'x' in -x`, and of its file `… don't match any configuration option: x, y`. */
function unknownOptions(said: string): string[] {
  const [, flag, letter, keys] = /unknown flag: --([\w-]+)|unknown shorthand flag: '(\w)'|match any configuration option: ([\w-]+(?:, [\w-]+)*)/.exec(said) ?? [];
  return keys?.split(', ') ?? [flag ?? letter].filter((name) => name !== undefined);
}

function withoutOptions(set: EngineSet, names: readonly string[]): EngineSet {
  const isOther = (flag: string): boolean => !names.includes(flag.split('=')[0]?.replace(/^--?/, '') ?? '');
  return { ...set, flags: set.flags.filter(isOther), bootFlags: set.bootFlags.filter(isOther), file: Object.fromEntries(Object.entries(set.file).filter(([key]) => !names.includes(key))) };
}

/** `dockerd --validate`: it reads everything and starts nothing. */
export function validateWith(args: (set: EngineSet) => readonly string[]): Validate {
  return async (set) => {
    const { code, stdout, stderr } = await tryRun('dockerd', ['--validate', ...args(set), ...set.flags, ...set.bootFlags], { timeoutMs: validateTimeoutMs, environment: set.environment });
    return code === 0 ? undefined : `${stdout}\n${stderr}`;
  };
}

/** An engine's last words as the end of a sentence, without the values of the configuration: any of them may be a secret. */
export function shortCause(said: string, set: EngineSet): string {
  const words = said.split('\n').filter((line) => line.trim() !== '' && !/^(?:time=|Flag --|See 'dockerd|Usage:|goroutine |\s)/.test(line)).at(-1) ?? 'it says nothing';
  const plain = words.trim().replace(/^Status: /, '').replace(/, Code: \d+$/, '').replace(/^failed to start daemon: /, '')
    .replace(/^unable to configure the Docker daemon with file [^:]+: (?:merged configuration validation from file and command line flags failed: )?/, '');
  const masked = secretsOf(set).reduce((text, value) => text.replaceAll(value, '…'), plain);
  return masked.replaceAll(/[^\x20-\x7e…]/g, '?').slice(0, shownCause);
}

/** The longest first, so that none is left in part. Words as short as that are no secrets, and everywhere in a sentence. */
function secretsOf({ flags, bootFlags, environment, file }: EngineSet): string[] {
  const values = [...flags, ...bootFlags, ...environment].flatMap((pair) => {
    const value = pair.includes('=') ? pair.slice(pair.indexOf('=') + 1) : '';
    return [value, ...value.split(/[=,@:/]+/)];
  });
  return [...new Set([...values, ...textsIn(file)])].filter((value) => value.length > 3 && !/^(?:true|false|https?)$/.test(value)).sort((a, b) => b.length - a.length);
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** Tells at login and in the log what an engine does not use, in the place of what was told before. */
export function tellEngine({ warnings, log, refreshLogin }: Pick<Machine, 'warnings' | 'log' | 'refreshLogin'>, name: EngineName, tried: Omit<Tried, 'set'>, cautions: readonly string[] = []): void {
  const sentences = [
    ...tried.refused.map(describeRefusal), ...cautions,
    ...(tried.problem === undefined ? [] : [`The options of ${keyOf(name)} are not used, the engine goes on with the last ones that worked: ${tried.problem}`]),
  ];
  const told = new Map(sentences.map((sentence) => [`engine ${name} ${sentence}`, sentence]));
  for (const topic of warnings.keys()) if (topic.startsWith(`engine ${name} `) && !told.has(topic)) warnings.delete(topic);
  for (const [topic, sentence] of told) {
    if (warnings.has(topic)) continue;
    log.warn(`engine[${name}]: ${sentence}`);
    warnings.set(topic, `${sentence}.`);
  }
  refreshLogin();
}

export function keyOf(name: EngineName): string { return name === 'docker' ? 'rancher.docker' : 'rancher.system_docker'; }
