/**
 * The serial console of a machine as text that grows: everything so far, and promises for what is still to come.
 */

export class WaitError extends Error {
  override readonly name = 'WaitError';
}

interface Waiter {
  readonly pattern: RegExp;
  /** Where the search goes on: the start of the last line that may still grow. */
  from: number;
  readonly what: string;
  readonly done: (result: RegExpExecArray | WaitError) => void;
}

const tailLines = 40;

export class SerialConsole {
  #text = '';
  #ended: string | undefined;
  readonly #waiters = new Set<Waiter>();

  get text(): string { return this.#text; }

  /** A place in the text, to wait only for what comes after it: `waitFor(…, console.mark())`. */
  mark(): number { return this.#text.length; }

  tail(lines = tailLines): string {
    return this.#text.replaceAll('\r', '').trimEnd().split('\n').slice(-lines).join('\n');
  }

  push(chunk: string): void {
    this.#text += chunk;
    for (const waiter of [...this.#waiters]) this.#search(waiter);
  }

  /** No more will come; whoever still waits is told why. */
  end(reason: string): void {
    this.#ended = reason;
    for (const waiter of [...this.#waiters]) waiter.done(new WaitError(this.#failure(reason, waiter.what)));
  }

  /**
   * The first match of `pattern` (within one line) after `from`. Without `from` also what was printed already counts.
   * Bounded always; says `what` was waited for and shows the end of the console when it does not come.
   */
  waitFor(pattern: RegExp, timeoutMs: number, what: string, from = 0): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => { waiter.done(new WaitError(this.#failure(`not within ${timeoutMs / 1000} s`, what))); }, timeoutMs);
      const waiter: Waiter = {
        pattern: new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '') + 'g'), from, what,
        done: (result) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          if (result instanceof WaitError) reject(result); else resolve(result);
        },
      };
      this.#waiters.add(waiter);
      this.#search(waiter);
      if (this.#ended !== undefined && this.#waiters.has(waiter)) waiter.done(new WaitError(this.#failure(this.#ended, what)));
    });
  }

  #search(waiter: Waiter): void {
    waiter.pattern.lastIndex = waiter.from;
    const match = waiter.pattern.exec(this.#text);
    if (match !== null) { waiter.done(match); return; }
    waiter.from = Math.max(waiter.from, this.#text.lastIndexOf('\n') + 1);
  }

  #failure(reason: string, what: string): string {
    return `waited on the console for ${what}: ${reason}. The console's last lines:\n${this.tail()}`;
  }
}

/** What a healthy machine never prints. */
const problem = new RegExp([
  'Kernel panic', String.raw`\bOops\b`, String.raw`\bBUG:`, 'kernel BUG at', 'general protection fault', 'double fault', 'segfault at',
  'traps: .* trap ', 'Out of memory', 'oom-kill', 'soft lockup', 'hard LOCKUP', String.raw`rcu.*(?:stall|starved)`, 'blocked for more than \\d+ seconds',
  'WARNING: CPU', 'EXT4-fs error', 'I/O error, dev vd', String.raw`Unable to mount root`, 'JavaScript heap out of memory', 'FATAL ERROR:',
].join('|'));

/** The lines of a console log that tell of a crash, whatever else a test found. */
export function consoleProblems(text: string): string[] {
  return text.replaceAll('\r', '').split('\n').filter((line) => problem.test(line));
}
