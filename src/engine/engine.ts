/** The container-engine seam: what the rest of the supervisor may ask of an engine, in our verbs. */
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
  /** `source:target[:options]`, as in compose. */
  readonly volumes: readonly string[];
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
}

export type EngineEvent =
  | { readonly kind: 'started'; readonly id: string }
  | { readonly kind: 'exited'; readonly id: string; readonly exitCode: number }
  | { readonly kind: 'oom'; readonly id: string }
  | { readonly kind: 'health'; readonly id: string; readonly health: Health }
  | { readonly kind: 'removed'; readonly id: string };

export interface LogOptions { readonly tail?: number; readonly follow?: boolean; readonly since?: number }

export interface Engine {
  /** Answers when the engine does; rejects after `timeoutMs`. */
  ping(timeoutMs: number): Promise<void>;
  version(): Promise<string>;
  /** The id of an image, undefined when the engine does not have it. */
  imageId(reference: string): Promise<string | undefined>;
  /** Every container that has this label, running or not. */
  list(label: string): Promise<ContainerInfo[]>;
  /** The container of that name or id, undefined when there is none. */
  inspect(name: string): Promise<ContainerInfo | undefined>;
  create(spec: ContainerSpec): Promise<string>;
  start(id: string): Promise<void>;
  /** Stops with the container's stop signal, then SIGKILL after `graceS` seconds. No error when it does not run. */
  stop(id: string, graceS: number): Promise<void>;
  /** Removes by force. No error when there is none. */
  remove(id: string): Promise<void>;
  logs(id: string, options: LogOptions, signal: AbortSignal, onLine: (stream: 'stdout' | 'stderr', at: string, line: string) => void): Promise<void>;
  /** Calls `onEvent` until the stream ends or `signal` aborts; resolves then, rejects when it could not be opened. `onOpen` when it listens. */
  events(signal: AbortSignal, onOpen: () => void, onEvent: (event: EngineEvent) => void): Promise<void>;
}
