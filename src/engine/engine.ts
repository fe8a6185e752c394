/** The container-engine seam: what the rest of the supervisor may ask of an engine, in our verbs. */
import type { Readable } from 'node:stream';

/** A container as the service manager wants it. Paths are the host's; durations in milliseconds. */
export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly workingDir?: string;
  readonly hostname?: string;
  readonly domainname?: string;
  readonly macAddress?: string;
  /** `source:target[:options]`, as in compose. */
  readonly volumes: readonly string[];
  readonly volumeDriver?: string;
  /** Containers whose volumes it has, too. */
  readonly volumesFrom: readonly string[];
  readonly tmpfs: Readonly<Record<string, string>>;
  readonly devices: readonly string[];
  readonly privileged: boolean;
  readonly readOnly: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly securityOpt: readonly string[];
  readonly networkMode: string;
  /** `[[address:]port:]port[/protocol]`, ranges as `8000-8010`, as in compose. */
  readonly ports: readonly string[];
  /** `container[:alias]`: the containers' addresses by name, on the default bridge. */
  readonly links: readonly string[];
  readonly extraHosts: readonly string[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly pidMode?: string;
  readonly ipcMode?: string;
  readonly utsMode?: string;
  readonly cgroupMode?: string;
  readonly cgroupParent: string;
  readonly init: boolean;
  readonly tty: boolean;
  readonly stdinOpen: boolean;
  readonly stopSignal?: string;
  readonly memoryBytes?: number;
  readonly memoryReservationBytes?: number;
  /** Memory and swap together; -1 is no limit. */
  readonly memorySwapBytes?: number;
  /** Processors, as a fraction. */
  readonly cpus?: number;
  /** Which ones, as `0-2,4`. */
  readonly cpuset?: string;
  /** As Docker counts them (cgroup v1): 1024 stands for one share of a weight of 39, less for less. */
  readonly cpuShares?: number;
  readonly pidsLimit?: number;
  readonly oomScoreAdj?: number;
  readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
  readonly sysctls: Readonly<Record<string, string>>;
  /** What the OCI runtime and containerd's shim are told of it. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly healthcheck?: Healthcheck;
}

export interface Healthcheck {
  /** As the engine takes it: `['CMD', …]`, `['CMD-SHELL', '…']` or `['NONE']`. */
  readonly test: readonly string[];
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly startPeriodMs?: number;
  readonly startIntervalMs?: number;
  readonly retries?: number;
}

export type Health = 'none' | 'starting' | 'healthy' | 'unhealthy';

export interface ContainerInfo {
  readonly id: string;
  readonly name: string;
  readonly imageId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly running: boolean;
  readonly pid: number;
  readonly health: Health;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly startedAt: string;
  /** The engine knows it but cannot look into it: only id, name, image, labels and `running` are true. */
  readonly isDamaged?: true;
}

/** A port of the machine that a running container asks for. */
export interface PublishedPort {
  readonly container: string;
  /** `0.0.0.0` and `::` are all of the machine's. */
  readonly address: string;
  readonly port: number;
  readonly protocol: string;
}

export type EngineEvent =
  | { readonly kind: 'started'; readonly id: string }
  | { readonly kind: 'exited'; readonly id: string; readonly exitCode: number }
  | { readonly kind: 'oom'; readonly id: string }
  | { readonly kind: 'health'; readonly id: string; readonly health: Health }
  | { readonly kind: 'removed'; readonly id: string };

export interface RegistryAuth { readonly username?: string; readonly password?: string; readonly auth?: string }

export interface BuildOptions {
  /** What the image is to be called. */
  readonly tag: string;
  readonly dockerfile?: string;
  readonly noCache: boolean;
  /** Ask the registry for newer base images. */
  readonly pull: boolean;
  /** Remove the containers between the steps even when it fails. */
  readonly forceRemove: boolean;
  readonly networkMode: string;
}

/** What a long piece of work says on its way, in one line. */
export type OnProgress = (line: string) => void;

export interface LogOptions { readonly tail?: number; readonly follow?: boolean; readonly since?: number }

export interface ExecOptions {
  readonly command: readonly string[];
  /** The container's own when absent. */
  readonly user?: string;
  /** Besides the container's own. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** How much of the end of its output is kept, stdout and stderr as they come. */
  readonly tailBytes: number;
}

export interface ExecResult { readonly exitCode: number; readonly output: string }

export interface Engine {
  /** Answers when the engine does; rejects after `timeoutMs`. */
  ping(timeoutMs: number): Promise<void>;
  version(): Promise<string>;
  /** The id of an image, undefined when the engine does not have it. */
  imageId(reference: string): Promise<string | undefined>;
  /** Every container that has this label, running or not. */
  list(label: string): Promise<ContainerInfo[]>;
  /** The published ports of all containers that run. */
  publishedPorts(): Promise<PublishedPort[]>;
  /** The container of that name or id, undefined when there is none. */
  inspect(name: string): Promise<ContainerInfo | undefined>;
  create(spec: ContainerSpec): Promise<string>;
  start(id: string): Promise<void>;
  /** Stops with the container's stop signal, then SIGKILL after `graceS` seconds. No error when it does not run. */
  stop(id: string, graceS: number): Promise<void>;
  kill(id: string, signal: string): Promise<void>;
  rename(id: string, name: string): Promise<void>;
  /** Removes by force, with its anonymous volumes unless `keepVolumes`. No error when there is none. */
  remove(id: string, options?: { readonly keepVolumes?: boolean }): Promise<void>;
  /** Fetches an image from its registry. What has come already is kept when it breaks off, so trying again goes on. */
  pull(reference: string, auth: RegistryAuth | undefined, signal: AbortSignal, onProgress: OnProgress): Promise<void>;
  tag(imageId: string, reference: string): Promise<void>;
  /** Builds an image from a tar of its context. */
  build(context: Readable, options: BuildOptions, signal: AbortSignal, onProgress: OnProgress): Promise<void>;
  /** Takes in a `docker save` archive; answers what was loaded, a line an image. */
  load(archive: Readable, signal: AbortSignal): Promise<readonly string[]>;
  /** Runs a command in a running container until it ends; a non-zero exit is a result, not an error. */
  exec(id: string, options: ExecOptions): Promise<ExecResult>;
  /** Unpacks a tar over a container's root and its volumes, whether it runs or not. Fails where the root is read-only. */
  putFiles(id: string, tar: Uint8Array): Promise<void>;
  /** The bytes of a file of a container, running or not; undefined when there is no such file. */
  readFile(id: string, path: string, maxBytes: number): Promise<Buffer | undefined>;
  logs(id: string, options: LogOptions, signal: AbortSignal, onLine: (stream: 'stdout' | 'stderr', at: string, line: string) => void): Promise<void>;
  /** Calls `onEvent` until the stream ends or `signal` aborts; resolves then, rejects when it could not be opened. `onOpen` when it listens. */
  events(signal: AbortSignal, onOpen: () => void, onEvent: (event: EngineEvent) => void): Promise<void>;
}

/** The engine that a scope's containers live in. */
export interface Plane {
  readonly engine: Engine;
  readonly cgroupParent: string;
  /** Whether the pids that the engine tells are ours to look at. */
  readonly seesPids: boolean;
}
