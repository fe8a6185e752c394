import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { essential, phase, runSequence, taskName } from '../../../src/supervisor/sequencer.ts';
import { bootSequence } from '../../../src/supervisor/sequences.ts';
import { Timeline } from '../../../src/supervisor/timeline.ts';

function harness() {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => { lines.push((JSON.parse(line) as { msg: string }).msg); } });
  const timeline = new Timeline(systemClock, 'boot', undefined, () => undefined);
  const onWarning = vi.fn();
  return { lines, timeline, onWarning, options: { clock: systemClock, log, timeline, onWarning } };
}

describe('a sequence', () => {
  it('runs phases in series and the tasks of a phase in parallel, and logs each phase with its place and time', async () => {
    const { lines, options, timeline } = harness();
    const order: string[] = [];
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => { release = resolve; });
    async function waitForOther(): Promise<void> { await gate; order.push('first'); }
    async function openGate(): Promise<void> { release(); }
    async function last(): Promise<void> { order.push('last'); }
    await runSequence([phase('one', waitForOther, openGate), phase('two', last)], {}, options);
    expect(order).toEqual(['first', 'last']);
    expect(lines.map((line) => line.replace(/\d+ ms/, 'N ms'))).toEqual(['phase one (1/2): done in N ms', 'phase two (2/2): done in N ms']);
    expect(timeline.report.entries.map(({ name, kind }) => `${kind} ${name}`)).toEqual(['task open-gate', 'task wait-for-other', 'phase one', 'task last', 'phase two']);
  });

  it('goes on after a phase that failed, and says so', async () => {
    const { options, onWarning } = harness();
    const second = vi.fn(async () => undefined);
    await runSequence([phase('one', async () => { throw new Error('no disk'); }), phase('two', second)], {}, options);
    expect(onWarning).toHaveBeenCalledExactlyOnceWith('one', 'no disk');
    expect(second).toHaveBeenCalledOnce();
  });

  it('ends at an essential phase that failed', async () => {
    const { options } = harness();
    const second = vi.fn(async () => undefined);
    await expect(runSequence([essential('engine', async () => { throw new Error('dead'); }), phase('two', second)], {}, options)).rejects.toThrow('cannot finish phase "engine": dead');
    expect(second).not.toHaveBeenCalled();
  });
});

describe('the boot', () => {
  it('has its phases in the documented order, every task with a name', () => {
    expect(bootSequence.map(({ name }) => name)).toEqual(['config', 'recovery', 'state', 'bootcmd', 'system-docker', 'system-services', 'user-docker', 'late']);
    for (const { tasks } of bootSequence) for (const task of tasks) expect(taskName(task)).toMatch(/^[a-z-]{5,}$/);
  });
});
