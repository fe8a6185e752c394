/** The timeline of a boot as a drawing: a row each, time from left to right, milestones as lines through all of it. */
import type { BootReport, TimelineEntry } from '../api/types.ts';
import { seconds } from './format.ts';
import { escape, fixed, line, shorten } from './svg.ts';
import { timelineOf } from './timeline.ts';

const width = 1100;
const labelWidth = 230;
const rightMargin = 90;
const top = 78;
const rowHeight = 22;
const colours = { phase: '#3b5bdb', task: '#91a7ff', service: '#2b8a3e', milestone: '#e67700', error: '#c92a2a' } as const;

export function drawBoot(report: BootReport): string {
  const { entries, totalMs } = timelineOf(report);
  const rows = entries.filter(({ kind }) => kind !== 'milestone');
  const milestones = entries.filter(({ kind }) => kind === 'milestone');
  const x = (ms: number): number => labelWidth + (ms / totalMs) * (width - labelWidth - rightMargin);
  const bottom = top + rows.length * rowHeight;
  const milestoneTop = bottom + 18;
  const height = milestoneTop + milestones.length * 18 + 24;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>Boot ${escape(report.bootId)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="16" y="26" font-size="16" font-weight="bold">Boot of ${seconds(totalMs)}</text>`,
    ...legend(),
    ...ticks(totalMs).flatMap((ms) => [
      line(x(ms), top - 6, x(ms), bottom, '#dee2e6'),
      `<text x="${fixed(x(ms))}" y="${top - 10}" text-anchor="middle" fill="#868e96">${ms / 1000} s</text>`,
    ]),
    ...rows.flatMap((entry, index) => row(entry, top + index * rowHeight, x, totalMs)),
    ...milestones.flatMap(({ name, startMs }, index) => [
      line(x(startMs), top - 6, x(startMs), milestoneTop + index * 18 - 6, colours.milestone, ' stroke-dasharray="4 3"'),
      `<text x="${fixed(x(startMs))}" y="${milestoneTop + index * 18 + 6}" text-anchor="${x(startMs) > width * 0.7 ? 'end' : 'start'}" fill="${colours.milestone}">${escape(name)} ${seconds(startMs)}</text>`,
    ]),
    '</svg>\n',
  ].join('\n');
}

function row(entry: TimelineEntry, y: number, x: (ms: number) => number, totalMs: number): string[] {
  const endMs = entry.endMs ?? totalMs;
  const colour = entry.error === undefined ? colours[entry.kind] : colours.error;
  const isPhase = entry.kind === 'phase';
  const took = entry.endMs === undefined ? 'running' : seconds(entry.endMs - entry.startMs);
  const length = Math.max(2, x(endMs) - x(entry.startMs));
  return [
    `<g><title>${escape(`${entry.kind} ${entry.name}: from ${seconds(entry.startMs)}, ${took}${entry.error === undefined ? '' : `: ${entry.error}`}`)}</title>`,
    `<text x="${isPhase ? 16 : 30}" y="${y + 15}"${isPhase ? ' font-weight="bold"' : ''}>${escape(shorten(entry.name, 32))}</text>`,
    `<rect x="${fixed(x(entry.startMs))}" y="${y + 4}" width="${fixed(length)}" height="${rowHeight - 8}" rx="2" fill="${colour}"${entry.endMs === undefined ? ' fill-opacity="0.4"' : ''}/>`,
    `<text x="${fixed(x(entry.startMs) + length + 5)}" y="${y + 15}" fill="#495057">${took}</text></g>`,
  ];
}

function legend(): string[] {
  return Object.entries(colours).flatMap(([kind, colour], index) => [
    `<rect x="${labelWidth + index * 100}" y="16" width="12" height="12" rx="2" fill="${colour}"/>`,
    `<text x="${labelWidth + index * 100 + 18}" y="26">${kind}</text>`,
  ]);
}

/** Between four and ten round times. */
function ticks(totalMs: number): number[] {
  const steps = [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 3_600_000];
  const step = steps.find((candidate) => totalMs / candidate <= 10) ?? Math.ceil(totalMs / 36_000_000) * 3_600_000;
  return Array.from({ length: Math.floor(totalMs / step) + 1 }, (_, index) => index * step);
}
