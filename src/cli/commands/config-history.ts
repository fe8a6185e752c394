import type { ConfigHistory } from '../../api/types.ts';
import { defineCommand, jsonOption, toJson } from '../command.ts';
import { oneLine, table, timeOf } from '../format.ts';

export const configHistory = defineCommand({
  name: 'config history',
  group: 'Configuration',
  summary: 'List the earlier versions of cloud-config.yml',
  description: 'Lists the versions of cloud-config.yml that are kept, the newest first: number, time (UTC) and what made it. The one in\nthe file has a "*".',
  options: { json: jsonOption },
  async run({ options }, { io, print, warn, client }) {
    const history = await (await client()).config.history();
    if (options.json === true) return print(toJson(history));
    if (history.versions.length === 0) return warn('ros: no version is kept yet: the first change keeps one');
    return print(format(history, io.now()));
  },
});

export function format({ versions }: ConfigHistory, now: Date): string {
  return table(versions.map(({ n, at, why, current }) => [`${current ? '*' : ' '}${n}`, timeOf(at, now), oneLine(why)]));
}
