/** What the `service` commands share: choosing by name, and acting on one after the other. */
import type { ServiceStatus } from '../api/types.ts';
import type { ServiceAction } from '../client/client.ts';
import { RosError } from '../lib/errors.ts';
import { toJson, type Arguments, type Context } from './command.ts';
import { oneLine } from './format.ts';
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

export const actionOptions = {
  timeout: { type: 'number', alias: ['t'], value: 'N', describe: 'seconds a container gets to stop before it is killed' },
  json: { type: 'boolean', describe: 'print JSON' },
} as const;

const done = { start: 'started', stop: 'stopped', restart: 'restarted' } as const;

/** Does `action` to each service in turn. One that fails does not keep the others from it; the exit code tells. */
export async function actOn(action: ServiceAction, { names, options }: Arguments<typeof actionOptions>, { io, print, client }: Context): Promise<number> {
  const control = await client();
  const results: ServiceStatus[] = [];
  let exitCode = 0;
  for (const name of names) {
    try {
      const service = await control.act(name, action, options.timeout);
      results.push(service);
      if (options.json !== true) await print(`${done[action]} ${service.name}: ${service.state}${service.detail === '' ? '' : ` (${oneLine(service.detail)})`}\n`);
    } catch (error) {
      if (io.signal.aborted || (error instanceof RosError && error.code === 'ERR_ROS_UNREACHABLE')) throw error;
      exitCode = await reportError(error, io);
    }
  }
  if (options.json === true) await print(toJson(results));
  return exitCode;
}
