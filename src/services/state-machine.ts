/**
 * The life of one service: one table, pure. `step(life, event)` gives the next life and what to do.
 *
 *   stopped ──want-up──▶ waiting ──ready──▶ starting ──started──▶ running ──health──▶ healthy ⇄ unhealthy
 *      ▲                    ▲                  │                     │                   │          │
 *      │                    │             failed to start          exited              exited    (restart)
 *      │                    │                  ▼                     ▼                   ▼          │
 *      │                    └────retry-due── backoff ◀───────────────┴───────────────────┴──────────┘
 *      │                                       │ too many in a row
 *      └──────── stopping ◀──want-down──       ▼
 *                                            parked          (a oneshot that exits with 0 ends in stopped, completed)
 *
 * `failed` is a oneshot, or one that is not to be restarted, that ended with an error. want-down leads to stopping (or stopped when nothing runs) from everywhere.
 */
import type { ServiceState } from '../api/types.ts';
import type { Health } from '../engine/engine.ts';

export interface LastExit { readonly reason: string; readonly exitCode?: number }

export interface Life {
  readonly state: ServiceState;
  /** Failures in a row; back to 0 after `stableMs` up. */
  readonly failures: number;
  readonly restarts: number;
  readonly lastExit?: LastExit;
  /** A oneshot that has done its work. */
  readonly completed: boolean;
  /** In backoff: how long until the next try. */
  readonly delayMs?: number;
  /** A command to start came while it was stopping. */
  readonly startAgain: boolean;
}

export type LifeEvent =
  | { readonly kind: 'want-up' }
  | { readonly kind: 'want-down' }
  /** Everything it waits for is ready. */
  | { readonly kind: 'ready-to-start' }
  /** The container that `start` made runs. */
  | { readonly kind: 'started'; readonly health: Health }
  /** Its container was found running: after a restart of the supervisor or of the engine. */
  | { readonly kind: 'adopted'; readonly health: Health }
  | { readonly kind: 'start-failed'; readonly reason: string }
  | { readonly kind: 'exited'; readonly exitCode: number; readonly reason: string }
  | { readonly kind: 'health'; readonly healthy: boolean }
  | { readonly kind: 'retry-due' }
  | { readonly kind: 'stable' };

export type LifeEffect =
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'retry-after'; readonly delayMs: number }
  | { readonly kind: 'cancel-retry' }
  | { readonly kind: 'watch-stable' };

export interface Step { readonly life: Life; readonly effects: readonly LifeEffect[] }

export interface LifeRules {
  readonly oneshot: boolean;
  readonly hasHealthcheck: boolean;
  /** What an exit leads to; a oneshot's never to another start. */
  readonly restart: RestartPolicy;
  /** In [0, 1): spreads retries; an argument so that the function stays pure. */
  readonly jitter: number;
}

/** `limit`: after that many failures in a row it is left failed. */
export interface RestartPolicy { readonly when: 'always' | 'on-failure' | 'never'; readonly limit?: number }

export const stableMs = 600_000;
const firstBackoffMs = 1000;
const lastBackoffMs = 60_000;
/** After this many failures in a row (about 20 minutes of tries) a service is parked until somebody starts it. */
export const parkAfter = 25;

export const initialLife: Life = { state: 'stopped', failures: 0, restarts: 0, completed: false, startAgain: false };

/** Up as dependants mean it: healthy where there is a health check, else running; or done, which for a oneshot is the only way. */
export function isReady(life: Life, rules: Pick<LifeRules, 'oneshot' | 'hasHealthcheck'>): boolean {
  if (rules.oneshot || life.completed) return life.completed;
  return life.state === 'healthy' || (life.state === 'running' && !rules.hasHealthcheck);
}

const alive: ReadonlySet<ServiceState> = new Set(['starting', 'running', 'healthy', 'unhealthy']);

export function step(life: Life, event: LifeEvent, rules: LifeRules): Step {
  switch (event.kind) {
    case 'want-up':
      if (life.state === 'stopping') return to({ ...life, startAgain: true });
      if (alive.has(life.state) || life.state === 'waiting') return to(life);
      return to({ ...initialLife, restarts: life.restarts, ...(life.lastExit && { lastExit: life.lastExit }), state: 'waiting' }, { kind: 'cancel-retry' });
    case 'want-down':
      if (life.state === 'stopping') return to({ ...life, startAgain: false });
      if (alive.has(life.state)) return to({ ...life, state: 'stopping', startAgain: false }, { kind: 'stop' });
      return to({ ...life, state: 'stopped', failures: 0 }, { kind: 'cancel-retry' });
    case 'ready-to-start':
      return life.state === 'waiting' ? to({ ...life, state: 'starting' }, { kind: 'start' }) : to(life);
    case 'started':
      // It may have exited, or been told to stop, before the engine's answer came.
      return life.state === 'starting' ? to(up(life, event.health), { kind: 'watch-stable' }) : to(life);
    case 'adopted':
      return life.state === 'stopping' ? to(life) : to(up(life, event.health), { kind: 'cancel-retry' }, { kind: 'watch-stable' });
    case 'start-failed':
      return life.state === 'stopping' ? to({ ...life, state: 'stopped' }) : fail(life, { reason: event.reason }, rules);
    case 'exited':
      return exited(life, { reason: event.reason, exitCode: event.exitCode }, rules);
    case 'health':
      if (event.healthy) return life.state === 'running' || life.state === 'unhealthy' ? to({ ...life, state: 'healthy' }) : to(life);
      return life.state === 'running' || life.state === 'healthy' ? to({ ...life, state: 'unhealthy' }, { kind: 'stop' }) : to(life);
    case 'retry-due':
      return life.state === 'backoff' ? to({ ...without(life, 'delayMs'), state: 'waiting', restarts: life.restarts + 1 }) : to(life);
    case 'stable':
      return life.state === 'running' || life.state === 'healthy' ? to({ ...life, failures: 0 }) : to(life);
  }
}

function up(life: Life, health: Health): Life {
  return { ...without(life, 'delayMs'), state: health === 'healthy' ? 'healthy' : 'running' };
}

function exited(life: Life, exit: LastExit, rules: LifeRules): Step {
  if (life.state === 'stopping') return to({ ...life, state: life.startAgain ? 'waiting' : 'stopped', startAgain: false, lastExit: exit });
  if (!alive.has(life.state)) return to({ ...life, lastExit: exit });
  const isDone = rules.oneshot || rules.restart.when === 'never' || (rules.restart.when === 'on-failure' && exit.exitCode === 0);
  if (isDone && life.state !== 'unhealthy') return to({ ...life, state: exit.exitCode === 0 ? 'stopped' : 'failed', completed: exit.exitCode === 0, lastExit: exit });
  const reason = life.state === 'unhealthy' ? `unhealthy, stopped: ${exit.reason}` : exit.reason;
  return fail(life, { ...exit, reason }, rules);
}

function fail(life: Life, lastExit: LastExit, rules: LifeRules): Step {
  const failures = life.failures + 1;
  if (rules.restart.when === 'never' || failures > (rules.restart.limit ?? Infinity)) return to({ ...life, state: 'failed', failures, lastExit });
  if (failures >= parkAfter) return to({ ...life, state: 'parked', failures, lastExit });
  const delayMs = backoffMs(failures, rules.jitter);
  return to({ ...life, state: 'backoff', failures, lastExit, delayMs }, { kind: 'retry-after', delayMs });
}

/** 1 s, 2 s, 4 s … 60 s, each up to a quarter longer, so that many failing services do not retry in step. */
export function backoffMs(failures: number, jitter: number): number {
  return Math.round(Math.min(firstBackoffMs * 2 ** (failures - 1), lastBackoffMs) * (1 + jitter / 4));
}

/** What a state does not say by its name; empty where there is nothing to say. */
export function lifeDetail({ state, failures, lastExit, completed }: Life, now: { readonly doing: string; readonly retryInMs: number; readonly blockers: () => readonly string[] }): string {
  const reason = lastExit?.reason ?? '';
  switch (state) {
    case 'waiting': return `waiting for ${now.blockers().join(', ') || 'its turn'}`;
    case 'starting': return now.doing;
    case 'backoff': return `${reason}, restart in ${Math.max(0, Math.ceil(now.retryInMs / 1000))} s (failures in a row: ${failures})`;
    case 'parked': return `parked after ${failures} failures in a row, the last: ${reason}`;
    case 'failed': return reason;
    case 'stopped': return completed ? 'completed' : ''; // somebody wanted it so
    case 'unhealthy': return 'its health check fails';
    default: return '';
  }
}

export function isUp({ state }: Pick<Life, 'state'>): boolean { return state === 'running' || state === 'healthy' || state === 'unhealthy'; }

/** Of a container that does not run, as the engine has it; undefined when it has none. */
export function exitOf(info: { readonly exitCode: number; readonly oomKilled: boolean } | undefined): LifeEvent {
  return { kind: 'exited', exitCode: info?.exitCode ?? 0, reason: info === undefined ? 'its container is gone' : exitReason(info.exitCode, info.oomKilled) };
}

export function exitReason(exitCode: number, oom: boolean): string {
  if (oom) return 'killed: out of memory';
  return exitCode > 128 && exitCode < 160 ? `killed by signal ${exitCode - 128}` : `exited with code ${exitCode}`;
}

function to(life: Life, ...effects: LifeEffect[]): Step { return { life, effects }; }

function without<T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> {
  const { [key]: _dropped, ...rest } = value;
  return rest;
}
