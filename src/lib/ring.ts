/**
 * A bounded list of the newest records, with followers. Nothing in it ever waits: a full ring drops its oldest
 * record, and a follower is called synchronously and must not block.
 */
export class Ring<T> {
  readonly #capacity: number;
  readonly #records: T[] = [];
  readonly #followers = new Set<(record: T) => void>();
  #dropped = 0;

  constructor(capacity: number) { this.#capacity = capacity; }

  push(record: T): void {
    this.#records.push(record);
    if (this.#records.length > this.#capacity) { this.#records.shift(); this.#dropped += 1; }
    for (const follower of this.#followers) follower(record);
  }

  /** The newest `count` records (all that are held without it), oldest first. */
  tail(count?: number): readonly T[] { return count === undefined ? [...this.#records] : this.#records.slice(Math.max(0, this.#records.length - count)); }

  /** How many records have been dropped since the start. */
  get dropped(): number { return this.#dropped; }

  /** Calls `follower` for every record from now on; returns how to stop. */
  follow(follower: (record: T) => void): () => void {
    this.#followers.add(follower);
    return () => { this.#followers.delete(follower); };
  }
}
