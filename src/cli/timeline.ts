/** A boot report put in order: what the text chart and the drawing both show. */
import type { BootReport, TimelineEntry } from '../api/types.ts';

const milestoneNames = {
  supervisor: 'supervisor runs', systemDocker: 'system docker answers', ssh: 'ssh answers',
  systemHealthy: 'system services healthy', userDocker: 'user docker answers',
} as const satisfies Record<keyof BootReport['bootMs'], string>;

export interface Timeline {
  /** By start; of those that start together the phase comes first. Milestones of `bootMs` are among them. */
  readonly entries: readonly TimelineEntry[];
  /** When the last of it ended. */
  readonly totalMs: number;
}

export function timelineOf(report: BootReport): Timeline {
  const named = new Set(report.entries.filter(({ kind }) => kind === 'milestone').map(({ name }) => name));
  const milestones = Object.entries(report.bootMs)
    .filter(([key]) => !named.has(key))
    .map(([key, startMs]): TimelineEntry => ({ name: milestoneNames[key as keyof typeof milestoneNames] ?? key, kind: 'milestone', startMs }));
  const rank = { phase: 0, task: 1, service: 2, milestone: 3 } as const;
  const entries = [...report.entries, ...milestones].toSorted((a, b) => a.startMs - b.startMs || rank[a.kind] - rank[b.kind]);
  return { entries, totalMs: Math.max(1, ...entries.map(({ startMs, endMs }) => endMs ?? startMs)) };
}
