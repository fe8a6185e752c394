/** Help, written from the table of commands alone. */
import type { Command, CommandGroup, OptionSpec } from './command.ts';

const groups: readonly CommandGroup[] = ['Services', 'Configuration', 'Machine', 'Power'];

/** The overview; with a word, only of the commands that begin with it (`ros service`). */
export function overview(commands: readonly Command[], word?: string): string {
  const shown = commands.filter(({ name }) => word === undefined || name.startsWith(`${word} `));
  const width = Math.max(...shown.map(({ name }) => name.length));
  const sections = groups.map((group) => {
    const rows = shown.filter((command) => command.group === group).map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`);
    return rows.length === 0 ? '' : `\n${group}:\n${rows.join('')}`;
  });
  const usage = `Usage: ros ${word === undefined ? '' : `${word} `}COMMAND [OPTION…]\n`;
  const end = word === undefined ? '\n"ros COMMAND --help" tells more, "ros -v" the version. "ros s" is short for "ros service", "ros c" for "ros config".\n' : '';
  return `${usage}${sections.join('')}${end}`;
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const operands = command.operands === undefined ? '' : ` ${command.operands.min === 0 ? `[${command.operands.label}]` : command.operands.label}`;
  const isTaken = Object.values(command.options).some(({ alias }) => alias?.includes('h') === true);
  const rows = [...Object.entries(command.options).map(([name, spec]) => [spelling(name, spec), spec.describe] as const), [isTaken ? '--help' : '-h, --help', 'print this help'] as const];
  const width = Math.max(...rows.map(([spelled]) => spelled.length));
  const options = rows.map(([spelled, describe]) => `  ${spelled.padEnd(width)}  ${describe}\n`).join('');
  return `Usage: ros ${command.name}${operands} [OPTION…]\n\n${command.description}\n\nOptions:\n${options}`;
}

function spelling(name: string, spec: OptionSpec): string {
  const names = [...spec.alias ?? [], name].toSorted((a, b) => a.length - b.length).map((one) => (one.length === 1 ? `-${one}` : `--${one}`));
  return `${names.join(', ')}${spec.value === undefined ? '' : ` ${spec.value}`}`;
}
