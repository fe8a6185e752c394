import type { LogLine } from '../../api/types.ts';
import { defineCommand } from '../command.ts';
import { logText } from '../format.ts';
import { usageError } from '../parse.ts';

export const serviceLogs = defineCommand({
  name: 'service logs',
  group: 'Services',
  summary: 'Print what services logged',
  description: 'Prints the newest lines that the services wrote, in the order of time.',
  operands: { label: 'NAME…', min: 1, max: 100 },
  options: {
    follow: { type: 'boolean', alias: ['f'], describe: 'go on with new lines until Ctrl-C' },
    tail: { type: 'number', alias: ['n', 'lines'], value: 'N', describe: 'begin with the newest N lines of each (100)' },
    since: { type: 'string', value: 'WHEN', describe: 'only lines after a time (RFC 3339) or younger than 90s, 10m, 2h, 1d' },
    json: { type: 'boolean', describe: 'print a JSON object a line' },
  },
  async run({ names, options }, { io, print, client }) {
    const since = options.since === undefined ? undefined : parseSince(options.since, io.now());
    const control = await client();
    const isFollowing = options.follow === true;
    const tail = options.tail ?? (since === undefined ? defaultTail : tailWithSince);
    const width = Math.max(...names.map((name) => name.length));
    const show = (line: LogLine): string => (options.json === true ? `${JSON.stringify(line)}\n` : format(line, names.length > 1 ? width : undefined));
    const isWanted = (line: LogLine): boolean => since === undefined || Date.parse(line.at) >= since;

    if (isFollowing) {
      await Promise.all(names.map(async (name) => {
        for await (const line of control.serviceLogs(name, { tail, follow: true })) if (isWanted(line)) await print(show(line));
      }));
      return;
    }
    const lines: LogLine[] = [];
    for (const name of names) for await (const line of control.serviceLogs(name, { tail })) if (isWanted(line)) lines.push(line);
    if (names.length > 1) lines.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
    for (const line of lines) {
      if (io.signal.aborted) return;
      await print(show(line));
    }
  },
});

const defaultTail = 100;
/** With `--since` the time decides; this only keeps an answer in bounds. */
const tailWithSince = 10_000;

/** `width` of the names in front; undefined prints none. */
export function format(line: LogLine, width: number | undefined): string {
  return `${width === undefined ? '' : `${line.service.padEnd(width)} | `}${logText(line.line)}\n`;
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds since the epoch. */
export function parseSince(text: string, now: Date): number {
  const age = /^(\d{1,9})([smhd])$/.exec(text);
  if (age !== null) return now.getTime() - Number(age[1]) * (unitMs[age[2] ?? ''] ?? 0);
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw usageError(`option "--since" needs a time or an age, not "${text}"`, 'ros service logs --help');
  return time;
}
