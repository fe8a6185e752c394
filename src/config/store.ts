/** The user's own file, `cloud-config.yml`: everything that writes it does so here, one at a time, and is kept in the history. */
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RosError } from '../lib/errors.ts';
import { Turns } from '../lib/turns.ts';
import { exists, readTextFile, writeFileAtomic } from '../sys/files.ts';
import { setInYaml, type Value } from './edit.ts';
import { History } from './history.ts';
import { maxConfigBytes, parseLayer } from './load.ts';
import { describeProblem, type Problem } from './problem.ts';

export const configFile = 'cloud-config.yml';
/** There while a configuration is on trial. */
export const trialFile = '.trial.json';

/** Reading, changing and writing must not be divided among two commands. */
const oneAtATime = new Turns(1);

export interface ChangeOptions {
  /** For the history: `set rancher.debug`. */
  readonly why: string;
  readonly now?: () => Date;
  /** The version that is put back. */
  readonly sameAs?: number;
  /** The change is the trial itself, or its end: others wait until it is confirmed. */
  readonly inTrial?: boolean;
  /** Whatever the text says, it was in force before. */
  readonly unchecked?: boolean;
  /** Called once the text has proven right, just before it is written. */
  readonly beforeWriting?: (before: string) => Promise<void>;
}

export interface Changed {
  /** Whether a file was written: false when it says so already, or has errors. */
  readonly written: boolean;
  readonly valid: boolean;
  readonly before: string;
  readonly text: string;
  /** Of the new text. */
  readonly problems: readonly Problem[];
  readonly version?: number;
}

export async function readConfigFile(directory: string): Promise<string> {
  return await readTextFile(join(directory, configFile), maxConfigBytes) ?? '';
}

/**
 * Writes what `change` makes of the text of `cloud-config.yml`. Nothing is written where the new text has errors: they are
 * in the result. The file is the old one or the new one, whatever happens.
 */
export async function changeConfig(directory: string, change: (text: string) => string, options: ChangeOptions): Promise<Changed> {
  const file = join(directory, configFile);
  return oneAtATime.take(0, async () => {
    if (options.inTrial !== true && await exists(join(directory, trialFile))) {
      throw cannotChange(file, 'another one is on trial', '`ros config confirm` keeps that one; it is undone by itself when its time is over');
    }
    const found = options.unchecked === true ? await readTextFile(file, maxConfigBytes).catch(() => undefined) : await readTextFile(file, maxConfigBytes);
    const before = found ?? '';
    const text = change(before);
    const { problems, valid } = parseLayer(text, file);
    const usable = valid && problems.every(({ severity }) => severity !== 'error');
    const result = { written: false, valid: usable, before, text, problems };
    if (!usable && options.unchecked !== true) return result;
    await options.beforeWriting?.(before);
    if (text === before) return result;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
    const { why, sameAs, now = () => new Date() } = options;
    const version = await new History(directory).add(found, { at: now().toISOString(), why, text, ...(sameAs !== undefined && { sameAs }) });
    await writeFileAtomic(file, text, 0o600);
    return { ...result, written: true, version };
  });
}

/**
 * Sets a value of `cloud-config.yml`, or removes it (undefined). Nothing is written when the file is broken before, or
 * would be after: that throws.
 */
export async function setConfigValue(directory: string, path: readonly string[], value: Value | undefined, why = `set ${path.join('.')}`): Promise<Changed> {
  const file = join(directory, configFile);
  const result = await changeConfig(directory, (text) => setInYaml(unbroken(text, file), path, value), { why });
  const wrong = result.problems.find(({ severity }) => severity === 'error');
  if (wrong !== undefined) throw cannotChange(file, describeProblem(wrong));
  return result;
}

/** The text, when it has no errors: a change in the middle of them could hide what is wrong. */
export function unbroken(text: string, file: string): string {
  const broken = parseLayer(text, file).problems.find(({ severity }) => severity === 'error');
  if (broken !== undefined) throw cannotChange(file, describeProblem(broken), 'mend it first (`ros config edit`): nothing was changed');
  return text;
}

function cannotChange(file: string, cause: string, hint?: string): RosError {
  return new RosError('ERR_ROS_CONFIG', `cannot change configuration "${file}": ${cause}`, hint === undefined ? {} : { hint });
}
