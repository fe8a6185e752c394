import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { Scheduler, type Run, type RunRecord, type ScheduleSpec, type ScheduleStore } from '../../../src/services/schedule.ts';

/** A Monday. */
const noon = new Date(2026, 0, 5, 12);
const minutes = (count: number): number => count * 60_000;
const hours = (count: number): number => count * 3_600_000;
const at = (...time: [number, number, number, number?, number?, number?]): string => new Date(...time).toISOString();

beforeEach(() => { vi.useFakeTimers({ now: noon, toFake: ['Date', 'hrtime', 'setTimeout', 'clearTimeout'] }); });
afterEach(() => { vi.useRealTimers(); });

function makeScheduler(records: Readonly<Record<string, RunRecord>> = {}, store: Partial<ScheduleStore> = {}) {
  const logged: string[] = [];
  const saved: Record<string, RunRecord>[] = [];
  const log = pino({ base: null }, { write: (line: string) => { logged.push((JSON.parse(line) as { msg: string }).msg); } });
  const scheduler = new Scheduler({
    clock: systemClock, log,
    store: { load: async () => records, save: async (all) => { saved.push({ ...all }); }, ...store },
  });
  /** Sets a schedule and waits until it is in force. */
  const set = async (name: string, spec: Partial<ScheduleSpec> & { expression: string }, run: Run): Promise<void> => {
    scheduler.set(name, { action: 'start', catchUp: false, ...spec }, run);
    while (scheduler.statusOf(name)?.nextRunAt === undefined) await new Promise(setImmediate);
  };
  return { scheduler, logged, saved, set };
}

/** A service that notes when it ran. */
function recorder(result = 'ok'): { readonly runs: string[]; readonly run: Run } {
  const runs: string[] = [];
  return { runs, run: async () => { runs.push(new Date().toISOString()); return result; } };
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

describe('a schedule', () => {
  it('runs the service whenever it is due, and tells the last and the next time', async () => {
    const { scheduler, set } = makeScheduler();
    const { runs, run } = recorder();
    await set('backup', { expression: '*/20 * * * *', action: 'restart' }, run);
    expect(scheduler.statusOf('backup')).toEqual({ schedule: '*/20 * * * *', action: 'restart', nextRunAt: at(2026, 0, 5, 12, 20) });
    await pass(minutes(65));
    expect(runs).toEqual([at(2026, 0, 5, 12, 20), at(2026, 0, 5, 12, 40), at(2026, 0, 5, 13)]);
    expect(scheduler.statusOf('backup')).toEqual({
      schedule: '*/20 * * * *', action: 'restart', lastRunAt: at(2026, 0, 5, 13), lastResult: 'ok', nextRunAt: at(2026, 0, 5, 13, 20),
    });
    expect(scheduler.statusOf('other')).toBeUndefined();
  });

  it('waits for weeks and does not lose its way', async () => {
    const { set } = makeScheduler();
    const { runs, run } = recorder();
    await set('x', { expression: '@monthly' }, run);
    await pass(hours(24 * 28));
    expect(runs).toEqual([at(2026, 1, 1)]);
  });

  it('runs on either when a day of the month and one of the week are given', async () => {
    const { set } = makeScheduler();
    const { runs, run } = recorder();
    await set('x', { expression: '0 3 6,12 * mon' }, run);
    await pass(hours(24 * 15));
    expect(runs).toEqual([at(2026, 0, 6, 3), at(2026, 0, 12, 3), at(2026, 0, 19, 3)]);
  });

  it('runs again and again after a fixed time', async () => {
    const { set, scheduler } = makeScheduler();
    const { runs, run } = recorder();
    await set('x', { expression: '@every 1h30m' }, run);
    expect(scheduler.statusOf('x')?.nextRunAt).toBe(at(2026, 0, 5, 13, 30));
    await pass(hours(4));
    expect(runs).toEqual([at(2026, 0, 5, 13, 30), at(2026, 0, 5, 15)]);
  });

  it('says why a run failed, in the status, in the log and in the store', async () => {
    const { scheduler, set, saved, logged } = makeScheduler();
    await set('words', { expression: '@hourly' }, async () => 'exited with code 1');
    await set('throws', { expression: '@hourly' }, () => { throw new Error('no image'); });
    await pass(hours(1));
    expect(scheduler.statusOf('words')).toMatchObject({ lastRunAt: at(2026, 0, 5, 13), lastResult: 'exited with code 1' });
    expect(scheduler.statusOf('throws')).toMatchObject({ lastResult: 'no image' });
    expect(logged.toSorted()).toEqual(['schedule[throws]: start: no image', 'schedule[words]: start: exited with code 1']);
    expect(saved.at(-1)).toEqual({
      words: { lastRunAt: at(2026, 0, 5, 13), lastResult: 'exited with code 1' }, throws: { lastRunAt: at(2026, 0, 5, 13), lastResult: 'no image' },
    });
  });

  it('leaves a time out while the last run still goes on', async () => {
    const { scheduler, set, logged } = makeScheduler();
    let runs = 0;
    const ends: (() => void)[] = [];
    await set('slow', { expression: '@hourly' }, () => { runs += 1; return new Promise((resolve) => { ends.push(() => { resolve('ok'); }); }); });
    await pass(hours(2));
    expect(runs).toBe(1);
    expect(logged).toEqual(['schedule[slow]: is due, but its last run still goes on: left out']);
    expect(scheduler.statusOf('slow')?.lastRunAt).toBeUndefined();
    ends[0]?.();
    await pass(hours(1));
    expect(runs).toBe(2);
    expect(scheduler.statusOf('slow')?.lastRunAt).toBe(at(2026, 0, 5, 13));
  });

  it('goes on as it is when it is set again, and takes the new run and expression', async () => {
    const { scheduler, set } = makeScheduler();
    const [first, second, third] = [recorder(), recorder(), recorder()];
    await set('x', { expression: '@every 1h' }, first.run);
    await pass(minutes(40));
    await set('x', { expression: '@every 1h', action: 'stop' }, second.run);
    expect(scheduler.statusOf('x')).toEqual({ schedule: '@every 1h', action: 'stop', nextRunAt: at(2026, 0, 5, 13) });
    await pass(minutes(40));
    await set('x', { expression: '30 * * * *' }, third.run);
    expect(scheduler.statusOf('x')).toMatchObject({ schedule: '30 * * * *', lastResult: 'ok', nextRunAt: at(2026, 0, 5, 13, 30) });
    await pass(hours(1));
    expect([first.runs, second.runs, third.runs]).toEqual([[], [at(2026, 0, 5, 13)], [at(2026, 0, 5, 13, 30)]]);
  });

  it('ends when it is removed, and its runs are forgotten', async () => {
    const { scheduler, set, saved } = makeScheduler({ x: { lastRunAt: at(2026, 0, 4, 12), lastResult: 'ok' }, y: { lastRunAt: at(2026, 0, 4, 12), lastResult: 'ok' } });
    const { runs, run } = recorder();
    await set('x', { expression: '@hourly', catchUp: true }, run);
    scheduler.remove('x');
    await pass(hours(3));
    expect(runs).toEqual([]);
    expect(scheduler.statusOf('x')).toBeUndefined();
    expect(saved).toEqual([{ y: { lastRunAt: at(2026, 0, 4, 12), lastResult: 'ok' } }]);
    await set('x', { expression: '@daily', catchUp: true }, run);
    expect(scheduler.statusOf('x')?.lastRunAt).toBeUndefined();
  });

  it('starts nothing any more after a stop, but keeps what still ends', async () => {
    const { scheduler, set, saved } = makeScheduler();
    let end = (): void => undefined;
    await set('x', { expression: '@hourly' }, () => new Promise((resolve) => { end = () => { resolve('ok'); }; }));
    const { runs, run } = recorder();
    await set('y', { expression: '30 * * * *' }, run);
    await pass(hours(1));
    expect(runs).toHaveLength(1);
    scheduler.stop();
    end();
    await pass(hours(3));
    expect(runs).toHaveLength(1);
    expect(saved.at(-1)).toHaveProperty('x');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is refused at once when it cannot be used', () => {
    const { scheduler } = makeScheduler();
    expect(() => { scheduler.set('x', { expression: '@often', action: 'start', catchUp: false }, async () => 'ok'); }).toThrow('cannot use schedule "@often": there is no "@often"');
    expect(scheduler.statusOf('x')).toBeUndefined();
  });

  it('goes on without its store', async () => {
    const { scheduler, set, logged } = makeScheduler({}, {
      load: async () => { throw new Error('no disk'); },
      save: () => { throw new Error('the disk is full'); },
    });
    const { runs, run } = recorder();
    await set('x', { expression: '@hourly' }, run);
    await pass(hours(2));
    expect(runs).toHaveLength(2);
    expect(scheduler.statusOf('x')?.lastResult).toBe('ok');
    expect(logged.filter((line) => line.startsWith('schedules:'))).toEqual([
      'schedules: cannot read their last runs: no disk', 'schedules: cannot keep their last runs: the disk is full', 'schedules: cannot keep their last runs: the disk is full',
    ]);
  });

  it('has no timer while there is no schedule', async () => {
    const { scheduler, set } = makeScheduler();
    expect(vi.getTimerCount()).toBe(0);
    await set('x', { expression: '@hourly' }, async () => 'ok');
    expect(vi.getTimerCount()).toBe(1);
    scheduler.remove('x');
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a clock that is set', () => {
  it('forward by decades starts nothing for the times in between, and the next time is right', async () => {
    vi.setSystemTime(new Date(1970, 0, 1, 0, 5));
    const { scheduler, set, logged } = makeScheduler();
    const { runs, run } = recorder();
    await set('every-second', { expression: '* * * * * *' }, run);
    await set('nightly', { expression: '0 3 * * *' }, run);
    vi.setSystemTime(noon);
    runs.length = 0;
    const began = performance.now();
    await pass(1500);
    expect(performance.now() - began).toBeLessThan(1000);
    expect(runs.length).toBeLessThanOrEqual(2);
    expect(scheduler.statusOf('nightly')?.nextRunAt).toBe(at(2026, 0, 6, 3));
    expect(logged.filter((line) => line.startsWith('schedules:'))).toEqual([`schedules: the clock was set forward by ${(noon.getTime() - new Date(1970, 0, 1, 0, 5).getTime()) / 1000} s`]);
  });

  it('back by years does not stop a schedule for years', async () => {
    vi.setSystemTime(new Date(2036, 5, 1, 12));
    const { scheduler, set, logged } = makeScheduler();
    const { runs, run } = recorder();
    await set('x', { expression: '@hourly' }, run);
    vi.setSystemTime(noon);
    await pass(minutes(1));
    expect(scheduler.statusOf('x')?.nextRunAt).toBe(at(2026, 0, 5, 13));
    await pass(hours(2));
    expect(runs).toEqual([at(2026, 0, 5, 13), at(2026, 0, 5, 14)]);
    expect(logged[0]).toMatch(/^schedules: the clock was set back by \d+ s$/);
  });

  it('back by a little does not run the same time twice', async () => {
    const { set } = makeScheduler();
    const { runs, run } = recorder();
    await set('x', { expression: '@hourly' }, run);
    await pass(hours(1));
    vi.setSystemTime(new Date(2026, 0, 5, 12, 59, 50));
    await pass(minutes(5));
    expect(runs).toEqual([at(2026, 0, 5, 13)]);
    await pass(hours(1));
    expect(runs).toHaveLength(2);
  });

  it('forward by a little over a time that is due runs it, late', async () => {
    const { set } = makeScheduler();
    const { runs, run } = recorder();
    await set('x', { expression: '@hourly' }, run);
    await pass(minutes(59));
    vi.setSystemTime(new Date(2026, 0, 5, 13, 0, 20));
    await pass(minutes(2));
    expect(runs).toHaveLength(1);
  });

  it('does not touch a schedule of fixed time', async () => {
    const { scheduler, set } = makeScheduler();
    const { runs, run } = recorder();
    await set('x', { expression: '@every 1h' }, run);
    await pass(minutes(30));
    vi.setSystemTime(new Date(2030, 0, 1));
    await pass(minutes(1));
    expect(scheduler.statusOf('x')?.nextRunAt).toBe(at(2030, 0, 1, 0, 30));
    await pass(minutes(30));
    expect(runs).toEqual([at(2030, 0, 1, 0, 30)]);
  });

  it('during a run leaves the time of that run where the new clock has it', async () => {
    vi.setSystemTime(new Date(1970, 0, 1, 0, 59));
    const { scheduler, set } = makeScheduler();
    let end = (): void => undefined;
    await set('x', { expression: '@hourly', catchUp: true }, () => new Promise((resolve) => { end = () => { resolve('ok'); }; }));
    await pass(minutes(2));
    vi.setSystemTime(noon);
    await pass(minutes(1));
    end();
    await pass(0);
    expect(scheduler.statusOf('x')?.lastRunAt).toBe(at(2026, 0, 5, 11, 59));
  });
});

describe('a run that was missed', () => {
  const nightly = { expression: '0 3 * * *', catchUp: true };
  const last = (lastRunAt: string): Record<string, RunRecord> => ({ x: { lastRunAt, lastResult: 'ok' } });

  it('is made up for once, soon after the start', async () => {
    const { set, logged, saved } = makeScheduler(last(at(2026, 0, 3, 3)));
    const { runs, run } = recorder();
    await set('x', nightly, run);
    expect(runs).toEqual([]);
    await pass(minutes(1));
    expect(runs).toEqual([at(2026, 0, 5, 12, 0, 30)]);
    expect(logged).toContain('schedule[x]: makes up for a run that was missed');
    expect(saved.at(-1)).toEqual(last(at(2026, 0, 5, 12, 0, 30)));
    await set('x', nightly, run);
    await pass(hours(14));
    expect(runs).toHaveLength(1);
    await pass(hours(1));
    expect(runs).toHaveLength(2);
  });

  it.each([
    ['when nobody asked for it', last(at(2026, 0, 3, 3)), { ...nightly, catchUp: false }],
    ['when the service never ran', {}, nightly],
    ['when it was not missed', last(at(2026, 0, 5, 3)), nightly],
    ['when the last run is in the future of a wrong clock', last(at(2030, 0, 1)), nightly],
  ])('is left at that %s', async (_when, records, spec) => {
    const { set } = makeScheduler(records);
    const { runs, run } = recorder();
    await set('x', spec, run);
    await pass(hours(1));
    expect(runs).toEqual([]);
  });

  it('is noticed when the clock is set right', async () => {
    vi.setSystemTime(new Date(1970, 0, 1, 0, 1));
    const { set } = makeScheduler(last(at(2026, 0, 3, 3)));
    const { runs, run } = recorder();
    await set('x', nightly, run);
    await pass(minutes(1));
    vi.setSystemTime(noon);
    await pass(minutes(2));
    expect(runs).toHaveLength(1);
    await pass(hours(12));
    expect(runs).toHaveLength(1);
  });

  it('is not made up for when its next time comes first', async () => {
    const { set } = makeScheduler(last(at(2026, 0, 4, 3)));
    vi.setSystemTime(new Date(2026, 0, 6, 2, 59, 50));
    const { runs, run } = recorder();
    await set('x', nightly, run);
    await pass(hours(1));
    expect(runs).toEqual([at(2026, 0, 6, 3)]);
  });
});
