import type { LogRecord } from '../../api/types.ts';
import { defineCommand } from '../command.ts';
import { kernelTime, logText } from '../format.ts';

export const logs = defineCommand({
  name: 'logs',
  group: 'Machine',
  summary: 'Print the log of the supervisor',
  description: 'Prints what the supervisor logged: seconds since the kernel started, level, message.',
  options: {
    follow: { type: 'boolean', alias: ['f'], describe: 'go on with new records until Ctrl-C' },
    tail: { type: 'number', alias: ['n', 'lines'], value: 'N', describe: 'begin with the newest N records (all that are kept)' },
    json: { type: 'boolean', describe: 'print a JSON object a line' },
  },
  async run({ options }, { print, client }) {
    const query = { ...(options.tail === undefined ? {} : { tail: options.tail }), follow: options.follow === true };
    for await (const record of (await client()).logs(query)) {
      await print(options.json === true ? `${JSON.stringify(record)}\n` : format(record));
    }
  },
});

const levels: Readonly<Record<number, string>> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' };

/** `[   12.345] warn  message`, as the kernel writes its times. */
export function format({ level, uptimeMs, msg }: LogRecord): string {
  return `${kernelTime(uptimeMs)} ${(levels[level] ?? String(level)).padEnd(5)} ${logText(msg)}\n`;
}
