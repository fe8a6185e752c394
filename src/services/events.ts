/** What happens to services, as a stream that a reader can leave and come back to. */
import { randomBytes } from 'node:crypto';
import type { EventGap, ServiceEvent, ServiceState } from '../api/types.ts';
import type { Clock } from '../lib/clock.ts';
import { Ring } from '../lib/ring.ts';

const capacity = 1000;

export class ServiceEvents {
  readonly #ring = new Ring<ServiceEvent>(capacity);
  readonly #clock: Clock;
  /** Of this supervisor: an event that another one has told is not in our ring. */
  readonly #series = randomBytes(4).toString('hex');
  #next = 0;

  constructor(clock: Clock) { this.#clock = clock; }

  add(service: string, from: ServiceState, to: ServiceState, detail: string): void {
    this.#ring.push({ cursor: `${this.#series}.${this.#next++}`, at: this.#clock.now().toISOString(), uptimeMs: this.#clock.uptimeMs(), service, from, to, detail });
  }

  /** The events behind `cursor`; with a word on what is missing when they are not all here any more. */
  since(cursor: string): readonly (ServiceEvent | EventGap)[] {
    const [series, number] = cursor.split('.');
    const held = this.#ring.tail();
    if (series !== this.#series) return [{ gap: 'the supervisor has been replaced since; what happened in between is in its log' }, ...held];
    const index = Number(number) + 1;
    const missing = this.#ring.dropped - index;
    return [...(missing > 0 ? [{ gap: `${missing} events are no longer here` }] : []), ...held.slice(Math.max(0, -missing))];
  }

  tail(count?: number): readonly ServiceEvent[] { return this.#ring.tail(count); }

  follow(follower: (event: ServiceEvent) => void): () => void { return this.#ring.follow(follower); }
}
