/** What the `service` commands share: choosing by name, and doing something to one after the other. */
import type { ServiceStatus } from '../api/types.ts';
import type { ActionQuery, OperationQuery, OperationResult, ServiceAction, ServiceOperation } from '../client/client.ts';
import { RosError } from '../lib/errors.ts';
import { jsonOption, toJson, type Context } from './command.ts';
import { oneLine } from './format.ts';
import { noProgress, progressOn } from './progress.ts';
import { reportError } from './report-error.ts';
import { suggest } from '../lib/suggest.ts';

/** The services of these names, all of them for none, by name. An unknown name is an error that suggests the right one. */
export function chosen(services: readonly ServiceStatus[], names: readonly string[]): readonly ServiceStatus[] {
  const known = services.map(({ name }) => name);
  for (const name of names) {
    if (known.includes(name)) continue;
    const meant = suggest(name, known);
    throw new RosError('ERR_ROS_NO_SERVICE', `cannot find service "${name}": there is none of this name`, {
      hint: meant === undefined ? 'ros service list' : `did you mean "${meant}"?`,
    });
  }
  return services.filter(({ name }) => names.length === 0 || names.includes(name)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Does `act` to one name after the other. One that fails is reported and keeps no other from it; the exit code tells. */
export async function forEachName(names: readonly string[], context: Context, act: (name: string) => Promise<void>): Promise<number> {
  let exitCode = 0;
  for (const name of names) exitCode = Math.max(exitCode, await attempt(name, context, act));
  return exitCode;
}

/** `forEachName` with all of them at a time. */
export async function forAllNames(names: readonly string[], context: Context, act: (name: string) => Promise<void>): Promise<number> {
  return Math.max(0, ...await Promise.all(names.map((name) => attempt(name, context, act))));
}

async function attempt(name: string, { io }: Context, act: (name: string) => Promise<void>): Promise<number> {
  try {
    await act(name);
    return 0;
  } catch (error) {
    // With nobody there the others would fail as well.
    if (io.signal.aborted || (error instanceof RosError && error.code === 'ERR_ROS_UNREACHABLE')) throw error;
    return reportError(error, io);
  }
}

export const timeoutOption = { type: 'number', alias: ['t'], value: 'N', describe: 'seconds a container gets to stop before it is killed' } as const;
export const actionOptions = { timeout: timeoutOption, json: jsonOption } as const;

const done = {
  start: 'started', stop: 'stopped', restart: 'restarted', kill: 'killed', rm: 'removed', down: 'stopped and removed',
  enable: 'enabled', up: 'started', create: 'created', pull: 'pulled', build: 'built', update: 'updated',
  disable: 'disabled', delete: 'deleted',
} as const satisfies Record<ServiceAction | ServiceOperation | 'disable' | 'delete', string>;

interface Options { readonly json?: boolean; readonly timeout?: number }

/** Does `action` to each service and prints how it is then. */
export async function actOn(action: ServiceAction, { names, options }: { names: readonly string[]; options: Options }, context: Context, query: ActionQuery = {}): Promise<number> {
  const control = await context.client();
  const results: ServiceStatus[] = [];
  const exitCode = await forEachName(names, context, async (name) => {
    const service = await control.act(name, action, { ...query, ...(options.timeout !== undefined && { timeoutS: options.timeout }) });
    results.push(service);
    if (options.json !== true) await context.print(`${done[action]} ${stateOf(service)}\n`);
  });
  if (options.json === true) await context.print(toJson(results));
  return exitCode;
}

/** `ntp: backoff (exited with code 1)` */
function stateOf({ name, state, detail }: ServiceStatus): string {
  return `${name}: ${state}${detail === '' ? '' : ` (${oneLine(detail)})`}`;
}

/** What became of a name. */
export interface Outcome extends OperationResult { readonly name: string }

/** Does `operation` to each name, shows how far it is, and prints what became of it. */
export async function operateOn(
  operation: ServiceOperation, { names, options }: { names: readonly string[]; options: Options }, context: Context, query: OperationQuery = {},
): Promise<{ readonly exitCode: number; readonly outcomes: readonly Outcome[] }> {
  const control = await context.client();
  const progress = options.json === true ? noProgress : progressOn(context.io);
  const outcomes: Outcome[] = [];
  const exitCode = await forEachName(names, context, async (name) => {
    let result: OperationResult;
    try {
      result = await control.operate(name, operation, query, progress.show);
    } finally {
      await progress.clear();
    }
    const outcome = { name, ...result };
    outcomes.push(outcome);
    if (options.json !== true) await context.print(tell(operation, outcome));
  });
  if (options.json === true) await context.print(toJson(outcomes));
  return { exitCode, outcomes };
}

/** The supervisor's own words where it has any: it knows what was new, and what is still to be done. */
function tell(operation: ServiceOperation | 'disable' | 'delete', { name, notes }: { readonly name: string; readonly notes: readonly string[] }): string {
  return (notes.length === 0 ? [`${done[operation]} ${name}`] : notes.map(oneLine)).map((line) => `${line}\n`).join('');
}

/** `disable` and `delete`. */
export async function withdraw(how: 'disable' | 'delete', { names, options }: { names: readonly string[]; options: Options & { readonly now?: boolean } }, context: Context): Promise<number> {
  const control = await context.client();
  const outcomes: { name: string; notes: readonly string[] }[] = [];
  const exitCode = await forEachName(names, context, async (name) => {
    const { notes } = await control.withdraw(name, how, { now: options.now === true });
    outcomes.push({ name, notes });
    if (options.json !== true) await context.print(tell(how, { name, notes }));
  });
  if (options.json === true) await context.print(toJson(outcomes));
  return exitCode;
}
