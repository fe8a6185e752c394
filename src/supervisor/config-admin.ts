/**
 * What an administrator does to the configuration, but for applying it (config-apply.ts): look at it, change
 * `cloud-config.yml`, judge a text, go back to an earlier one. Secrets leave here only when they are asked for.
 */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { ConfigChange, ConfigDiff, ConfigFile, ConfigHistory, ConfigJudgement, ConfigProblem, ConfigStatus, ConfigValue, ConfigView } from '../api/types.ts';
import {
  changeConfig, configFile, exportConfig, History, imagesOf, jsonSchema, judgeKey, leaves, loadConfig, maskSecrets, mergeInYaml, originsOf, parseLayer, parseYaml, pathOfKey, plainValue,
  readConfigFile, setConfigValue, starterConfig, unbroken, valueAt, valueOfText, type Changed, type CloudConfig, type Exported, type LoadedConfig, type Version,
} from '../config/index.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import { kernelCommandLine } from '../sys/proc.ts';
import { readTrial } from './config-trial.ts';
import { planChanges } from './apply/parts.ts';
import { paths, type Machine } from './machine.ts';
import { keeps } from './state/places.ts';
import { readConfig } from './phases/config.ts';

/** What it needs of the machine's files. */
export interface ConfigPlace {
  readonly directory: string;
  /** The layers as they are on disk; `cloudConfig` in the place of the user's own file. Keeps nothing. */
  load(this: void, cloudConfig?: string): Promise<LoadedConfig>;
  /** The configuration was changed: the machine's settings follow. */
  reload(this: void): Promise<void>;
}

export function placeOf(machine: Machine): ConfigPlace {
  return {
    directory: paths.conf,
    load: async (cloudConfig) => loadConfig({
      confDirectory: paths.conf, oemFile: `${paths.oem}/oem-config.yml`, cmdline: await kernelCommandLine(), readOnly: true, ...(cloudConfig !== undefined && { cloudConfig }),
    }),
    reload: () => readConfig(machine),
  };
}

export class ConfigAdmin {
  readonly #machine: Machine;
  readonly #place: ConfigPlace;

  constructor(machine: Machine, place: ConfigPlace = placeOf(machine)) {
    this.#machine = machine;
    this.#place = place;
  }

  async view(secrets: boolean): Promise<ConfigView> {
    const loaded = await this.#place.load();
    const config = shown(loaded.config, secrets);
    return { config, origins: originsOf({ ...loaded, config }), problems: loaded.problems };
  }

  async value(key: string, secrets: boolean): Promise<ConfigValue> {
    const { config } = await this.#place.load();
    const path = pathOfKey(key, config);
    const real = valueAt(config, path);
    if (real === undefined && !isPlaceable(path)) throw noSuchKey(path);
    const value = valueAt(shown(config, secrets), path);
    return { path, ...(value !== undefined && { value }), masked: !isDeepStrictEqual(value, real) };
  }

  async set(key: string, text: string): Promise<ConfigChange> {
    const { config } = await this.#place.load();
    const path = pathOfKey(key, config);
    const { isKnown } = judgeKey(path);
    if (!isKnown) throw noSuchKey(path);
    const value = valueOfText(path, text);
    const changed = await setConfigValue(this.#place.directory, path, value);
    const answer = await this.#answer(changed);
    const last = originsOf(await this.#place.load()).findLast((origin) => path.every((step, depth) => origin.path[depth] === step))?.origin;
    const dotted = `${path.join('.')}.`;
    const problems = answer.problems.filter((problem) => problem.path !== undefined && (dotted.startsWith(`${problem.path}.`) || problem.path.startsWith(dotted)));
    const isOverruled = value !== undefined && last !== undefined && !last.startsWith(configFile);
    return { ...answer, problems, notes: [...answer.notes, ...(isOverruled ? [`${path.join('.')} is also set by ${last}, and that counts`] : [])] };
  }

  async merge(text: string, origin: string): Promise<ConfigChange> {
    const problems = inputProblems(text, origin);
    if (problems !== undefined) return { written: false, valid: false, problems, notes: [] };
    return this.#answer(await changeConfig(this.#place.directory, (before) => mergeInYaml(unbroken(before, configFile), text), { why: 'merge' }));
  }

  /** The whole file anew. A `digest` that is not the one of the file now means that somebody else has changed it meanwhile. */
  async replace(text: string, digest?: string): Promise<ConfigChange> {
    return this.#answer(await changeConfig(this.#place.directory, (before) => {
      if (digest === undefined || digest === digestOf(before)) return text;
      throw new RosError('ERR_ROS_CONFLICT', `cannot change configuration "${configFile}": it has been changed meanwhile by somebody else`);
    }, { why: 'edit' }));
  }

  async file(): Promise<ConfigFile> {
    const text = await readConfigFile(this.#place.directory);
    return { text, digest: digestOf(text) };
  }

  /** Without a text: all layers of the machine. */
  async judge(text: string | undefined, origin: string): Promise<ConfigJudgement> {
    const problems: readonly ConfigProblem[] = text === undefined ? (await this.#place.load()).problems : parseLayer(text, origin).problems;
    return { valid: problems.every(({ severity }) => severity === 'note'), problems };
  }

  async exported(full: boolean, secrets: boolean): Promise<Exported> {
    return exportConfig(await this.#place.load(), { full, secrets });
  }

  async images(text: string | undefined): Promise<readonly string[]> {
    if (text === undefined) return imagesOf((await this.#place.load()).config);
    try {
      return imagesOf(plainValue(parseYaml(text)));
    } catch (error) {
      throw new RosError('ERR_ROS_CONFIG', `cannot read the cloud-config: ${causeOf(error)}`, { hint: '`ros config validate` tells more' });
    }
  }

  schema(): unknown { return jsonSchema(); }

  starter(): string { return starterConfig(); }

  async history(): Promise<ConfigHistory> {
    const versions = await new History(this.#place.directory).all();
    const now = await readConfigFile(this.#place.directory);
    const current = versions.findLast(({ text }) => text === now)?.n;
    return { versions: versions.toReversed().map(({ n, at, why, sameAs }) => ({ n, at, why, ...(sameAs !== undefined && { sameAs }), current: n === current })) };
  }

  /** Without numbers the version before the one in the file, and the file; with one of them that one and the file. */
  async diff(from: number | undefined, to: number | undefined, secrets: boolean): Promise<ConfigDiff> {
    const { directory } = this.#place;
    const history = new History(directory);
    const first = from === undefined ? await this.#previous('compare') : await history.version(from);
    const second = to === undefined ? { name: 'the file', text: await readConfigFile(directory) } : { name: String(to), text: (await history.version(to)).text };
    return { from: String(first.n), to: second.name, changes: differences(first.text, second.text, secrets), same: first.text === second.text };
  }

  /** Puts a version back: the one before the last change, unless it is named. Twice goes back twice. */
  async undo(to: number | undefined): Promise<ConfigChange> {
    const { directory } = this.#place;
    const version = to === undefined ? await this.#previous('undo') : await new History(directory).version(to);
    const changed = await changeConfig(directory, () => version.text, { why: `undo: back to version ${version.n}`, sameAs: version.sameAs ?? version.n });
    const answer = await this.#answer(changed);
    return { ...answer, notes: [...answer.notes, changed.written ? `version ${version.n} (${version.why}) is back` : `version ${version.n} is what the file says already`] };
  }

  async status(): Promise<ConfigStatus> {
    const { applied, settings, unfinished, datasource, hooks, clock, found } = this.#machine;
    const [{ layers, problems }, trial] = await Promise.all([this.#place.load(), readTrial(this.#place.directory)]);
    return {
      layers: layers.map(({ name, source, usedLastGood }) => ({ name, source, usedLastGood })),
      problems: [...problems, ...found.problems, ...found.saved ?? []],
      pending: applied === undefined ? [] : planChanges(applied, settings, unfinished),
      ...(datasource !== undefined && { datasource: { why: datasource.why, tookMs: datasource.tookMs, tried: datasource.tried, ...(datasource.source !== undefined && { source: datasource.source }) } }),
      hooks,
      ...(trial !== undefined && { trial: { endsInMs: Math.max(0, trial.endsAtMs - clock.uptimeMs()) } }),
    };
  }

  /** The version before the one that the file says; of one that was put back, the one before that. */
  async #previous(verb: string): Promise<Version> {
    const { directory } = this.#place;
    const versions = await new History(directory).all();
    const now = await readConfigFile(directory);
    const current = versions.findLast(({ text }) => text === now);
    // A file that was edited by hand since: what is kept last is the one before.
    const previous = current === undefined ? versions.at(-1) : versions.findLast(({ n }) => n < (current.sameAs ?? current.n));
    if (previous !== undefined) return previous;
    throw new RosError('ERR_ROS_NO_VERSION', `cannot ${verb} configuration "${configFile}": no earlier version is kept`, { hint: '`ros config history` shows those that are' });
  }

  async #answer({ written, valid, version, problems }: Changed): Promise<ConfigChange> {
    if (written) await this.#place.reload();
    const isInRam = !keeps(this.#machine.state, paths.conf);
    return { written, valid, ...(version !== undefined && { version }), problems, notes: written && isInRam ? ['this machine has no state partition: it forgets this at its next boot'] : [] };
  }
}

/** All that is wrong with a text that is to be merged; undefined when it can be. */
export function inputProblems(text: string, origin: string): readonly ConfigProblem[] | undefined {
  const { problems } = parseLayer(text, origin);
  return problems.some(({ severity }) => severity === 'error') ? problems : undefined;
}

function shown(config: CloudConfig, secrets: boolean): CloudConfig { return secrets ? config : maskSecrets(config); }

/** Whether a key that nobody has set is one that could be: a name in a map of free ones, which is not there, is none. */
function isPlaceable(path: readonly string[]): boolean {
  const { isKnown, isFree } = judgeKey(path);
  return isKnown && !isFree;
}

function noSuchKey(path: readonly string[]): RosError {
  const { meant } = judgeKey(path);
  return new RosError('ERR_ROS_CONFIG_KEY', `cannot find key "${path.join('.')}" in the configuration: there is no such key`, { hint: meant === undefined ? '`ros config show` prints all that are set, docs/cloud-config.md tells all there are' : `did you mean "${meant}"?` });
}

function digestOf(text: string): string { return createHash('sha256').update(text).digest('hex'); }

/** By value rather than by line: a secret has its place in a line, and the other lines do not tell which key they belong to. */
function differences(before: string, after: string, secrets: boolean): ConfigDiff['changes'] {
  const [one, two] = [before, after].map((text) => parseLayer(text, configFile).config) as [CloudConfig, CloudConfig];
  const [shownOne, shownTwo] = [shown(one, secrets), shown(two, secrets)];
  const all = new Map([...leaves(one), ...leaves(two)].map((path) => [JSON.stringify(path), path]));
  const changed = [...all.values()].filter((path) => !isDeepStrictEqual(valueAt(one, path), valueAt(two, path)));
  return changed.toSorted((a, b) => (a.join('.') < b.join('.') ? -1 : 1)).map((path) => {
    const [was, is] = [valueAt(shownOne, path), valueAt(shownTwo, path)];
    return { path, ...(was !== undefined && { before: was }), ...(is !== undefined && { after: is }) };
  });
}
