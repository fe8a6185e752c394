import type { EventGap, ServiceEvent } from '../../api/types.ts';
import { defineCommand } from '../command.ts';
import { kernelTime, oneLine, timeOf } from '../format.ts';

export const serviceEvents = defineCommand({
  name: 'service events',
  group: 'Services',
  summary: 'Print how the states of services changed',
  description: 'Prints how the states of services changed: the time (UTC), seconds since the kernel started, what was and what is.',
  options: {
    follow: { type: 'boolean', alias: ['f'], describe: 'go on with new events until Ctrl-C' },
    tail: { type: 'number', alias: ['n', 'lines'], value: 'N', describe: 'begin with the newest N events (all that are kept)' },
    since: { type: 'string', value: 'CURSOR', describe: 'go on behind an event, named by its cursor (as --json prints it)' },
    json: { type: 'boolean', describe: 'print a JSON object a line' },
  },
  async run({ options }, { io, print, client }) {
    const { tail, since } = options;
    const query = { ...(tail !== undefined && { tail }), ...(since !== undefined && { since }), follow: options.follow === true };
    for await (const event of (await client()).serviceEvents(query)) {
      await print(options.json === true ? `${JSON.stringify(event)}\n` : format(event, io.now()));
    }
  },
});

export function format(event: ServiceEvent | EventGap, now: Date): string {
  if ('gap' in event) return `-- ${oneLine(event.gap)}\n`;
  const { at, uptimeMs, service, from, to, detail } = event;
  return `${timeOf(at, now)} ${kernelTime(uptimeMs)} ${oneLine(service)}: ${from} -> ${to}${detail === '' ? '' : ` (${oneLine(detail)})`}\n`;
}
