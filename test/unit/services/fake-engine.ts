/** An engine made of values, for tests of what the manager decides. Containers run as long as nobody ends them. */
import { RosError } from '../../../src/lib/errors.ts';
import type { ContainerInfo, ContainerSpec, Engine, EngineEvent, Health } from '../../../src/engine/engine.ts';

interface FakeContainer { readonly spec: ContainerSpec; info: ContainerInfo }

export class FakeEngine implements Engine {
  readonly calls: string[] = [];
  readonly containers = new Map<string, FakeContainer>();
  images = new Map([['img', 'sha256:1']]);
  /** Names whose start fails. */
  readonly broken = new Set<string>();
  #onEvent: (event: EngineEvent) => void = () => undefined;
  #endEvents: () => void = () => undefined;
  #next = 1;

  async ping(): Promise<void> { return; }
  async version(): Promise<string> { return 'fake'; }
  async imageId(reference: string): Promise<string | undefined> { return this.images.get(reference); }
  async logs(): Promise<void> { return; }

  async list(label: string): Promise<ContainerInfo[]> {
    return [...this.containers.values()].map(({ info }) => info).filter((info) => label in info.labels);
  }

  async inspect(name: string): Promise<ContainerInfo | undefined> { return this.#find(name)?.info; }

  async create(spec: ContainerSpec): Promise<string> {
    this.calls.push(`create ${spec.name}`);
    const id = `c${this.#next++}`;
    const info = { id, name: spec.name, imageId: '', labels: spec.labels, running: false, pid: 0, health: 'none' as Health, exitCode: 0, oomKilled: false, startedAt: '' };
    this.containers.set(id, { spec, info });
    return id;
  }

  async start(id: string): Promise<void> {
    const container = this.#find(id);
    if (container === undefined) throw new RosError('ERR_ROS_ENGINE', `cannot start container "${id}": no such container`);
    this.calls.push(`start ${container.info.name}`);
    if (this.broken.has(container.info.name)) throw new RosError('ERR_ROS_ENGINE', `cannot start container "${container.info.name}": broken`);
    container.info = { ...container.info, running: true, pid: 100 + this.#next, startedAt: new Date(0).toISOString() };
  }

  async stop(id: string): Promise<void> {
    this.calls.push(`stop ${this.#find(id)?.info.name}`);
    this.end(id, 0);
  }

  async remove(id: string): Promise<void> {
    this.calls.push(`remove ${this.#find(id)?.info.name}`);
    this.containers.delete(id);
  }

  async events(signal: AbortSignal, onOpen: () => void, onEvent: (event: EngineEvent) => void): Promise<void> {
    this.#onEvent = onEvent;
    onOpen();
    await new Promise<void>((resolve) => { this.#endEvents = resolve; signal.addEventListener('abort', () => { resolve(); }, { once: true }); });
  }

  /** The container's process ends. */
  end(name: string, exitCode: number): void {
    const container = this.#find(name);
    if (container?.info.running !== true) return;
    container.info = { ...container.info, running: false, exitCode };
    this.#onEvent({ kind: 'exited', id: container.info.id, exitCode });
  }

  health(name: string, health: Health): void {
    const container = this.#find(name);
    if (container === undefined) return;
    container.info = { ...container.info, health };
    this.#onEvent({ kind: 'health', id: container.info.id, health });
  }

  /** The daemon dies: its event stream ends, containers go on. */
  die(): void { this.#onEvent = () => undefined; this.#endEvents(); }

  #find(name: string): FakeContainer | undefined {
    return this.containers.get(name) ?? [...this.containers.values()].find(({ info }) => info.name === name);
  }
}
