/** The lines of services as they come. */
import type { LogLine } from '../api/types.ts';
import type { ServiceLogQuery } from '../client/client.ts';
import type { Context } from './command.ts';
import { logText } from './format.ts';
import { forAllNames } from './services.ts';

/** Where a time says which lines are wanted; this only keeps an answer in bounds. */
export const tailWithSince = 10_000;

/** Prints until Ctrl-C, or until there is nothing more to come. */
export async function followLogs(names: readonly string[], query: ServiceLogQuery, isJson: boolean, context: Context): Promise<number> {
  const control = await context.client();
  return forAllNames(names, context, async (name) => {
    for await (const line of control.serviceLogs(name, { ...query, follow: true })) await context.print(logLine(line, names, isJson));
  });
}

/** With its service in front when there are several. */
export function logLine(line: LogLine, names: readonly string[], isJson: boolean): string {
  if (isJson) return `${JSON.stringify(line)}\n`;
  const width = Math.max(...names.map((name) => name.length));
  return `${names.length > 1 ? `${line.service.padEnd(width)} | ` : ''}${logText(line.line)}\n`;
}
