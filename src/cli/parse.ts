/** Turns the words behind a command into its options, with yargs; what does not fit is a usage error. */
import { RosError } from '../lib/errors.ts';
import type { Arguments, Command } from './command.ts';
import { suggest } from '../lib/suggest.ts';

/** Exit code 2: the command was not understood, and nothing was done. */
export function usageError(message: string, hint: string): RosError {
  return new RosError('ERR_ROS_USAGE', message, { hint });
}

export async function parseArguments(command: Command, words: readonly string[]): Promise<Arguments> {
  // Most calls have no further words, and yargs is the slowest part of the start.
  const { names, options } = words.length === 0 ? { names: [], options: {} } : command.passesOn === true ? { names: words[0] === '--' ? words.slice(1) : words, options: {} } : await parseWithYargs(command, words);
  const { operands } = command;
  const help = `ros ${command.name} --help`;
  if (names.length > (operands?.max ?? 0)) throw usageError(`unexpected argument "${names[operands?.max ?? 0] ?? ''}"`, help);
  if (names.length < (operands?.min ?? 0)) throw usageError(`"ros ${command.name}" needs ${operands?.label ?? ''}`, help);
  return { names, options };
}

async function parseWithYargs(command: Command, words: readonly string[]): Promise<{ names: string[]; options: Record<string, boolean | number | string | string[]> }> {
  const { default: yargs } = await import('yargs');
  const specs = Object.entries(command.options);
  const parsed = yargs()
    .detectLocale(false).help(false).version(false).exitProcess(false).fail(false)
    .parserConfiguration({ 'parse-positional-numbers': false, 'duplicate-arguments-array': true, 'greedy-arrays': false, 'camel-case-expansion': false, 'dot-notation': false, 'boolean-negation': false })
    .options(Object.fromEntries(specs.map(([name, spec]) => [name, { type: spec.type === 'strings' ? 'string' : spec.type, array: spec.type === 'strings', alias: [...spec.alias ?? []], requiresArg: spec.type !== 'boolean' }])));
  let values: Record<string, unknown>;
  try {
    values = await parsed.parseAsync([...words]) as Record<string, unknown>;
  } catch (error) {
    throw usageError(error instanceof Error ? error.message : String(error), `ros ${command.name} --help`);
  }
  const known = specs.flatMap(([name, spec]) => [name, ...spec.alias ?? []]);
  const unknown = Object.keys(values).find((name) => name !== '_' && name !== '$0' && !known.includes(name));
  if (unknown !== undefined) {
    const meant = unknown.length > 1 ? suggest(unknown, known) : undefined;
    throw usageError(`unknown option "${dashed(unknown)}"`, meant === undefined ? `ros ${command.name} --help` : `did you mean "${dashed(meant)}"?`);
  }
  const options: Record<string, boolean | number | string | string[]> = {};
  for (const [name, spec] of specs) {
    const given = values[name];
    if (given === undefined) continue;
    // Of what is given twice the last counts.
    const value: unknown = spec.type !== 'strings' && Array.isArray(given) ? given.at(-1) : given;
    if (spec.type === 'number' && (typeof value !== 'number' || !Number.isInteger(value) || value < 0)) {
      throw usageError(`option "${dashed(name)}" needs a whole number`, `ros ${command.name} --help`);
    }
    options[name] = value as boolean | number | string | string[];
  }
  return { names: (values['_'] as unknown[]).map(String), options };
}

function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}
