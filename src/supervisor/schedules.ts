/** Services with `cron.schedule`: the plan's schedules, kept in step with it. */
import { join } from 'node:path';
import type { ScheduleStatus } from '../api/types.ts';
import type { Clock } from '../lib/clock.ts';
import { causeOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Schedule } from '../services/definition.ts';
import type { ServiceManager } from '../services/manager.ts';
import type { Plan } from '../services/plan.ts';
import { Scheduler } from '../services/schedule.ts';
import { readTextFile, writeFileAtomic } from '../sys/files.ts';
import { paths } from './machine.ts';

const storeFile = join(paths.rancher, 'schedules.json');
const storeLimit = 1024 * 1024;

export class Schedules {
  readonly #services: ServiceManager;
  readonly #log: Log;
  readonly #scheduler: Scheduler;
  readonly #known = new Map<string, string>();

  constructor(services: ServiceManager, clock: Clock, log: Log) {
    this.#services = services;
    this.#log = log;
    this.#scheduler = new Scheduler({
      clock, log,
      store: {
        load: async () => JSON.parse(await readTextFile(storeFile, storeLimit) ?? '{}') as Record<string, { lastRunAt: string; lastResult: string }>,
        save: (all) => writeFileAtomic(storeFile, JSON.stringify(all), 0o644),
      },
    });
  }

  /** Sets what is new or has changed, removes what is gone. A schedule that cannot be read is a log line. */
  async follow({ services }: Plan): Promise<void> {
    for (const name of [...this.#known.keys()]) if (services.get(name)?.schedule === undefined) { this.#scheduler.remove(name); this.#known.delete(name); }
    for (const { name, schedule } of services.values()) {
      const text = JSON.stringify(schedule);
      if (schedule === undefined || this.#known.get(name) === text) continue;
      try {
        await this.#scheduler.set(name, schedule, () => this.#run(name, schedule));
        this.#known.set(name, text);
      } catch (error) {
        this.#log.warn(`service[${name}]: ${causeOf(error)}`);
      }
    }
  }

  /** Starts nothing any more. */
  stop(): void { this.#scheduler.stop(); }

  statusOf(name: string): ScheduleStatus | undefined { return this.#scheduler.statusOf(name); }

  async #run(name: string, { action }: Schedule): Promise<string> {
    try {
      if (action === 'restart') await this.#services.restart(name);
      else if (action === 'stop') await this.#services.stop(name);
      else await this.#services.runner(name, 'start').runOnce();
      return 'ok';
    } catch (error) {
      return causeOf(error);
    }
  }
}
