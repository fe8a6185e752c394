/** The timeline of a boot as text. Plain ASCII: it is read on serial consoles too. */
import type { BootReport, TimelineEntry } from '../api/types.ts';
import { oneLine, seconds } from './format.ts';
import { timelineOf } from './timeline.ts';

export function bootChart(report: BootReport, columns: number): string {
  const { entries, totalMs } = timelineOf(report);
  const labels = entries.map(label);
  const nameWidth = Math.min(40, Math.max(4, ...labels.map(({ length }) => length)));
  const barWidth = Math.max(20, Math.min(60, columns - nameWidth - 26));
  const end = seconds(totalMs);
  const head = `${'NAME'.padEnd(nameWidth)}  ${'START'.padStart(9)}  ${'TOOK'.padStart(9)}  0${end.padStart(barWidth + 1)}\n`;
  const rows = entries.map((entry, index) => {
    const took = entry.kind === 'milestone' ? '' : entry.endMs === undefined ? 'running' : seconds(entry.endMs - entry.startMs);
    const line = `${(labels[index] ?? '').slice(0, nameWidth).padEnd(nameWidth)}  ${seconds(entry.startMs).padStart(9)}  ${took.padStart(9)}  |${bar(entry, totalMs, barWidth)}|`;
    return `${line}${entry.error === undefined ? '' : ` ${oneLine(entry.error)}`}\n`;
  });
  return `${head}${rows.join('')}${'total'.padEnd(nameWidth)}  ${''.padStart(9)}  ${end.padStart(9)}\n`;
}

function label({ kind, name }: TimelineEntry): string {
  return `${kind === 'phase' ? '' : kind === 'milestone' ? '* ' : '  '}${oneLine(name)}`;
}

/** Everything that took time shows as at least one mark. */
function bar({ kind, startMs, endMs, error }: TimelineEntry, totalMs: number, width: number): string {
  const from = Math.min(width - 1, Math.floor((startMs / totalMs) * width));
  if (kind === 'milestone') return `${' '.repeat(from)}*`.padEnd(width);
  const to = Math.min(width, Math.max(from + 1, Math.ceil(((endMs ?? totalMs) / totalMs) * width)));
  const mark = error !== undefined ? '!' : endMs === undefined ? '.' : kind === 'phase' ? '=' : '-';
  return `${' '.repeat(from)}${mark.repeat(to - from)}`.padEnd(width);
}
