/** What the `config` commands share: a text that comes in, problems and plans in words, what became of a change. */
import type { ConfigChange, ConfigPlan, ConfigProblem } from '../api/types.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import type { Context } from './command.ts';
import { oneLine, table } from './format.ts';
import { usageError } from './parse.ts';

/** As the supervisor: far beyond any real cloud-config. */
const maxBytes = 1024 * 1024;

export const inputOption = { type: 'string', alias: ['i'], value: 'FILE', describe: 'read FILE (what comes in)' } as const;
export const privateOption = { type: 'boolean', alias: ['p'], describe: 'show passwords, keys and tokens, too' } as const;

export interface Input { readonly text: string; readonly origin: string }

/** The text of a file, of what comes in for `-`. */
export async function readInput(file: string, { io }: Pick<Context, 'io'>): Promise<Input> {
  try {
    if (file === '-') return { text: await io.stdin.read(maxBytes), origin: 'standard input' };
    const [{ createReadStream }, { readBounded }] = await Promise.all([import('node:fs'), import('./read-bounded.ts')]);
    return { text: await readBounded(createReadStream(file), maxBytes), origin: file };
  } catch (error) {
    throw new RosError('ERR_ROS_READ', `cannot read cloud-config "${file}": ${causeOf(error)}`, { cause: error });
  }
}

/** The file of `-i` or behind the command, else what comes in; undefined when nothing does: somebody sits at the terminal. */
export async function readGiven(named: string | undefined, operand: string | undefined, command: string, context: Context): Promise<Input | undefined> {
  if (named !== undefined && operand !== undefined) throw usageError('a file was named twice', `ros ${command} --help`);
  const file = named ?? operand;
  return file === undefined && context.io.stdin.isTty ? undefined : readInput(file ?? '-', context);
}

/** `error: FILE, line 3, column 5: rancher.ssh.port: expected …`, and the line it is about. */
export function problemText({ severity, source, line, column, path, message, snippet }: ConfigProblem): string {
  const at = line === undefined ? '' : `, line ${line}, column ${column ?? 1}`;
  const key = path === undefined || path === '' ? '' : `${path}: `;
  const shown = snippet === undefined ? [] : snippet.split('\n').map((text) => `    ${text.replaceAll(/[\x00-\x1f\x7f\u0080-\u009f]/g, ' ')}`);
  return [oneLine(`${severity}: ${source}${at}: ${key}${message}`), ...shown].map((text) => `${text.trimEnd()}\n`).join('');
}

/** Prints to stderr what is wrong; notes only when there is nothing else to say. */
export async function warnOf(problems: readonly ConfigProblem[], { io }: Context): Promise<void> {
  for (const problem of problems) await io.stderr.write(problemText(problem));
}

/** Tells what became of a change; returns the exit code. Like RancherOS it says nothing on stdout. */
export async function tellChange({ valid, problems, notes }: ConfigChange, context: Context): Promise<number> {
  await warnOf(problems, context);
  if (!valid) { await context.warn('ros: nothing was changed'); return 1; }
  for (const note of notes) await context.warn(oneLine(note));
  return 0;
}

const effects = { now: 'at once', restarts: 'restarts', reboot: 'at the next boot' } as const;

/** A line a part: its name, when it is in effect, what changes. */
export function planText({ changes }: ConfigPlan): string {
  if (changes.length === 0) return 'the machine is as the configuration says\n';
  return table(changes.map(({ part, effect, restarts, what }) => [part, effect === 'restarts' && restarts.length > 0 ? `restarts ${restarts.join(', ')}` : effects[effect], oneLine(what)]));
}

/** YAML as people write it. */
export async function toYaml(value: unknown): Promise<string> {
  const { dump } = await import('js-yaml');
  return dump(value, { lineWidth: -1, noRefs: true });
}

/** `60s`, `2m`, `90`: in seconds. */
export function secondsOf(text: string, option: string, command: string): number {
  const [, count, unit = 's'] = /^(\d{1,6})(s|m|h)?$/.exec(text) ?? [];
  if (count === undefined) throw usageError(`option "${option}" needs a time such as 60s or 2m`, `ros ${command} --help`);
  return Number(count) * { s: 1, m: 60, h: 3600 }[unit as 's' | 'm' | 'h'];
}
