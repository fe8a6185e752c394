import type { ServiceStatus } from '../../api/types.ts';
import { defineCommand, jsonOption, toJson } from '../command.ts';
import { duration, oneLine } from '../format.ts';

export const serviceList = defineCommand({
  name: 'service list',
  group: 'Services',
  summary: 'List the services and how they do',
  description: 'Lists the services: whether each is enabled, its state, since when it runs, how often it was restarted\nin this boot, and what there is to say about it.',
  options: {
    all: { type: 'boolean', alias: ['a'], describe: 'accepted for RancherOS\'s sake: built-in services are always listed' },
    quiet: { type: 'boolean', alias: ['q'], describe: 'print names only' },
    json: jsonOption,
  },
  async run({ options }, { print, client }) {
    const services = (await (await client()).services()).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    if (options.json === true) return print(toJson(services));
    if (options.quiet === true) return print(services.map(({ name }) => `${name}\n`).join(''));
    return print(format(services));
  },
});

/** Every line begins as in RancherOS, `enabled  name` or `disabled name`: what people wrote to read it goes on working. */
export function format(services: readonly ServiceStatus[]): string {
  const rows = [
    ['NAME', 'STATE', 'UPTIME', 'RESTARTS', 'DETAIL'],
    ...services.map((service) => [
      service.name, service.state, service.upMs === undefined ? '-' : duration(service.upMs), String(service.restarts), oneLine(service.detail),
    ]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row, index) => {
    const service = services[index - 1];
    const first = service === undefined ? 'ENABLED' : service.enabled ? 'enabled' : 'disabled';
    return `${`${first.padEnd(9)}${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd()}\n`;
  }).join('');
}
