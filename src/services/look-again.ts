/**
 * The engine tells each change of a container once, and can lose it: to a question whose answer is on its way, and, when the processor is busy, to its own
 * queue, which gives up after 100 ms. So it is asked as well, at once, soon, and then once a minute, as long as `look` says that there is more to see.
 */
import type { Clock } from '../lib/clock.ts';

const firstDelayMs = 2000;
const lastDelayMs = 60_000;

/** Returns what ends it. A look that fails is one that saw nothing. */
export function lookAgain(clock: Pick<Clock, 'after'>, look: () => Promise<boolean>): () => void {
  let isOver = false;
  let cancel = (): void => undefined;
  const plan = (delayMs: number): void => {
    cancel = clock.after(delayMs, () => {
      void look().catch(() => true).then((more) => { if (more && !isOver) plan(Math.min(Math.max(delayMs * 2, firstDelayMs), lastDelayMs)); });
    });
  };
  plan(0);
  return () => { isOver = true; cancel(); };
}
