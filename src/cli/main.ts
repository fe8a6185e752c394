/** `ros`: finds the command that the words name, runs it, and turns whatever happens into an exit code. */
import type { Command, Context } from './command.ts';
import { commands } from './commands.ts';
import { commandHelp, overview } from './help.ts';
import { processIo, type Io } from './io.ts';
import { parseArguments, usageError } from './parse.ts';
import { reportError } from './report-error.ts';
import { suggest } from '../lib/suggest.ts';

/** Names under which the binary is a command of its own: `reboot` is `ros reboot`. */
export const multiCallNames: readonly string[] = ['reboot', 'poweroff', 'halt', 'shutdown', 'wait-for-docker'];

/** Runs `ros` with the words behind it (under a multi-call name: that name first). Never throws. Returns the exit code. */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(argv, io);
  } catch (error) {
    // After Ctrl-C, or when the reader has gone, the failure of what was under way is no news.
    if (io.signal.aborted) return 130;
    return reportError(error, io);
  }
}

/**
 * `runCli` for this very process: `calledAs` is the name it was started by (`ros`, or a multi-call name, with or without
 * a path), `version` what it was built as.
 */
export async function runProcess(calledAs: string, words: readonly string[], version: string): Promise<number> {
  const name = calledAs.replace(/^.*\//, '');
  return runCli(multiCallNames.includes(name) ? [name, ...words] : words, await processIo(version));
}

async function dispatch(argv: readonly string[], io: Io): Promise<number> {
  const [first, ...others] = argv;
  if (first === undefined || isHelp(first) || (first === 'help' && others.length === 0)) {
    await io.stdout.write(overview(commands));
    return 0;
  }
  if (first === 'help') return dispatch([...others, '--help'], io);
  if (first === '-v' || first === '--version') return dispatch(['version', ...others], io);
  const { command, words } = find(argv);
  if (command === undefined) {
    await io.stdout.write(overview(commands, words[0]));
    return 0;
  }
  if (command.passesOn === true ? isHelp(words[0] ?? '') : asksForHelp(command, words)) {
    await io.stdout.write(commandHelp(command));
    return 0;
  }
  return await command.run(await parseArguments(command, words), contextOf(io)) ?? 0;
}

/** As in RancherOS. */
const shortNames: ReadonlyMap<string, string> = new Map([['s', 'service'], ['c', 'config']]);

/** The command and the words behind it. No command: the first word is a group (`ros service`), and its help is wanted. */
function find(argv: readonly string[]): { command: Command | undefined; words: readonly string[] } {
  const [given = '', second] = argv;
  const first = shortNames.get(given) ?? given;
  const single = commands.find(({ name }) => name === first);
  if (single !== undefined) return { command: single, words: argv.slice(1) };
  const members = commands.filter(({ name }) => name.startsWith(`${first} `));
  if (members.length > 0) {
    if (second === undefined || isHelp(second)) return { command: undefined, words: [first] };
    const command = members.find(({ name, alias }) => [name, alias].includes(`${first} ${second}`));
    if (command !== undefined) return { command, words: argv.slice(2) };
    throw unknownCommand(`${first} ${second}`, members, `ros ${first} --help`);
  }
  throw unknownCommand(first, commands, 'ros --help');
}

function unknownCommand(typed: string, candidates: readonly Command[], help: string): Error {
  const names = candidates.flatMap(({ name }) => [name, name.split(' ')[0] ?? name]);
  const meant = suggest(typed, typed.includes(' ') ? names.filter((name) => name.includes(' ')) : names);
  return usageError(`unknown command "${typed}"`, meant === undefined ? help : `did you mean "ros ${meant}"?`);
}

function isHelp(word: string): boolean {
  return word === '-h' || word === '--help';
}

/** `-h` is help unless the command means something else by it, as `shutdown -h now` does. */
function asksForHelp({ options }: Command, words: readonly string[]): boolean {
  const end = words.indexOf('--');
  const isTaken = Object.values(options).some(({ alias }) => alias?.includes('h') === true);
  return (end === -1 ? words : words.slice(0, end)).some((word) => word === '--help' || (word === '-h' && !isTaken));
}

function contextOf(io: Io): Context {
  return {
    io,
    print: (text) => io.stdout.write(text),
    warn: (line) => io.stderr.write(`${line}\n`),
    uninterrupted: () => contextOf({ ...io, signal: new AbortController().signal }),
    async client(options = {}) {
      const { createClient } = await import('../client/client.ts');
      return createClient({ socketPath: io.controlSocketPath, signal: io.signal, ...(options.patient === false ? { retryMs: 0 } : {}) });
    },
  };
}
