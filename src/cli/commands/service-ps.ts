import type { ServiceStatus } from '../../api/types.ts';
import { defineCommand, jsonOption, toJson } from '../command.ts';
import { duration, table } from '../format.ts';
import { chosen } from '../services.ts';

export const servicePs = defineCommand({
  name: 'service ps',
  group: 'Services',
  summary: 'List the containers of the services',
  description: 'Lists the container of each service: its image, state, process and age.',
  operands: { label: 'NAME…', min: 0, max: 100 },
  options: {
    quiet: { type: 'boolean', alias: ['q'], describe: 'print container ids only' },
    json: jsonOption,
  },
  async run({ names, options }, { print, client }) {
    const services = chosen(await (await client()).services(), names);
    if (options.json === true) return print(toJson(services));
    if (options.quiet === true) return print(services.flatMap(({ containerId }) => (containerId === undefined ? [] : [`${containerId}\n`])).join(''));
    return print(format(services));
  },
});

export function format(services: readonly ServiceStatus[]): string {
  return table([
    ['NAME', 'IMAGE', 'CONTAINER', 'STATE', 'PID', 'UPTIME'],
    ...services.map((service) => [
      service.name, service.image, service.containerId?.slice(0, 12) ?? '-', stateOf(service), String(service.pid ?? '-'),
      service.upMs === undefined ? '-' : duration(service.upMs),
    ]),
  ]);
}

function stateOf({ state, pid, exitCode }: ServiceStatus): string {
  return pid === undefined && exitCode !== undefined ? `${state} (exit ${exitCode})` : state;
}
