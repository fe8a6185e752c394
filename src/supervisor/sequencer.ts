/**
 * Runs a sequence: phases in series, the tasks of a phase in parallel, each timed and logged. It knows nothing of what
 * they do. A task that fails fails its phase; what that means is the phase's own word: `continue` with a warning, or
 * `stop` the sequence.
 */
import type { Clock } from '../lib/clock.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Timeline } from './timeline.ts';

export type Task<Context> = (context: Context) => Promise<void>;

export interface Phase<Context> {
  readonly name: string;
  readonly tasks: readonly Task<Context>[];
  readonly onFailure: 'stop' | 'continue';
}

export type Sequence<Context> = readonly Phase<Context>[];

/** A phase whose failure is a warning: the machine goes on with less. */
export function phase<Context>(name: string, ...tasks: readonly Task<Context>[]): Phase<Context> { return { name, tasks, onFailure: 'continue' }; }

/** A phase without which there is nothing to go on with. */
export function essential<Context>(name: string, ...tasks: readonly Task<Context>[]): Phase<Context> { return { name, tasks, onFailure: 'stop' }; }

export interface SequencerOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly timeline: Timeline;
  /** A phase failed and the sequence goes on. */
  readonly onWarning: (phase: string, cause: string) => void;
}

export async function runSequence<Context>(sequence: Sequence<Context>, context: Context, options: SequencerOptions): Promise<void> {
  const { clock, log, timeline, onWarning } = options;
  for (const [index, { name, tasks, onFailure }] of sequence.entries()) {
    const label = `phase ${name} (${index + 1}/${sequence.length})`;
    const startMs = clock.uptimeMs();
    const results = await Promise.allSettled(tasks.map((task) => timeline.time('task', taskName(task), () => task(context))));
    const causes = results.flatMap((result) => (result.status === 'rejected' ? [causeOf(result.reason)] : []));
    const endMs = clock.uptimeMs();
    timeline.add({ name, kind: 'phase', startMs, endMs, ...(causes.length > 0 && { error: causes.join('; ') }) });
    if (causes.length === 0) {
      log.info(`${label}: done in ${endMs - startMs} ms`);
      continue;
    }
    log.error(`${label}: failed after ${endMs - startMs} ms: ${causes.join('; ')}`);
    if (onFailure === 'stop') throw new RosError('ERR_ROS_PHASE', `cannot finish phase "${name}": ${causes.join('; ')}`);
    onWarning(name, causes.join('; '));
  }
}

/** `startSystemDocker` → `start-system-docker`: the functions' names are the words of the log and of the docs. */
export function taskName(task: { readonly name: string }): string {
  return task.name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
