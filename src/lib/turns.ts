/** At most `count` pieces of work at once; who waits is let in by priority (lower first), then by arrival. */
export class Turns {
  #free: number;
  readonly #waiting: { readonly priority: number; readonly enter: () => void }[] = [];

  constructor(count: number) { this.#free = count; }

  async take<T>(priority: number, work: () => Promise<T>): Promise<T> {
    // Everybody who asks in the same moment is compared, not let in by chance of the call order.
    await new Promise<void>((resolve) => {
      const after = this.#waiting.findIndex((other) => other.priority > priority);
      this.#waiting.splice(after < 0 ? this.#waiting.length : after, 0, { priority, enter: resolve });
      setImmediate(() => { this.#admit(); });
    });
    try {
      return await work();
    } finally {
      this.#free += 1;
      this.#admit();
    }
  }

  #admit(): void {
    while (this.#free > 0) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#free -= 1;
      next.enter();
    }
  }
}
