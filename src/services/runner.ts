/** One service: its life, and the thin doing behind each of the life's effects. */
import type { ServiceExit, ServiceState, ServiceStatus } from '../api/types.ts';
import type { ContainerInfo, ContainerSpec, EngineEvent, Plane } from '../engine/engine.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import { withTimeout } from '../lib/wait.ts';
import { processStartMs } from '../sys/proc.ts';
import { containerSpec, specLabel } from './container-spec.ts';
import type { ServiceDefinition } from './definition.ts';
import { lookAgain } from './look-again.ts';
import type { RunnerOptions } from './runner-options.ts';
import { exitOf, exitReason, initialLife, isReady, isUp, lifeDetail, stableMs, step, type Life, type LifeEffect, type LifeEvent, type LifeRules } from './state-machine.ts';

/** How long `start` and `stop` wait for their end, on top of the stop grace. */
const settleMs = 120_000;
/** An engine that has not started a container by then does not. */
const engineStartMs = 120_000;
/** A scheduled run that takes longer is given up on; its container goes on. */
const longestRunMs = 24 * 60 * 60_000;
const exitsKept = 10;

export class ServiceRunner {
  readonly #options: RunnerOptions;
  #definition: ServiceDefinition;
  #life: Life = initialLife;
  #container: ContainerInfo | undefined;
  #graceMs: number;
  #wantedSinceMs = 0;
  #inStateSinceMs = 0;
  /** When the container's first process started, in ms since kernel start. */
  #upSinceMs = 0;
  #nextTryMs = 0;
  #oom = false;
  /** Has run under this supervisor, so its container is whole. */
  #hasRun = false;
  /** Somebody asked for it: one that is otherwise only created is then started for real. */
  #asked = false;
  /** The number of the latest start or stop: what an earlier start has still under way counts no more. */
  #attempt = 0;
  /** What it does while it starts: fetching its image. */
  #doing = '';
  #exits: ServiceExit[] = [];
  #cancelRetry: () => void = () => undefined;
  #cancelStable: () => void = () => undefined;
  #cancelLook: () => void = () => undefined;
  /** Ends when its container runs, or will not; undefined when none is being started. */
  #entry: Promise<void> | undefined;
  #watchers = new Set<() => void>();

  constructor(definition: ServiceDefinition, options: RunnerOptions) {
    this.#definition = definition;
    this.#options = options;
    this.#graceMs = definition.stopGraceMs;
  }

  get definition(): ServiceDefinition { return this.#definition; }
  get name(): string { return this.#definition.name; }
  get plane(): Plane { return this.#options.plane; }
  get containerId(): string | undefined { return this.#container?.id; }
  get state(): ServiceState { return this.#life.state; }
  get ready(): boolean { return isReady(this.#life, this.#rules()); }
  /** Its container has been started, whatever its health says; or it is done. */
  get started(): boolean { return this.#life.completed || isUp(this.#life); }
  get entry(): Promise<void> | undefined { return this.#entry; }
  get waitsFor(): readonly string[] { return this.#life.state === 'waiting' ? this.#options.blockers(this.#definition) : []; }
  get exits(): readonly ServiceExit[] { return this.#exits; }
  get failures(): number { return this.#life.failures; }
  get inStateMs(): number { return this.#options.clock.uptimeMs() - this.#inStateSinceMs; }
  get nextTryInMs(): number | undefined { return this.#life.state === 'backoff' ? Math.max(0, this.#nextTryMs - this.#options.clock.uptimeMs()) : undefined; }

  /** What the service is to be from its next start on; its container is left alone. */
  redefine(definition: ServiceDefinition): void { this.#definition = definition; }

  /** Its engine is not up yet; `resume` follows when it is. */
  expectEngine(): void { if (this.#life.state === 'stopped') this.#apply({ kind: 'want-up' }); }

  /** Takes up what the engine has of this service: adopts a container that is as it should be, else starts a new life. */
  async resume(found: ContainerInfo | undefined, wanted: boolean): Promise<void> {
    this.#container = found;
    if (!wanted) {
      if (found?.running === true) this.#apply({ kind: 'adopted', health: found.health });
      this.#apply({ kind: 'want-down' });
      return;
    }
    if (this.#life.state === 'stopping') { await this.#stop(); return; } // the engine died in the middle of it
    this.#wantedSinceMs = this.#options.clock.uptimeMs();
    if (found?.running === true && found.labels[specLabel] === (await this.#presentSpec())?.labels[specLabel]) {
      await this.#noteStart(found);
      this.#takeUp('adopted', found);
      return;
    }
    if (isUp(this.#life)) this.#apply({ kind: 'exited', exitCode: found?.exitCode ?? 0, reason: 'ended while the engine was away' });
    else this.#apply({ kind: 'want-up' });
  }

  startIfUnblocked(): void {
    if (this.#life.state === 'waiting' && this.#options.blockers(this.#definition).length === 0) this.#apply({ kind: 'ready-to-start' });
  }

  /** An image may have come: who waits for its next try tries now. */
  retryNow(): void { if (this.#life.state === 'backoff') { this.#cancelRetry(); this.#apply({ kind: 'retry-due' }); } }

  /** Starts the service; resolves when it is ready, rejects when it fails or `timeoutMs` have passed. */
  async bringUp(timeoutMs = settleMs): Promise<ServiceStatus> {
    this.#wantedSinceMs = this.#options.clock.uptimeMs();
    this.#asked = true;
    this.#apply({ kind: 'want-up' });
    await this.#until('start', () => this.ready || this.#life.state === 'parked' || this.#life.state === 'failed' || this.#life.state === 'backoff', timeoutMs);
    if (!this.ready) throw new RosError('ERR_ROS_START', `cannot start service "${this.name}": ${this.status().detail}`, { hint: `\`ros service why ${this.name}\` tells more` });
    return this.status();
  }

  async bringDown(graceS?: number): Promise<ServiceStatus> {
    this.#graceMs = graceS === undefined ? this.#definition.stopGraceMs : graceS * 1000;
    this.#apply({ kind: 'want-down' });
    await this.#until('stop', () => this.#life.state === 'stopped', this.#graceMs + settleMs);
    return this.status();
  }

  /** One scheduled run, from start to exit. Resolves with the result in words. */
  async runOnce(): Promise<string> {
    if (this.#life.state === 'starting' || this.#life.state === 'running') throw new RosError('ERR_ROS_BUSY', `cannot start service "${this.name}": it still runs`);
    await this.bringUp(longestRunMs);
    return this.#life.lastExit?.reason ?? 'ok';
  }

  /** Its container, as it should be, made and not started. */
  async create(recreate: 'force' | 'never' | 'changed'): Promise<ServiceStatus> {
    if (this.#life.state !== 'stopped' && this.#life.state !== 'failed' && this.#life.state !== 'parked') {
      if (recreate === 'never') return this.status();
      if (recreate === 'changed' && await this.isCurrent()) return this.status();
      await this.bringDown();
    }
    const found = await this.plane.engine.inspect(this.name);
    if (found !== undefined && recreate === 'force') await this.plane.engine.remove(found.id);
    if (found !== undefined && recreate === 'never') return this.status();
    await this.#makeContainer();
    return this.status();
  }

  /** Whether its container is what its definition and its image would make today. */
  async isCurrent(): Promise<boolean> {
    const found = await this.plane.engine.inspect(this.name);
    return found !== undefined && found.isDamaged !== true && found.labels[specLabel] === (await this.#presentSpec())?.labels[specLabel];
  }

  /** Removes its container; it must not run. */
  async discard(keepVolumes = false): Promise<void> {
    const found = await this.plane.engine.inspect(this.name);
    if (found !== undefined) await this.plane.engine.remove(found.id, { keepVolumes });
    this.#container = undefined;
  }

  /** A container of another name, made from the definition and tried out, becomes this service's. */
  async adopt(info: ContainerInfo): Promise<void> {
    this.#container = info;
    await this.#noteStart(info);
    this.#apply({ kind: 'adopted', health: info.health });
  }

  /** What a container of this service gets before it starts. */
  async prepare(definition: ServiceDefinition, id: string): Promise<void> { await this.#options.prepare?.(definition, id); }

  async signal(signal: string): Promise<ServiceStatus> {
    if (this.#container === undefined || !isUp(this.#life)) throw new RosError('ERR_ROS_NOT_RUNNING', `cannot kill service "${this.name}": it does not run`);
    await this.plane.engine.kill(this.#container.id, signal);
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
    const definition = this.#definition;
    const life = this.#life;
    const container = this.#container;
    const up = isUp(life);
    return {
      name: definition.name,
      state: life.state,
      detail: this.#detail(),
      image: definition.image,
      scope: definition.scope,
      enabled: true,
      restarts: life.restarts,
      ...(container && { containerId: container.id }),
      ...(up && container && this.plane.seesPids && { pid: container.pid }),
      ...(up && container && { startedAt: container.startedAt, upMs: this.#options.clock.uptimeMs() - this.#upSinceMs }),
      ...(life.lastExit?.exitCode !== undefined && { exitCode: life.lastExit.exitCode }),
    };
  }

  #detail(): string {
    return lifeDetail(this.#life, { doing: this.#doing, retryInMs: this.#nextTryMs - this.#options.clock.uptimeMs(), blockers: () => this.#options.blockers(this.#definition) });
  }

  #apply(event: LifeEvent): void {
    const before = this.#life;
    const wasReady = this.ready;
    const { life, effects } = step(before, event, this.#rules());
    this.#life = life;
    if (event.kind === 'exited' || event.kind === 'start-failed') this.#noteExit(before, event);
    for (const effect of effects) this.#perform(effect);
    if (life.state === before.state) return;
    this.#inStateSinceMs = this.#options.clock.uptimeMs();
    this.#options.onTransition(this.name, before.state, life.state, this.#detail());
    this.#logChange();
    if (!wasReady && this.ready) this.#options.onReady(this.name, this.#wantedSinceMs, this.#options.clock.uptimeMs());
    for (const watcher of this.#watchers) watcher();
    this.#options.onChange();
  }

  /** Ends that somebody asked for are no news, and one that is told twice (by an event and by a look) is one. */
  #noteExit({ state }: Life, event: { readonly reason: string; readonly exitCode?: number }): void {
    const { clock } = this.#options;
    const ran = isUp({ state });
    if (!ran && state !== 'starting') return;
    this.#exits = [...this.#exits, {
      at: clock.now().toISOString(), reason: event.reason,
      ...(event.exitCode !== undefined && { exitCode: event.exitCode }), ...(ran && { ranMs: clock.uptimeMs() - this.#upSinceMs }),
    }].slice(-exitsKept);
  }

  #logChange(): void {
    const { log } = this.#options;
    const { state } = this.#life;
    const detail = this.#detail();
    if (state === 'waiting' && this.#options.blockers(this.#definition).length === 0) return; // it starts at once
    const line = `service[${this.name}](${state})${detail === '' ? '' : `: ${detail}`}`;
    if (state === 'backoff' || state === 'unhealthy' || state === 'failed') log.warn(line);
    else if (state === 'parked') log.error(line);
    else log.info(line);
  }

  #perform(effect: LifeEffect): void {
    const { clock } = this.#options;
    switch (effect.kind) {
      case 'start':
        void this.#start(this.#attempt += 1);
        return;
      case 'stop':
        this.#attempt += 1;
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

  /** Never rejects. Whose image is here asks nothing before its turn: those who start in one moment are let in by priority. */
  async #start(attempt: number): Promise<void> {
    const { turn, images } = this.#options;
    const { engine } = this.plane;
    const inTurn = async (isHere: () => Promise<boolean>): Promise<boolean> => turn.take(this.#definition.priority, async () => {
      if (!await isHere()) return false;
      const entry = this.#startContainer(attempt);
      this.#entry = entry.catch(() => undefined).then(() => { this.#entry = undefined; });
      await withTimeout(entry, engineStartMs, `the engine to start "${this.name}"`);
      return true;
    });
    try {
      if (await inTurn(async () => (await engine.imageId(this.#definition.image)) !== undefined)) return;
      // Outside of the turns: a long pull must not keep others from starting.
      await images.ensure(engine, this.#definition, 1, (line) => { this.#doing = line; }).finally(() => { this.#doing = ''; });
      await inTurn(async () => true);
    } catch (error) {
      if (attempt === this.#attempt) this.#apply({ kind: 'start-failed', reason: causeOf(error) });
    }
  }

  async #startContainer(attempt: number): Promise<void> {
    const { engine } = this.plane;
    const isOver = (): boolean => attempt !== this.#attempt;
    if (isOver()) return; // told to stop while it waited for its turn
    this.#oom = false;
    let id = await this.#makeContainer();
    if (this.#definition.createOnly && !this.#asked) { this.#apply({ kind: 'exited', exitCode: 0, reason: 'created' }); return; }
    const start = async (): Promise<void> => {
      await this.prepare(this.#definition, id);
      if (!isOver()) await engine.start(id);
    };
    try {
      await start();
    } catch (error) {
      // The engine writes a container's files without waiting for the disk: a power cut can leave empty ones, and it never starts again.
      if (isOver() || this.#hasRun || this.#container?.startedAt === '') throw error;
      this.#options.log.warn(`service[${this.name}]: its container of an earlier boot does not start, made anew: ${causeOf(error)}`);
      await engine.remove(id);
      id = await this.#makeContainer();
      await start();
    }
    if (isOver()) {
      // Who told it to stop has found nothing that runs yet; a start that has followed takes the container up as it is.
      if (this.#life.state !== 'waiting' && this.#life.state !== 'starting') await engine.stop(id, Math.ceil(this.#graceMs / 1000));
      return;
    }
    const info = await engine.inspect(id);
    if (info === undefined) throw new RosError('ERR_ROS_NO_CONTAINER', 'its container is gone');
    this.#container = info;
    await this.#noteStart(info);
    if (info.running) this.#takeUp('started', info);
    else this.#apply(exitOf(info));
  }

  #takeUp(kind: 'started' | 'adopted', { id, health }: ContainerInfo): void {
    this.#apply({ kind, health });
    this.#cancelLook();
    this.#cancelLook = lookAgain(this.#options.clock, () => this.#look(id));
  }

  /** What no event has told. Resolves with whether it is worth looking again. */
  async #look(id: string): Promise<boolean> {
    const isIt = (): boolean => this.#container?.id === id && isUp(this.#life);
    const info = isIt() ? await this.plane.engine.inspect(id) : undefined;
    if (!isIt()) return false;
    if (info?.running !== true) this.#apply(exitOf(info));
    else if (this.#life.state !== 'unhealthy' && (info.health === 'healthy' || info.health === 'unhealthy')) this.#apply({ kind: 'health', healthy: info.health === 'healthy' });
    return isIt();
  }

  /** Same name is same service: one container, and a crashed supervisor may have left any kind of it. */
  async #makeContainer(): Promise<string> {
    const { engine } = this.plane;
    const spec = await this.#presentSpec();
    if (spec === undefined) throw new RosError('ERR_ROS_NO_IMAGE', `image "${this.#definition.image}" is not here`);
    const found = await engine.inspect(this.name);
    const usable = found?.isDamaged !== true && found?.labels[specLabel] === spec.labels[specLabel] ? found : undefined;
    if (found?.isDamaged === true) this.#options.log.warn(`service[${this.name}]: its container is damaged, made anew`);
    if (found !== undefined && usable === undefined) await engine.remove(found.id);
    const id = usable?.id ?? (await engine.create(spec));
    this.#container = usable ?? { id, name: this.name, imageId: '', labels: spec.labels, running: false, pid: 0, health: 'none', exitCode: 0, oomKilled: false, startedAt: '' };
    return id;
  }

  async #noteStart({ pid, startedAt }: ContainerInfo): Promise<void> {
    this.#hasRun = true;
    const { clock } = this.#options;
    const agoMs = Math.max(0, clock.now().getTime() - Date.parse(startedAt));
    const byClock = clock.uptimeMs() - (Number.isFinite(agoMs) ? Math.min(agoMs, clock.uptimeMs()) : 0);
    this.#upSinceMs = (this.plane.seesPids ? await processStartMs(pid) : undefined) ?? byClock;
  }

  async #stop(): Promise<void> {
    const id = this.#container?.id;
    if (id !== undefined) await this.plane.engine.stop(id, Math.ceil(this.#graceMs / 1000));
    const info = id === undefined ? undefined : await this.plane.engine.inspect(id);
    // The event of the exit mostly came already; this is for one that got lost with the engine.
    if (info?.running !== true && (this.#life.state === 'stopping' || this.#life.state === 'unhealthy')) {
      this.#apply(exitOf(info));
    }
  }

  /** What its container should be; undefined when the image is not here. */
  async #presentSpec(): Promise<ContainerSpec | undefined> {
    const imageId = await this.plane.engine.imageId(this.#definition.image);
    return imageId === undefined ? undefined : containerSpec(this.#definition, imageId, this.plane.cgroupParent);
  }

  #rules(): LifeRules {
    const { oneshot, createOnly, restart } = this.#definition;
    return { restart, oneshot: oneshot || (createOnly && !this.#asked), hasHealthcheck: this.#definition.healthcheck !== undefined, jitter: Math.random() };
  }

  async #until(verb: string, done: () => boolean, timeoutMs: number): Promise<void> {
    if (done()) return;
    await new Promise<void>((resolve, reject) => {
      const finish = (settle: () => void): void => { cancel(); this.#watchers.delete(watcher); settle(); };
      const watcher = (): void => { if (done()) finish(resolve); };
      const cancel = this.#options.clock.after(timeoutMs, () => {
        const doing = this.#detail();
        finish(() => { reject(new RosError('ERR_ROS_TIMEOUT', `cannot ${verb} service "${this.name}": still ${this.#life.state} after ${timeoutMs / 1000} s${doing === '' ? '' : ` (${doing})`}`)); });
      });
      this.#watchers.add(watcher);
    });
  }
}
