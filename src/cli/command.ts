/** The anatomy of a command. Command files stay light: what is heavy (the HTTP client, drawing) they import when they run. */
import type { ControlClient } from '../client/client.ts';
import type { Io } from './io.ts';

export interface OptionSpec {
  /** `strings` may be given more than once. */
  readonly type: 'boolean' | 'number' | 'string' | 'strings';
  readonly alias?: readonly string[];
  readonly describe: string;
  /** The name of the value in the help: `--tail N`. */
  readonly value?: string;
}

interface Values { boolean: boolean; number: number; string: string; strings: readonly string[] }
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export interface Arguments<O extends OptionSpecs = OptionSpecs> {
  readonly names: readonly string[];
  readonly options: { readonly [K in keyof O]?: Values[O[K]['type']] };
}

export type CommandGroup = 'Services' | 'Configuration' | 'Machine' | 'Power';

export interface Command<O extends OptionSpecs = OptionSpecs> {
  /** As it is typed: `service list`. */
  readonly name: string;
  /** Another name for it, which the help does not list. */
  readonly alias?: string;
  readonly group: CommandGroup;
  /** One line for the overview. */
  readonly summary: string;
  /** What `--help` says beyond the options. */
  readonly description: string;
  /** What stands behind the name: its name in the help, and how many. Absent: nothing does. */
  readonly operands?: { readonly label: string; readonly min: number; readonly max: number };
  /** What stands behind the name is another program's, options too: it is passed on as it is. */
  readonly passesOn?: boolean;
  readonly options: O;
  /** The exit code; 0 when it returns none. Errors are thrown. */
  run(this: void, args: Arguments<O>, context: Context): Promise<number | undefined | void>;
}

export interface Context {
  readonly io: Io;
  /** Prints to stdout; waits when the reader is slow. */
  print(this: void, text: string): Promise<void>;
  /** Prints a line to stderr. */
  warn(this: void, line: string): Promise<void>;
  /** The client of the control API. `patient: false` does not wait for a supervisor that is not there. */
  client(this: void, options?: { readonly patient?: boolean }): Promise<ControlClient>;
  /** The same for what must be done after Ctrl-C: nothing of it is cut short by the first one. */
  uninterrupted(this: void): Context;
}

/** Infers the option types of `run` from `options`. */
export function defineCommand<const O extends OptionSpecs>(command: Command<O>): Command {
  return command as unknown as Command;
}

/** The option that every command with output has. */
export const jsonOption = { type: 'boolean', describe: 'print JSON' } as const;

export function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
