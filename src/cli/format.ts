/** Words and columns, the same for every command. */

/** `45s`, `2m 3s`, `3h 12m`, `5d 4h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 0) return `${days}d ${hours}h`;
  if (hours > 0) return `${hours}h ${minutes}m`;
  return minutes > 0 ? `${minutes}m ${seconds % 60}s` : `${seconds}s`;
}

/** For sentences: `0.3 s`, `12 s`, `90 min`, `30 h`, `4 days`. */
export function inWords(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} days`;
}

/** The time of day in UTC, `12:03:11`; of another day than today's with its date. What is no time is said as it is. */
export function timeOf(at: string, now: Date): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return oneLine(at);
  const [day, time = ''] = date.toISOString().split('T');
  const clock = time.slice(0, 8);
  return day === now.toISOString().split('T')[0] ? clock : `${day} ${clock}`;
}

/** Since the kernel started, as the kernel writes it: `[   12.345]`. */
export function kernelTime(uptimeMs: number): string {
  return `[${(uptimeMs / 1000).toFixed(3).padStart(9)}]`;
}

/** `1.20 s` */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

/** Columns as wide as their widest cell, two spaces apart; nothing after the last one. */
export function table(rows: readonly (readonly string[])[], minWidths: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, column) => { widths[column] = Math.max(widths[column] ?? minWidths[column] ?? 0, cell.length); });
  return rows.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()}\n`).join('');
}

/** Text from elsewhere on one line and without control characters: it must not steer the terminal. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\x00-\x1f\x7f\u0080-\u009f]+/g, ' ').trim();
}

/** The same for a line of a log, whose tabs and colours are wanted; cursor moves and window titles are not. */
export function logText(line: string): string {
  return line.replaceAll(/\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b(?!\[[0-9;]*m)(?:\[[0-9;?]*[A-Za-z])?|[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f\u0080-\u009f]/g, '');
}
