/** What happened when in this boot. Kept in /run as well, so that a replaced supervisor still tells the boot's story. */
import type { BootReport, TimelineEntry } from '../api/types.ts';
import type { Clock } from '../lib/clock.ts';
import { causeOf } from '../lib/errors.ts';

export type Milestone = keyof BootReport['bootMs'];

/** Enough for any boot; a service that restarts for weeks must not fill the memory. */
const entryLimit = 500;

export class Timeline {
  readonly #clock: Clock;
  readonly #onChange: (report: BootReport) => void;
  #report: BootReport;

  constructor(clock: Clock, bootId: string, earlier: BootReport | undefined, onChange: (report: BootReport) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
    this.#report = earlier?.bootId === bootId ? earlier : { bootId, entries: [], bootMs: {} };
  }

  get report(): BootReport { return this.#report; }

  add(entry: TimelineEntry): void {
    if (this.#report.entries.length >= entryLimit) return;
    this.#set({ ...this.#report, entries: [...this.#report.entries, entry] });
  }

  /** Only the first time counts: a milestone is about the boot, not about later restarts. */
  milestone(name: Milestone): void {
    if (this.#report.bootMs[name] !== undefined) return;
    const atMs = this.#clock.uptimeMs();
    this.#set({ ...this.#report, bootMs: { ...this.#report.bootMs, [name]: atMs } });
    this.add({ name, kind: 'milestone', startMs: atMs, endMs: atMs });
  }

  async time<T>(kind: TimelineEntry['kind'], name: string, work: () => Promise<T>): Promise<T> {
    const startMs = this.#clock.uptimeMs();
    try {
      const result = await work();
      this.add({ name, kind, startMs, endMs: this.#clock.uptimeMs() });
      return result;
    } catch (error) {
      this.add({ name, kind, startMs, endMs: this.#clock.uptimeMs(), error: causeOf(error) });
      throw error;
    }
  }

  #set(report: BootReport): void {
    this.#report = report;
    this.#onChange(report);
  }
}
