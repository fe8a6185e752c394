/** One service: its life, and the thin doing behind each of the life's effects. */
import type { ServiceStatus } from '../api/types.ts';
import type { ContainerInfo, ContainerSpec, Engine, EngineEvent } from '../engine/engine.ts';
import type { Clock } from '../lib/clock.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Turns } from '../lib/turns.ts';
import { processStartMs } from '../sys/proc.ts';
import { containerSpec, specLabel } from './container-spec.ts';
import type { ServiceDefinition } from './definition.ts';
import { initialLife, isReady, stableMs, step, type Life, type LifeEffect, type LifeEvent } from './state-machine.ts';

export interface RunnerOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly cgroupParent: string;
  readonly onChange: () => void;
  readonly onReady: (name: string, startMs: number, endMs: number) => void;
  readonly turn: Turns;
  /** What the service still waits for, in words; empty when it may start. */
  readonly blockers: (service: ServiceDefinition) => string[];
}

/** How long `start` and `stop` wait for their end, on top of the stop grace. */
const settleMs = 120_000;
const oomExitReason = 'killed: out of memory';

export class ServiceRunner {
  readonly definition: ServiceDefinition;
  readonly #options: RunnerOptions;
  #life: Life = initialLife;
  #container: ContainerInfo | undefined;
  #graceMs: number;
  #wantedSinceMs = 0;
  /** When the container's first process started, in ms since kernel start. */
  #upSinceMs = 0;
  #nextTryMs = 0;
  #oom = false;
  #cancelRetry: () => void = () => undefined;
  #cancelStable: () => void = () => undefined;
  #watchers = new Set<() => void>();

  constructor(definition: ServiceDefinition, options: RunnerOptions) {
    this.definition = definition;
    this.#options = options;
    this.#graceMs = definition.stopGraceMs;
  }

  get name(): string { return this.definition.name; }
  get containerId(): string | undefined { return this.#container?.id; }
  get ready(): boolean { return isReady(this.#life, this.#rules()); }

  /** Takes up what the engine has of this service: adopts a container that is as it should be, else starts a new life. */
  async resume(found: ContainerInfo | undefined, wanted: boolean): Promise<void> {
    this.#container = found;
    if (!wanted) {
      if (found?.running === true) { this.#apply({ kind: 'adopted', health: found.health }); this.#apply({ kind: 'want-down' }); }
      return;
    }
    if (this.#life.state === 'stopping') { await this.#stop(); return; } // the engine died in the middle of it
    this.#wantedSinceMs = this.#options.clock.uptimeMs();
    if (found?.running === true && found.labels[specLabel] === (await this.#spec())?.labels[specLabel]) {
      await this.#noteStart(found);
      this.#apply({ kind: 'adopted', health: found.health });
      return;
    }
    const wasUp = this.#life.state === 'running' || this.#life.state === 'healthy' || this.#life.state === 'unhealthy';
    if (wasUp) this.#apply({ kind: 'exited', exitCode: found?.exitCode ?? 0, reason: 'ended while the engine was away' });
    else this.#apply({ kind: 'want-up' });
  }

  startIfUnblocked(): void {
    if (this.#life.state === 'waiting' && this.#options.blockers(this.definition).length === 0) this.#apply({ kind: 'ready-to-start' });
  }

  /** Starts the service; resolves when it is ready, rejects when it fails or `settleMs` have passed. */
  async bringUp(): Promise<ServiceStatus> {
    this.#wantedSinceMs = this.#options.clock.uptimeMs();
    this.#apply({ kind: 'want-up' });
    await this.#until('start', () => this.ready || this.#life.state === 'parked' || this.#life.state === 'failed' || this.#life.state === 'backoff', settleMs);
    if (!this.ready) throw new RosError('ERR_ROS_START', `cannot start service "${this.name}": ${this.status().detail}`, { hint: `\`ros service logs ${this.name}\` shows what it said` });
    return this.status();
  }

  async bringDown(graceS?: number): Promise<ServiceStatus> {
    this.#graceMs = graceS === undefined ? this.definition.stopGraceMs : graceS * 1000;
    this.#apply({ kind: 'want-down' });
    await this.#until('stop', () => this.#life.state === 'stopped', this.#graceMs + settleMs);
    return this.status();
  }

  onEngineEvent(event: EngineEvent): void {
    switch (event.kind) {
      case 'oom': this.#oom = true; return;
      case 'health': this.#apply({ kind: 'health', healthy: event.health === 'healthy' }); return;
      case 'exited': this.#apply({ kind: 'exited', exitCode: event.exitCode, reason: exitReason(event.exitCode, this.#oom) }); return;
      // Someone removed it behind our back; the exit before it has been handled already if it ran.
      case 'removed': this.#container = undefined; return;
      case 'started': return;
    }
  }

  status(): ServiceStatus {
    const { definition } = this;
    const life = this.#life;
    const container = this.#container;
    const up = life.state === 'running' || life.state === 'healthy' || life.state === 'unhealthy';
    return {
      name: definition.name,
      state: life.state,
      detail: this.#detail(),
      image: definition.image,
      scope: definition.scope,
      enabled: true,
      restarts: life.restarts,
      ...(container && { containerId: container.id }),
      ...(up && container && { pid: container.pid, startedAt: container.startedAt, upMs: this.#options.clock.uptimeMs() - this.#upSinceMs }),
      ...(life.lastExit?.exitCode !== undefined && { exitCode: life.lastExit.exitCode }),
    };
  }

  #detail(): string {
    const { state, failures, lastExit, completed } = this.#life;
    const reason = lastExit?.reason ?? '';
    switch (state) {
      case 'waiting': return `waiting for ${this.#options.blockers(this.definition).join(', ') || 'its turn'}`;
      case 'backoff': return `${reason}, restart in ${Math.max(0, Math.ceil((this.#nextTryMs - this.#options.clock.uptimeMs()) / 1000))} s (failures in a row: ${failures})`;
      case 'parked': return `parked after ${failures} failures in a row, the last: ${reason}`;
      case 'failed': return reason;
      case 'stopped': return completed ? 'completed' : reason;
      case 'unhealthy': return 'its health check fails';
      default: return '';
    }
  }

  #apply(event: LifeEvent): void {
    const before = this.#life;
    const wasReady = this.ready;
    const { life, effects } = step(before, event, this.#rules());
    this.#life = life;
    for (const effect of effects) this.#perform(effect);
    if (life.state === before.state) return;
    this.#logChange();
    if (!wasReady && this.ready) this.#options.onReady(this.name, this.#wantedSinceMs, this.#options.clock.uptimeMs());
    for (const watcher of this.#watchers) watcher();
    this.#options.onChange();
  }

  #logChange(): void {
    const { log } = this.#options;
    const { state } = this.#life;
    const detail = this.#detail();
    if (state === 'waiting' && this.#options.blockers(this.definition).length === 0) return; // it starts at once
    const line = `service[${this.name}](${state})${detail === '' ? '' : `: ${detail}`}`;
    if (state === 'backoff' || state === 'unhealthy' || state === 'failed') log.warn(line);
    else if (state === 'parked') log.error(line);
    else log.info(line);
  }

  #perform(effect: LifeEffect): void {
    const { clock } = this.#options;
    switch (effect.kind) {
      case 'start':
        void this.#options.turn.take(this.definition.priority, () => this.#start()).catch((error: unknown) => { this.#apply({ kind: 'start-failed', reason: causeOf(error) }); });
        return;
      case 'stop':
        void this.#stop().catch((error: unknown) => { this.#options.log.error(`service[${this.name}]: ${causeOf(error)}`); });
        return;
      case 'retry-after':
        this.#wantedSinceMs = clock.uptimeMs();
        this.#nextTryMs = clock.uptimeMs() + effect.delayMs;
        this.#cancelRetry = clock.after(effect.delayMs, () => { this.#apply({ kind: 'retry-due' }); });
        return;
      case 'cancel-retry': this.#cancelRetry(); return;
      case 'watch-stable':
        this.#cancelStable();
        this.#cancelStable = clock.after(stableMs, () => { this.#apply({ kind: 'stable' }); });
        return;
    }
  }

  async #start(): Promise<void> {
    const { engine } = this.#options;
    if (this.#life.state !== 'starting') return; // told to stop while it waited for its turn
    const spec = await this.#spec();
    if (spec === undefined) throw new RosError('ERR_ROS_NO_IMAGE', `image "${this.definition.image}" is not here`);
    this.#oom = false;
    // Same name is same service: one container, and a crashed supervisor may have left any kind of it.
    const found = await engine.inspect(this.name);
    const usable = found?.labels[specLabel] === spec.labels[specLabel] ? found : undefined;
    if (found !== undefined && usable === undefined) await engine.remove(found.id);
    const id = usable?.id ?? (await engine.create(spec));
    this.#container = usable ?? { id, name: this.name, imageId: '', labels: spec.labels, running: false, pid: 0, health: 'none', exitCode: 0, oomKilled: false, startedAt: '' };
    if (this.definition.createOnly) { this.#apply({ kind: 'exited', exitCode: 0, reason: 'created' }); return; }
    await engine.start(id);
    const info = await engine.inspect(id);
    if (info === undefined) throw new RosError('ERR_ROS_NO_CONTAINER', 'its container is gone');
    this.#container = info;
    await this.#noteStart(info);
    if (info.running) this.#apply({ kind: 'started', health: info.health });
    else this.#apply({ kind: 'exited', exitCode: info.exitCode, reason: exitReason(info.exitCode, info.oomKilled) });
  }

  async #noteStart({ pid }: ContainerInfo): Promise<void> {
    this.#upSinceMs = (await processStartMs(pid)) ?? this.#options.clock.uptimeMs();
  }

  async #stop(): Promise<void> {
    const id = this.#container?.id;
    if (id !== undefined) await this.#options.engine.stop(id, Math.ceil(this.#graceMs / 1000));
    const info = id === undefined ? undefined : await this.#options.engine.inspect(id);
    // The event of the exit mostly came already; this is for one that got lost with the engine.
    if (info?.running !== true && (this.#life.state === 'stopping' || this.#life.state === 'unhealthy')) {
      this.#apply({ kind: 'exited', exitCode: info?.exitCode ?? 0, reason: info === undefined ? 'its container is gone' : exitReason(info.exitCode, info.oomKilled) });
    }
  }

  /** What its container should be; undefined when the image is not here. */
  async #spec(): Promise<ContainerSpec | undefined> {
    const imageId = await this.#options.engine.imageId(this.definition.image);
    return imageId === undefined ? undefined : containerSpec(this.definition, imageId, this.#options.cgroupParent);
  }

  #rules(): { oneshot: boolean; hasHealthcheck: boolean; jitter: number } {
    return { oneshot: this.definition.oneshot || this.definition.createOnly, hasHealthcheck: this.definition.healthcheck !== undefined, jitter: Math.random() };
  }

  async #until(verb: string, done: () => boolean, timeoutMs: number): Promise<void> {
    if (done()) return;
    await new Promise<void>((resolve, reject) => {
      const finish = (settle: () => void): void => { cancel(); this.#watchers.delete(watcher); settle(); };
      const watcher = (): void => { if (done()) finish(resolve); };
      const cancel = this.#options.clock.after(timeoutMs, () => {
        finish(() => { reject(new RosError('ERR_ROS_TIMEOUT', `cannot ${verb} service "${this.name}": still ${this.#life.state} after ${timeoutMs / 1000} s`)); });
      });
      this.#watchers.add(watcher);
    });
  }
}

function exitReason(exitCode: number, oom: boolean): string {
  if (oom) return oomExitReason;
  return exitCode > 128 && exitCode < 160 ? `killed by signal ${exitCode - 128}` : `exited with code ${exitCode}`;
}
