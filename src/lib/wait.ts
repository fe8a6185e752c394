import type { Clock } from './clock.ts';
import { causeOf, RosError } from './errors.ts';

export interface WaitOptions {
  readonly clock: Clock;
  /** What is waited for, for the error: `cannot wait for <what>: …`. */
  readonly what: string;
  readonly timeoutMs: number;
  /** Pause between two tries; doubles up to `maxPauseMs` when that is given. */
  readonly pauseMs: number;
  readonly maxPauseMs?: number;
  readonly signal?: AbortSignal;
  /** When this says true a failure is final. */
  readonly giveUp?: (error: unknown) => boolean;
}

/** Tries until `attempt` does not throw. The error says what was waited for, how long, and the last failure. */
export async function waitFor<T>(attempt: () => Promise<T>, options: WaitOptions): Promise<T> {
  const { clock, what, timeoutMs, signal } = options;
  const deadline = clock.uptimeMs() + timeoutMs;
  let pauseMs = options.pauseMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (signal?.aborted === true || options.giveUp?.(error) === true) throw error;
      if (clock.uptimeMs() + pauseMs > deadline) {
        throw new RosError('ERR_ROS_TIMEOUT', `cannot wait for ${what}: nothing after ${timeoutMs / 1000} s: ${causeOf(error)}`, { cause: error });
      }
    }
    await clock.sleep(pauseMs, signal);
    pauseMs = Math.min(pauseMs * 2, options.maxPauseMs ?? options.pauseMs);
  }
}

/** Rejects when `work` takes longer than `timeoutMs`. The work itself goes on: give it a signal if it must end. */
export async function withTimeout<T>(work: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new RosError('ERR_ROS_TIMEOUT', `cannot wait for ${what}: nothing after ${timeoutMs / 1000} s`)); }, timeoutMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
