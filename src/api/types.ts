/**
 * The control API's values, as JSON on the wire. The CLI and the tests know the supervisor only through these.
 * Times: `…Ms` are milliseconds since kernel start (CLOCK_MONOTONIC); `…At` are RFC 3339 strings.
 */

export const controlSocketPath = '/run/ros/control.sock';

export type ServiceState =
  | 'stopped' | 'waiting' | 'starting' | 'running' | 'healthy'
  | 'unhealthy' | 'stopping' | 'backoff' | 'parked' | 'failed';

export interface ServiceStatus {
  readonly name: string;
  readonly state: ServiceState;
  /** One line in words: what it waits for, why it failed, when the next try is. Empty when there is nothing to say. */
  readonly detail: string;
  readonly image: string;
  readonly scope: 'system' | 'user';
  readonly enabled: boolean;
  readonly containerId?: string;
  readonly pid?: number;
  /** As the engine says, by the wall clock of that moment, which may have been wrong. */
  readonly startedAt?: string;
  /** How long it has been running, by the kernel's count: right even when the clock has been stepped meanwhile. */
  readonly upMs?: number;
  /** Restarts by the supervisor since this boot. */
  readonly restarts: number;
  readonly exitCode?: number;
}

export interface LogLine { readonly service: string; readonly stream: 'stdout' | 'stderr'; readonly at: string; readonly line: string }

/** One record of the supervisor's own log. `level` as pino's numbers (30 info, 40 warn, 50 error). */
export interface LogRecord { readonly level: number; readonly uptimeMs: number; readonly time: string; readonly msg: string }

export interface TimelineEntry {
  readonly name: string;
  readonly kind: 'phase' | 'task' | 'service' | 'milestone';
  readonly startMs: number;
  /** Absent while it runs. */
  readonly endMs?: number;
  readonly error?: string;
}

export interface BootReport {
  readonly bootId: string;
  readonly entries: readonly TimelineEntry[];
  /** The milestones of this boot that have been reached, in ms since kernel start. */
  readonly bootMs: Partial<Record<'supervisor' | 'systemDocker' | 'ssh' | 'systemHealthy' | 'userDocker', number>>;
}

export interface MachineStatus {
  readonly version: string;
  readonly kernel: string;
  readonly hostname: string;
  readonly uptimeMs: number;
  /** Where state lives: a device, or RAM (nothing survives a reboot). */
  readonly state: { readonly kind: 'disk' | 'ram'; readonly device?: string; readonly note?: string };
  readonly addresses: readonly { readonly interface: string; readonly address: string }[];
  /** Problems a user should know at login, each one a whole sentence. */
  readonly warnings: readonly string[];
  readonly unhealthy: readonly ServiceStatus[];
}

export type PowerAction = 'poweroff' | 'reboot' | 'halt';

/** The body of every answer that is not 2xx. `code` is stable, `message` is for people. */
export interface ApiError { readonly code: string; readonly message: string; readonly hint?: string }
