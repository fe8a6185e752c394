/**
 * Keeps the containers of both engines as the plan says. Decisions are in state-machine.ts and plan.ts; this holds the
 * lives, feeds them what the engines' event streams tell, and carries out their effects.
 *
 * Invariants: one runner a service, and a runner does one thing to its container at a time; nothing is remembered
 * that the engine or /run does not know, so a new manager on the same engine goes on where the old one ended.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ServiceState, ServiceStatus } from '../api/types.ts';
import type { ContainerInfo, EngineEvent, LogOptions, Plane } from '../engine/engine.ts';
import type { Clock } from '../lib/clock.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { suggest } from '../lib/suggest.ts';
import { Turns } from '../lib/turns.ts';
import { listDirectory, writeFileAtomic } from '../sys/files.ts';
import { serviceLabel } from './container-spec.ts';
import { defaultPriority, type Scope, type ServiceDefinition } from './definition.ts';
import { ServiceEvents } from './events.ts';
import type { Images } from './images.ts';
import { neededBy, startGroups } from './order.ts';
import type { Plan } from './plan.ts';
import { ServiceRunner } from './runner.ts';

export interface ManagerOptions {
  readonly planes: Readonly<Record<Scope, Plane>>;
  readonly images: Images;
  readonly clock: Clock;
  readonly log: Log;
  /** One file a service that was stopped by hand: it stays stopped when the supervisor is replaced. */
  readonly stoppedDir: string;
  /** An engine's event stream ended: the engine may be dead. */
  readonly onEngineLost: (scope: Scope) => void;
  /** Called before every start of a service's container, which is made and does not run. Never rejects. */
  readonly prepare?: (service: ServiceDefinition, containerId: string) => Promise<void>;
  /** Of any container of an engine, one of a service or not. */
  readonly onEngineEvent?: (scope: Scope, event: EngineEvent) => void;
  /** A service changed its state. */
  readonly onChange: () => void;
  readonly onReady: (name: string, startMs: number, endMs: number) => void;
}

/**
 * More starts at once would only make each of them slower: a start is work for the processor. The services that users wait
 * for say so (`io.corral.priority`) and go first.
 */
const startsAtOnce = 2;
/** The service that User Docker's start is; services that nobody waits for start after it, or when it has had its time. */
const userEngineService = 'docker';
const userEngineFirstMs = 20_000;
const comesNot: ReadonlySet<ServiceState> = new Set(['unhealthy', 'stopping', 'backoff', 'parked', 'failed']);
const engineNames: Readonly<Record<Scope, string>> = { system: 'System Docker', user: 'User Docker' };

export class ServiceManager {
  readonly events: ServiceEvents;
  readonly #options: ManagerOptions;
  readonly #runners = new Map<string, ServiceRunner>();
  readonly #turns = new Turns(startsAtOnce);
  readonly #watchers = new Set<() => void>();
  readonly #streams = new Map<Scope, AbortController>();
  readonly #up = new Set<Scope>();
  #mayAllStart = false;
  #stopping = false;

  constructor(options: ManagerOptions) {
    this.#options = options;
    this.events = new ServiceEvents(options.clock);
  }

  /**
   * Takes a plan into force. Whose definition has changed keeps what it runs as until its own next start, but those that
   * `isMeant`; whose is gone is stopped and removed. A new one does not start by itself. Resolves when all that is done.
   */
  async setPlan(plan: Plan, isMeant: (name: string) => boolean = () => true): Promise<void> {
    // One that has moved to the other engine is another service of that name.
    const gone = [...this.#runners.values()].filter(({ name, definition }) => plan.services.get(name)?.scope !== definition.scope);
    await Promise.all(gone.map(async ({ name }) => { await this.#dismiss(name); }));
    for (const [name, definition] of plan.services) {
      const runner = this.#runners.get(name);
      if (runner === undefined) this.#runners.set(name, this.#makeRunner(definition));
      else if (isMeant(name) && !isDeepStrictEqual(runner.definition, definition)) runner.redefine(definition);
    }
    this.#changed();
  }

  /**
   * The engine answers: listen to it, then compare every service with what really runs. Called at start and after every
   * restart of the engine; a container that runs as it should is not touched.
   */
  async engineUp(scope: Scope): Promise<void> {
    await this.#listen(scope);
    const stoppedByHand = new Set(await listDirectory(this.#options.stoppedDir));
    const found = await this.#options.planes[scope].engine.list(serviceLabel);
    const containers = new Map<string, ContainerInfo>();
    for (const info of found) {
      const name = info.labels[serviceLabel] ?? '';
      // One of another name is what an update that was cut short has left.
      if (info.name === name && this.#runners.get(name)?.definition.scope === scope) containers.set(name, info);
      else await this.#removeStray(info, scope);
    }
    this.#up.add(scope);
    if (scope === 'user') this.#mayAllStart = true;
    else this.#options.clock.after(userEngineFirstMs, () => { this.#mayAllStart = true; this.#changed(); });
    const wanted = (name: string): boolean => !stoppedByHand.has(name);
    await Promise.all([...this.#runners.values()].map(async (runner) => {
      if (runner.definition.scope === scope) await runner.resume(containers.get(runner.name), wanted(runner.name));
      else if (!this.#up.has(runner.definition.scope) && wanted(runner.name)) runner.expectEngine();
    }));
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

  /** The services that come with the system and are not ready, each with its state. */
  lateBuiltIns(): string[] {
    return [...this.#runners.values()].filter((runner) => runner.definition.builtIn && runner.state !== 'stopped' && !runner.ready).map((runner) => {
      const { name, state, detail } = runner.status();
      return `${name} is ${state}${detail === '' ? '' : ` (${detail})`}`;
    });
  }

  isReady(name: string): boolean { return this.#runners.get(name)?.ready ?? false; }
  has(name: string): boolean { return this.#runners.has(name); }
  names(): string[] { return [...this.#runners.keys()]; }

  /** The one of this name; an error that says what to do when there is none. */
  runner(name: string, verb: string): ServiceRunner {
    const runner = this.#runners.get(name);
    if (runner !== undefined) return runner;
    const meant = suggest(name, [...this.#runners.keys()]);
    throw new RosError('ERR_ROS_NO_SERVICE', `cannot ${verb} service "${name}": there is no such service`, {
      hint: meant === undefined ? '`ros service list -a` shows the services there are; one must be enabled first' : `did you mean "${meant}"?`,
    });
  }

  async start(name: string, timeoutMs?: number): Promise<ServiceStatus> {
    const runner = this.runner(name, 'start');
    if (this.#stopping) throw new RosError('ERR_ROS_ENDING', `cannot start service "${name}": the machine is shutting down`);
    await this.markStopped(name, false);
    if (!this.#up.has(runner.definition.scope)) throw new RosError('ERR_ROS_NO_ENGINE', `cannot start service "${name}": ${engineNames[runner.definition.scope]} is not up`);
    for (const need of this.#stoppedNeeds(runner.definition)) {
      await this.markStopped(need.name, false);
      void need.bringUp().catch(() => undefined); // what keeps it down is told by who waits for it
    }
    return runner.bringUp(timeoutMs);
  }

  /** What a service waits for, however far away, and somebody has stopped. */
  #stoppedNeeds({ after }: ServiceDefinition): ServiceRunner[] {
    const seen = new Set(after.keys());
    for (const name of seen) for (const further of this.#runners.get(name)?.definition.after.keys() ?? []) seen.add(further);
    return [...seen].flatMap((name) => this.#runners.get(name) ?? []).filter((runner) => runner.state === 'stopped' && !runner.ready);
  }

  async stop(name: string, graceS?: number): Promise<ServiceStatus> {
    const runner = this.runner(name, 'stop');
    await this.markStopped(name, true);
    return runner.bringDown(graceS);
  }

  /** Ends when every container that is being started now runs, or does not. Never rejects. */
  async entered(): Promise<void> { await Promise.all([...this.#runners.values()].map(({ entry }) => entry)); }

  async restart(name: string, graceS?: number): Promise<ServiceStatus> {
    await this.runner(name, 'restart').bringDown(graceS);
    return this.start(name);
  }

  /** Whether it is to stay down in this boot, also under another supervisor. */
  async markStopped(name: string, isStopped: boolean): Promise<void> {
    const { stoppedDir } = this.#options;
    if (!isStopped) { await rm(join(stoppedDir, name), { force: true }); return; }
    await mkdir(stoppedDir, { recursive: true });
    await writeFileAtomic(join(stoppedDir, name), '', 0o644);
  }

  async logs(name: string, options: LogOptions, signal: AbortSignal, onOpen: () => void, onLine: (stream: 'stdout' | 'stderr', at: string, line: string) => void): Promise<void> {
    const { plane } = this.runner(name, 'read logs of');
    const info = await plane.engine.inspect(name);
    if (info === undefined) throw new RosError('ERR_ROS_NO_CONTAINER', `cannot read logs of service "${name}": it has no container yet`);
    onOpen();
    await plane.engine.logs(info.id, options, signal, onLine);
  }

  /** An image has come from elsewhere: who failed for want of one tries again. */
  imagesChanged(): void { for (const runner of this.#runners.values()) runner.retryNow(); }

  /** Stops everything in its own grace, dependants before what they depend on; `last` go after all others. Never throws. */
  async stopAll(last: readonly string[]): Promise<void> {
    this.#stopping = true;
    const names = [...this.#runners.keys()];
    const groups = startGroups(names, (name) => [...(this.#runners.get(name)?.definition.after.keys() ?? [])]).reverse();
    for (const group of [...groups.map((group) => group.filter((name) => !last.includes(name))), last]) {
      await Promise.all(group.map(async (name) => {
        const runner = this.#runners.get(name);
        if (runner === undefined || !this.#up.has(runner.definition.scope)) return; // nobody is there who could stop it
        await runner.bringDown().catch((error: unknown) => { this.#options.log.warn(`service[${name}]: ${causeOf(error)}`); });
      }));
    }
    for (const stream of this.#streams.values()) stream.abort();
  }

  #makeRunner(definition: ServiceDefinition): ServiceRunner {
    return new ServiceRunner(definition, {
      ...this.#options,
      plane: this.#options.planes[definition.scope],
      onChange: () => { this.#changed(); },
      onTransition: (...change) => { this.events.add(...change); },
      turn: this.#turns,
      blockers: (service) => this.#blockers(service),
    });
  }

  async #dismiss(name: string): Promise<void> {
    const runner = this.#runners.get(name);
    if (runner === undefined) return;
    this.#options.log.info(`service[${name}]: is in no service file any more, removing its container`);
    try {
      await runner.bringDown();
      if (this.#up.has(runner.definition.scope)) await runner.discard();
    } catch (error) {
      this.#options.log.warn(`service[${name}]: ${causeOf(error)}`);
    }
    await this.markStopped(name, false);
    this.#runners.delete(name);
  }

  /** What a service waits for and is not as it should be, in words. */
  #blockers({ name: own, scope, after, priority }: ServiceDefinition): string[] {
    const engine = this.#up.has(scope) ? [] : [engineNames[scope]];
    const first = priority > defaultPriority && scope === 'system' && this.#isHeld(own) ? [`${engineNames.user}, which goes first`] : [];
    const services = [...after].flatMap(([name, condition]) => {
      const runner = this.#runners.get(name);
      if (runner === undefined || runner.ready) return [];
      if (condition === 'started' && runner.started) return [];
      return [`${name} (${runner.state})`];
    });
    return [...engine, ...first, ...services];
  }

  /** Whether it is to wait for User Docker, and nothing that comes before User Docker waits for it in turn. */
  #isHeld(name: string): boolean {
    const userEngine = this.#runners.get(userEngineService);
    if (this.#mayAllStart || userEngine === undefined || comesNot.has(userEngine.state)) return false;
    const early = [...this.#runners.values()].filter(({ definition: { scope, priority } }) => scope === 'system' && priority <= defaultPriority);
    return !neededBy(early.map((runner) => runner.name), (one) => [...this.#runners.get(one)?.definition.after.keys() ?? []]).has(name);
  }

  #changed(): void {
    for (const runner of this.#runners.values()) runner.startIfUnblocked();
    for (const watcher of this.#watchers) watcher();
    this.#options.onChange();
  }

  /** Subscribes to the engine's events; resolves when the stream is open, so that nothing after it is missed. */
  #listen(scope: Scope): Promise<void> {
    this.#streams.get(scope)?.abort();
    const controller = new AbortController();
    this.#streams.set(scope, controller);
    const lost = (): void => {
      if (controller.signal.aborted || this.#stopping) return;
      if (scope === 'user') this.#up.delete(scope);
      this.#options.onEngineLost(scope);
    };
    return new Promise((resolve, reject) => {
      this.#options.planes[scope].engine.events(controller.signal, resolve, (event) => { this.#onEvent(scope, event); })
        .then(lost)
        .catch((error: unknown) => { reject(error as Error); lost(); });
    });
  }

  #onEvent(scope: Scope, event: EngineEvent): void {
    this.#options.onEngineEvent?.(scope, event);
    for (const runner of this.#runners.values()) if (runner.definition.scope === scope && runner.containerId === event.id) runner.onEngineEvent(event);
  }

  async #removeStray(info: ContainerInfo, scope: Scope): Promise<void> {
    this.#options.log.info(`service[${info.name}]: is in no manifest any more, removing its container`);
    await this.#options.planes[scope].engine.remove(info.id).catch((error: unknown) => { this.#options.log.warn(`service[${info.name}]: ${causeOf(error)}`); });
  }
}
