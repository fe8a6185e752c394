/**
 * Runs services by their `cron.schedule`. node-cron says when; the timer is ours. Its own timer goes through every due time
 * that a stepped clock has jumped over, one after the other and without a pause: NTP, which moves a machine without a battery
 * from 1970 to today, would have it count half a billion times and the supervisor killed for being silent.
 *
 * Invariants: one timer for all schedules, never longer than `lookEveryMs`, so that a step of the clock is seen; at most one
 * run of a service at a time; a due time starts at most one run, however the clock got there.
 */
import type { ScheduleStatus } from '../api/types.ts';
import type { Clock } from '../lib/clock.ts';
import { causeOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { cronExpressions, parseSchedule, previousDue, type Calendar, type Schedule } from './cron.ts';

export interface ScheduleSpec {
  /** `cron.schedule` as the service file says. */
  readonly expression: string;
  readonly action: ScheduleStatus['action'];
  /** A due time that passed while the machine was off is made up for, once. */
  readonly catchUp: boolean;
}

/** What is remembered of a service over boots. */
export interface RunRecord {
  /** When it began, RFC 3339. */
  readonly lastRunAt: string;
  /** `ok`, or why it failed. */
  readonly lastResult: string;
}

export interface ScheduleStore {
  load(): Promise<Readonly<Record<string, RunRecord>>>;
  save(all: Readonly<Record<string, RunRecord>>): Promise<void>;
}

export interface SchedulerOptions { readonly clock: Clock; readonly log: Log; readonly store: ScheduleStore }

/** Resolves with `ok`, or says in words why it failed; a rejection is a failure too. */
export type Run = () => Promise<string>;

interface Job {
  spec: ScheduleSpec;
  run: Run;
  readonly schedule: Schedule;
  /** The next due time after now, in the time that `schedule` is kept in; undefined until node-cron is loaded. */
  nextDue?: () => number;
  /** By the wall clock in ms since 1970 for a calendar, by the clock's uptime for `@every`. */
  dueMs?: number;
  firedMs?: number;
  cancelCatchUp?: () => void;
}

/** The longest wait before the clock is looked at again. */
const lookEveryMs = 30_000;
/** A wall clock that moved this much against the kernel's count was set. */
const stepMs = 1000;
/** A run that is due later than this is not made up for: the machine slept, or the clock was set. */
const graceMs = 60_000;
/** A run that is made up for waits until the machine has booted. */
const catchUpDelayMs = 30_000;

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #jobs = new Map<string, Job>();
  readonly #running = new Set<string>();
  readonly #records = new Map<string, RunRecord>();
  #loading: Promise<void> | undefined;
  #saving: Promise<void> = Promise.resolve();
  #cancelTimer: () => void = () => undefined;
  /** Wall clock minus uptime when it was last looked at. */
  #offsetMs: number;
  #stopped = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#offsetMs = this.#offset();
  }

  /**
   * Schedules a service, or changes its schedule; called again with the same expression it goes on as it is. Throws when
   * the expression cannot be used.
   */
  set(name: string, spec: ScheduleSpec, run: Run): void {
    const known = this.#jobs.get(name);
    if (known?.spec.expression === spec.expression) { known.spec = spec; known.run = run; return; }
    const job: Job = { spec, run, schedule: parseSchedule(spec.expression) };
    known?.cancelCatchUp?.();
    this.#jobs.set(name, job);
    void this.#begin(name, job).catch((error: unknown) => { this.#options.log.error(`schedule[${name}]: cannot be kept: ${causeOf(error)}`); });
  }

  /** Takes a service off its schedule and forgets its runs: should it come back it is new. A run that is under way ends as it ends. */
  remove(name: string): void {
    const job = this.#jobs.get(name);
    if (job === undefined) return;
    job.cancelCatchUp?.();
    this.#jobs.delete(name);
    this.#arm();
    void this.#load().then(() => { if (!this.#jobs.has(name) && this.#records.delete(name)) this.#save(); });
  }

  statusOf(name: string): ScheduleStatus | undefined {
    const job = this.#jobs.get(name);
    if (job === undefined) return undefined;
    const inMs = this.#inMs(job);
    return {
      schedule: job.spec.expression,
      action: job.spec.action,
      ...this.#records.get(name),
      ...(inMs === undefined ? {} : { nextRunAt: new Date(this.#nowMs() + inMs).toISOString() }),
    };
  }

  /** Starts nothing any more. Runs that are under way end as they end and are recorded. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
    for (const job of this.#jobs.values()) job.cancelCatchUp?.();
  }

  async #begin(name: string, job: Job): Promise<void> {
    await this.#load();
    job.nextDue = await this.#timetable(job.schedule);
    if (this.#stopped || this.#jobs.get(name) !== job) return;
    job.dueMs = job.nextDue();
    this.#catchUp(name, job);
    this.#arm();
  }

  async #timetable(schedule: Schedule): Promise<() => number> {
    if (schedule.kind === 'every') return () => this.#options.clock.uptimeMs() + schedule.everyMs;
    return calendarTimes(schedule.calendar);
  }

  /** Until it is due, negative when it is late; undefined while that is not known. */
  #inMs({ schedule, dueMs }: Job): number | undefined {
    return dueMs === undefined ? undefined : dueMs - (schedule.kind === 'every' ? this.#options.clock.uptimeMs() : this.#nowMs());
  }

  #arm(): void {
    this.#cancelTimer();
    const waits = [...this.#jobs.values()].map((job) => this.#inMs(job)).filter((inMs) => inMs !== undefined);
    if (this.#stopped || waits.length === 0) return;
    this.#cancelTimer = this.#options.clock.after(Math.max(1, Math.min(lookEveryMs, ...waits)), () => { this.#look(); });
  }

  /** Starts what is due and finds the next due times. All of them anew when the clock was set: they were for another time. */
  #look(): void {
    const movedMs = this.#offset() - this.#offsetMs;
    this.#offsetMs += movedMs;
    const wasSet = Math.abs(movedMs) > stepMs;
    if (wasSet) this.#options.log.info(`schedules: the clock was set ${movedMs > 0 ? 'forward' : 'back'} by ${Math.round(Math.abs(movedMs) / 1000)} s`);
    for (const [name, job] of this.#jobs) {
      const { dueMs, nextDue } = job;
      const inMs = this.#inMs(job);
      if (dueMs === undefined || nextDue === undefined || inMs === undefined || (inMs > 0 && !wasSet)) continue;
      const isFresh = inMs <= 0 && inMs >= -graceMs && dueMs !== job.firedMs;
      if (isFresh) { job.firedMs = dueMs; void this.#fire(name, job); }
      if (inMs <= 0 || job.schedule.kind === 'calendar') job.dueMs = nextDue();
      if (!isFresh) this.#catchUp(name, job);
    }
    this.#arm();
  }

  /** Plans a run soon when a due time has passed since the last one. A service that never ran has missed nothing. */
  #catchUp(name: string, job: Job): void {
    const isOverdue = (): boolean => {
      const last = this.#records.get(name);
      const due = previousDue(job.schedule, this.#options.clock.now());
      return job.spec.catchUp && !this.#running.has(name) && last !== undefined && due !== undefined && Date.parse(last.lastRunAt) < due.getTime();
    };
    if (!isOverdue()) return;
    job.cancelCatchUp?.();
    job.cancelCatchUp = this.#options.clock.after(catchUpDelayMs, () => {
      if (!isOverdue()) return;
      this.#options.log.info(`schedule[${name}]: makes up for a run that was missed`);
      void this.#fire(name, job);
    });
  }

  async #fire(name: string, job: Job): Promise<void> {
    const { clock, log } = this.#options;
    job.cancelCatchUp?.();
    if (this.#running.has(name)) { log.warn(`schedule[${name}]: is due, but its last run still goes on: left out`); return; }
    this.#running.add(name);
    const startMs = clock.uptimeMs();
    const lastResult = await (async () => job.run())().catch(causeOf);
    this.#running.delete(name);
    const line = `schedule[${name}]: ${job.spec.action}: ${lastResult}`;
    if (lastResult === 'ok') log.info(line);
    else log.warn(line);
    if (!this.#jobs.has(name)) return;
    // Counted back from now: the clock may have been set meanwhile.
    this.#records.set(name, { lastRunAt: new Date(this.#nowMs() - (clock.uptimeMs() - startMs)).toISOString(), lastResult });
    this.#save();
  }

  /** Once; a store that cannot be read is one that knows nothing. */
  #load(): Promise<void> {
    this.#loading ??= (async () => {
      try {
        for (const [name, record] of Object.entries(await this.#options.store.load())) this.#records.set(name, record);
      } catch (error) {
        this.#options.log.warn(`schedules: cannot read their last runs: ${causeOf(error)}`);
      }
    })();
    return this.#loading;
  }

  /** One after the other, each with what there is then. */
  #save(): void {
    this.#saving = this.#saving
      .then(() => this.#options.store.save(Object.fromEntries(this.#records)))
      .catch((error: unknown) => { this.#options.log.warn(`schedules: cannot keep their last runs: ${causeOf(error)}`); });
  }

  #nowMs(): number { return this.#options.clock.now().getTime(); }
  #offset(): number { return this.#nowMs() - this.#options.clock.uptimeMs(); }
}

/** The next due time after now, in ms since 1970. Loaded when there is a schedule: most machines have none. */
async function calendarTimes(calendar: Calendar): Promise<() => number> {
  const { createTask } = await import('node-cron');
  const tasks = cronExpressions(calendar).map((expression) => createTask(expression, () => undefined));
  // They never run by themselves; left alone they would stay in node-cron's list for ever.
  for (const task of tasks) void task.destroy();
  return () => Math.min(...tasks.map((task) => task.getNextRuns(1)[0]?.getTime() ?? Number.POSITIVE_INFINITY));
}
