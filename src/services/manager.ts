/**
 * Keeps the containers of one engine as the plan says. Decisions are in state-machine.ts and plan.ts; this holds the
 * lives, feeds them what the engine's event stream tells, and carries out their effects.
 *
 * Invariants: one runner a service, and a runner does one thing to its container at a time; nothing is remembered
 * that the engine or /run does not know, so a new manager on the same engine goes on where the old one ended.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServiceStatus } from '../api/types.ts';
import type { ContainerInfo, Engine, EngineEvent, LogOptions } from '../engine/engine.ts';
import type { Clock } from '../lib/clock.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { listDirectory, writeFileAtomic } from '../sys/files.ts';
import { serviceLabel } from './container-spec.ts';
import { Turns } from '../lib/turns.ts';
import { startGroups } from './order.ts';
import type { Plan } from './plan.ts';
import { ServiceRunner } from './runner.ts';

export interface ManagerOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly cgroupParent: string;
  /** One file a service that was stopped by hand: it stays stopped when the supervisor is replaced. */
  readonly stoppedDir: string;
  /** The engine's event stream ended: the engine may be dead. */
  readonly onEngineLost: () => void;
  /** A service changed its state. */
  readonly onChange: () => void;
  readonly onReady: (name: string, startMs: number, endMs: number) => void;
}

/**
 * More starts at once would only make each of them slower: a start is work for the processor. The services that users wait
 * for say so (`io.corral.priority`) and go first.
 */
const startsAtOnce = 2;

export class ServiceManager {
  readonly #options: ManagerOptions;
  readonly #runners = new Map<string, ServiceRunner>();
  readonly #turns = new Turns(startsAtOnce);
  readonly #watchers = new Set<() => void>();
  #events = new AbortController();
  #stopping = false;

  constructor(options: ManagerOptions) { this.#options = options; }

  /** Takes a plan into force. Containers of services that are no longer in it are removed at the next `engineUp`. */
  setPlan(plan: Plan): void {
    for (const [name, definition] of plan.services) {
      this.#runners.set(name, new ServiceRunner(definition, {
        ...this.#options,
        onChange: () => { this.#changed(); },
        turn: this.#turns,
        blockers: (service) => this.#blockers([...service.after.keys()]),
      }));
    }
  }

  /**
   * The engine answers: listen to it, then compare every service with what really runs. Called at start and after every
   * restart of the engine; a container that runs as it should is not touched.
   */
  async engineUp(): Promise<void> {
    await this.#listen();
    const stoppedByHand = new Set(await listDirectory(this.#options.stoppedDir));
    const containers = new Map((await this.#options.engine.list(serviceLabel)).map((info) => [info.labels[serviceLabel] ?? '', info]));
    for (const [name, info] of containers) if (!this.#runners.has(name)) await this.#removeStray(name, info);
    await Promise.all([...this.#runners.values()].map((runner) => runner.resume(containers.get(runner.name), !stoppedByHand.has(runner.name))));
    this.#changed();
  }

  statuses(): ServiceStatus[] { return [...this.#runners.values()].map((runner) => runner.status()).sort((a, b) => (a.name < b.name ? -1 : 1)); }

  /** Resolves when `done` says so, asked again whenever a service changes; rejects with what `missing` says after `timeoutMs`. */
  async until(done: () => boolean, timeoutMs: number, missing: () => string): Promise<void> {
    if (done()) return;
    await new Promise<void>((resolve, reject) => {
      const watcher = (): void => { if (done()) finish(resolve); };
      const cancel = this.#options.clock.after(timeoutMs, () => {
        finish(() => { reject(new RosError('ERR_ROS_TIMEOUT', `cannot wait any longer than ${timeoutMs / 1000} s: ${missing()}`)); });
      });
      const finish = (settle: () => void): void => { cancel(); this.#watchers.delete(watcher); settle(); };
      this.#watchers.add(watcher);
    });
  }

  isReady(name: string): boolean { return this.#runners.get(name)?.ready ?? false; }

  async start(name: string): Promise<ServiceStatus> {
    const runner = this.#get(name, 'start');
    await rm(join(this.#options.stoppedDir, name), { force: true });
    return runner.bringUp();
  }

  async stop(name: string, graceS?: number): Promise<ServiceStatus> {
    const runner = this.#get(name, 'stop');
    await mkdir(this.#options.stoppedDir, { recursive: true });
    await writeFileAtomic(join(this.#options.stoppedDir, name), '', 0o644);
    return runner.bringDown(graceS);
  }

  async restart(name: string, graceS?: number): Promise<ServiceStatus> {
    await this.#get(name, 'restart').bringDown(graceS);
    return this.start(name);
  }

  async logs(name: string, options: LogOptions, signal: AbortSignal, onOpen: () => void, onLine: (stream: 'stdout' | 'stderr', at: string, line: string) => void): Promise<void> {
    const info = await this.#options.engine.inspect(this.#get(name, 'read logs of').name);
    if (info === undefined) throw new RosError('ERR_ROS_NO_CONTAINER', `cannot read logs of service "${name}": it has no container yet`);
    onOpen();
    await this.#options.engine.logs(info.id, options, signal, onLine);
  }

  /** Stops everything in its own grace, dependants before what they depend on; `last` go after all others. Never throws. */
  async stopAll(last: readonly string[]): Promise<void> {
    this.#stopping = true;
    const names = [...this.#runners.keys()];
    const groups = startGroups(names, (name) => [...(this.#runners.get(name)?.definition.after.keys() ?? [])]).reverse();
    for (const group of [...groups.map((group) => group.filter((name) => !last.includes(name))), last]) {
      await Promise.all(group.map(async (name) => {
        await this.#runners.get(name)?.bringDown().catch((error: unknown) => { this.#options.log.warn(`service[${name}]: ${causeOf(error)}`); });
      }));
    }
    this.#events.abort();
  }

  #get(name: string, verb: string): ServiceRunner {
    const runner = this.#runners.get(name);
    if (runner === undefined) {
      throw new RosError('ERR_ROS_NO_SERVICE', `cannot ${verb} service "${name}": there is no such service`, { hint: '`ros service list` shows the services there are' });
    }
    return runner;
  }

  /** What of `names` is not ready yet, in words. */
  #blockers(names: readonly string[]): string[] {
    return names.flatMap((name) => {
      const runner = this.#runners.get(name);
      return runner === undefined || runner.ready ? [] : [`${name} (${runner.status().state})`];
    });
  }

  #changed(): void {
    for (const runner of this.#runners.values()) runner.startIfUnblocked();
    for (const watcher of this.#watchers) watcher();
    this.#options.onChange();
  }

  /** Subscribes to the engine's events; resolves when the stream is open, so that nothing after it is missed. */
  #listen(): Promise<void> {
    this.#events.abort();
    const controller = new AbortController();
    this.#events = controller;
    return new Promise((resolve, reject) => {
      this.#options.engine.events(controller.signal, resolve, (event) => { this.#onEvent(event); })
        .then(() => { if (!controller.signal.aborted && !this.#stopping) this.#options.onEngineLost(); })
        .catch((error: unknown) => { reject(error as Error); if (!controller.signal.aborted) this.#options.onEngineLost(); });
    });
  }

  #onEvent(event: EngineEvent): void {
    for (const runner of this.#runners.values()) if (runner.containerId === event.id) runner.onEngineEvent(event);
  }

  async #removeStray(name: string, info: ContainerInfo): Promise<void> {
    this.#options.log.info(`service[${name}]: is in no manifest any more, removing its container`);
    await this.#options.engine.remove(info.id).catch((error: unknown) => { this.#options.log.warn(`service[${name}]: ${causeOf(error)}`); });
  }
}
