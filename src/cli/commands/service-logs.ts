import type { LogLine } from '../../api/types.ts';
import { defineCommand } from '../command.ts';
import { followLogs, logLine, tailWithSince } from '../follow-logs.ts';
import { usageError } from '../parse.ts';
import { forEachName } from '../services.ts';

export const serviceLogs = defineCommand({
  name: 'service logs',
  group: 'Services',
  summary: 'Print what services logged',
  description: 'Prints the newest lines that the services wrote, in the order of time.',
  operands: { label: 'NAME…', min: 1, max: 100 },
  options: {
    follow: { type: 'boolean', alias: ['f'], describe: 'go on with new lines until Ctrl-C' },
    tail: { type: 'number', alias: ['n', 'lines'], value: 'N', describe: 'begin with the newest N lines of each (100)' },
    since: { type: 'string', value: 'WHEN', describe: 'only lines after a time (RFC 3339, or seconds since 1970) or younger than 90s, 10m, 2h, 1d' },
    json: { type: 'boolean', describe: 'print a JSON object a line' },
  },
  async run({ names, options }, context) {
    const { io, print, client } = context;
    const since = options.since === undefined ? undefined : parseSince(options.since, io.now());
    const query = { tail: options.tail ?? (since === undefined ? defaultTail : tailWithSince), ...(since !== undefined && { since }) };
    const isJson = options.json === true;
    if (options.follow === true) return followLogs(names, query, isJson, context);

    const control = await client();
    const lines: LogLine[] = [];
    const exitCode = await forEachName(names, context, async (name) => {
      for await (const line of control.serviceLogs(name, query)) lines.push(line);
    });
    if (names.length > 1) lines.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
    for (const line of lines) {
      if (io.signal.aborted) break;
      await print(logLine(line, names, isJson));
    }
    return exitCode;
  },
});

const defaultTail = 100;

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Whole seconds since 1970. */
export function parseSince(text: string, now: Date): number {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  const age = /^(\d{1,9})([smhd])$/.exec(text);
  const ms = age !== null ? now.getTime() - Number(age[1]) * (unitMs[age[2] ?? ''] ?? 0) : /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw usageError(`option "--since" needs a time or an age, not "${text}"`, 'ros service logs --help');
  return Math.max(0, Math.floor(ms / 1000));
}
