/** What an engine tells while it works: a stream of JSON lines, and what they mean to somebody who waits. */
import type { Readable } from 'node:stream';
import { boundedLines } from '../lib/bounded-lines.ts';

/** A line of the stream, as Docker's jsonmessage has it. */
export interface WorkStep {
  readonly status?: string;
  /** The layer it is about. */
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  /** Output of a build or of a load. */
  readonly stream?: string;
  readonly error?: string;
}

/** Reads the stream to its end; rejects with the error that a line tells, or when it breaks off. */
export async function followSteps(stream: Readable, onStep: (step: WorkStep) => void): Promise<void> {
  let failed: string | undefined;
  for await (const line of boundedLines(stream)) {
    if (line === '') continue;
    const step = JSON.parse(line) as WorkStep;
    if (step.error !== undefined) failed = step.error;
    else onStep(step);
  }
  if (failed !== undefined) throw new Error(failed);
}

const ended: ReadonlySet<string> = new Set(['Pull complete', 'Already exists']);
const megabyte = 1_000_000;

/** The many lines of a pull, a layer each, as one line that says how far it is. */
export class PullProgress {
  readonly #layers = new Map<string, { current: number; total: number; done: boolean }>();
  #latest = '';

  add({ status = '', id, progressDetail }: WorkStep): string {
    if (id !== undefined && (status === 'Pulling fs layer' || this.#layers.has(id) || ended.has(status))) {
      const layer = this.#layers.get(id) ?? { current: 0, total: 0, done: false };
      if (status === 'Downloading') Object.assign(layer, { current: progressDetail?.current ?? layer.current, total: progressDetail?.total ?? layer.total });
      if (status === 'Download complete' || ended.has(status)) layer.current = layer.total;
      layer.done ||= ended.has(status);
      this.#layers.set(id, layer);
    } else {
      this.#latest = status;
    }
    return this.text;
  }

  get text(): string {
    const layers = [...this.#layers.values()];
    if (layers.length === 0) return this.#latest;
    const sum = (of: 'current' | 'total'): string => (layers.reduce((total, layer) => total + layer[of], 0) / megabyte).toFixed(1);
    const bytes = layers.some(({ total }) => total > 0) ? `, ${sum('current')} of ${sum('total')} MB` : '';
    return `${layers.filter(({ done }) => done).length} of ${layers.length} layers${bytes}`;
  }
}
