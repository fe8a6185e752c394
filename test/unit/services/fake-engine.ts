/** An engine made of values, for tests of what the manager decides. Containers run as long as nobody ends them. */
import { RosError } from '../../../src/lib/errors.ts';
import type { ContainerInfo, ContainerSpec, Engine, EngineEvent, ExecOptions, ExecResult, Health } from '../../../src/engine/engine.ts';

interface FakeContainer { readonly spec: ContainerSpec; info: ContainerInfo }

export class FakeEngine implements Engine {
  readonly calls: string[] = [];
  readonly containers = new Map<string, FakeContainer>();
  images = new Map([['img', 'sha256:1']]);
  /** Images whose containers end as soon as they have started. */
  readonly endsAtOnce = new Set<string>();
  /** What a pull finds. */
  readonly registry = new Map<string, string>();
  /** Names and ids whose start fails. */
  readonly broken = new Set<string>();
  #onEvent: (event: EngineEvent) => void = () => undefined;
  #endEvents: () => void = () => undefined;
  #next = 1;

  async ping(): Promise<void> { return; }
  async version(): Promise<string> { return 'fake'; }
  async imageId(reference: string): Promise<string | undefined> { return this.images.get(reference); }
  async logs(): Promise<void> { return; }
  /** What the next commands answer; 0 and nothing when it is empty. */
  readonly execResults: ExecResult[] = [];
  /** By `container path`. */
  readonly files = new Map<string, string>();

  async exec(id: string, { command }: ExecOptions): Promise<ExecResult> {
    this.calls.push(`exec ${this.#find(id)?.info.name} ${command.join(' ')}`);
    return this.execResults.shift() ?? { exitCode: 0, output: '' };
  }

  async putFiles(id: string, tar: Uint8Array): Promise<void> {
    const name = this.#find(id)?.info.name;
    for (let at = 0; at < tar.length && tar[at] !== 0;) {
      const text = (from: number, length: number): string => Buffer.from(tar).toString('utf8', at + from, at + from + length).replace(/\0.*/s, '');
      const size = Number.parseInt(text(124, 12), 8);
      const put = `${name} /${text(0, 100)} ${text(100, 8).replace(/^0+/, '')} ${Number.parseInt(text(108, 8), 8)}:${Number.parseInt(text(116, 8), 8)}`;
      this.calls.push(`put ${put}`);
      this.files.set(`${name} /${text(0, 100)}`, text(512, size));
      at += 512 + Math.ceil(size / 512) * 512;
    }
  }

  async readFile(id: string, path: string): Promise<Buffer | undefined> {
    const text = this.files.get(`${this.#find(id)?.info.name} ${path}`);
    return text === undefined ? undefined : Buffer.from(text);
  }

  async publishedPorts(): Promise<[]> { return []; }

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
    if (this.broken.has(container.info.name) || this.broken.has(id)) throw new RosError('ERR_ROS_ENGINE', `cannot start container "${container.info.name}": broken`);
    container.info = { ...container.info, running: true, pid: 100 + this.#next, startedAt: new Date(0).toISOString() };
    if (this.endsAtOnce.has(container.spec.image)) this.end(id, 3);
  }

  async stop(id: string): Promise<void> {
    this.calls.push(`stop ${this.#find(id)?.info.name}`);
    this.end(id, 0);
  }

  async kill(id: string, signal: string): Promise<void> {
    this.calls.push(`kill ${signal} ${this.#find(id)?.info.name}`);
    this.end(id, 137);
  }

  async rename(id: string, name: string): Promise<void> {
    const container = this.#find(id);
    if (container !== undefined) container.info = { ...container.info, name };
  }

  async pull(reference: string): Promise<void> {
    this.calls.push(`pull ${reference}`);
    const id = this.registry.get(reference);
    if (id === undefined) throw new RosError('ERR_ROS_ENGINE', `cannot pull image "${reference}": not found`);
    this.images.set(reference, id);
  }

  async tag(imageId: string, reference: string): Promise<void> { this.images.set(reference, imageId); }
  async build(_context: unknown, { tag }: { tag: string }): Promise<void> { this.images.set(tag, 'sha256:built'); }
  async load(): Promise<string[]> { return []; }

  async remove(id: string): Promise<void> {
    this.calls.push(`remove ${this.#find(id)?.info.name}`);
    this.containers.delete(id);
  }

  async events(signal: AbortSignal, onOpen: () => void, onEvent: (event: EngineEvent) => void): Promise<void> {
    this.#onEvent = onEvent;
    onOpen();
    await new Promise<void>((resolve) => { this.#endEvents = resolve; signal.addEventListener('abort', () => { resolve(); }, { once: true }); });
  }

  /** What the container of this name was made from. */
  inspectImage(name: string): string | undefined { return this.#find(name)?.spec.image; }

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
