/** Time, passed as an argument so that tests can own it. */
export interface Clock {
  /** Milliseconds since kernel start (CLOCK_MONOTONIC): right even while the wall clock is wrong. */
  uptimeMs(): number;
  now(): Date;
  /** Calls `callback` once after `delayMs`; returns how to cancel it. */
  after(delayMs: number, callback: () => void): () => void;
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  uptimeMs: () => Number(process.hrtime.bigint() / 1_000_000n),
  now: () => new Date(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => { clearTimeout(timer); };
  },
  sleep(delayMs, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) { reject(abortReason(signal)); return; }
      const timer = setTimeout(() => { signal?.removeEventListener('abort', onAbort); resolve(); }, delayMs);
      function onAbort(): void { clearTimeout(timer); reject(abortReason(signal)); }
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};

function abortReason(signal: AbortSignal | undefined): Error {
  return signal?.reason instanceof Error ? signal.reason : new Error('aborted');
}
