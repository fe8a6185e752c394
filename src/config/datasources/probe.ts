/** Asking datasources: all at once, bounded in time, the first that has something wins. */
import type { Clock } from '../../lib/clock.ts';
import { causeOf } from '../../lib/errors.ts';
import type { Found } from '../found.ts';
import type { Problem } from '../problem.ts';
import type { DatasourceContext } from './datasource.ts';
import type { Choice } from './index.ts';
import { createWeb } from './web.ts';

export interface Probe {
  readonly found: Found | undefined;
  /** The datasource that won, as `rancher.cloud_init.datasources` names it. */
  readonly source: string | undefined;
  /** Why this one, or why none. */
  readonly why: string;
  readonly tookMs: number;
  /** What each of them said. */
  readonly tried: readonly { readonly source: string; readonly result: string }[];
  /** Of those that somebody named. */
  readonly problems: readonly Problem[];
}

export interface ProbeOptions {
  readonly clock: Clock;
  /** For all of it. */
  readonly timeoutMs: number;
  /** Ask again, with growing pauses, until time is up: networks and services may come late. */
  readonly retry: boolean;
  readonly context: Omit<DatasourceContext, 'signal' | 'web'>;
  readonly signal?: AbortSignal;
  /** Those that stand before the one that answered first have this long to answer, too, and are preferred. */
  readonly graceMs?: number;
  /** Before the second try. */
  readonly pauseMs?: number;
}

const defaultGraceMs = 1000;
const firstPauseMs = 1000;
const lastPauseMs = 30_000;

/** How far one of them is. */
interface Try { result?: string; found?: Found; failed?: boolean }

/** Never throws; one that fails is told, one that has nothing is not. */
export async function probeDatasources(choices: readonly Choice[], options: ProbeOptions): Promise<Probe> {
  const { clock, timeoutMs } = options;
  const startMs = clock.uptimeMs();
  const ended = new AbortController();
  const stopLate = clock.after(timeoutMs, () => { ended.abort(); });
  const signal = options.signal === undefined ? ended.signal : AbortSignal.any([ended.signal, options.signal]);
  const context: DatasourceContext = { ...options.context, web: createWeb(clock, signal), signal };
  const tries: Try[] = choices.map(() => ({}));

  const asked = choices.map((choice, index) => ask(choice, tries[index] ?? {}, context, options));
  const winner = await firstInOrder(asked, tries, signal, options);
  stopLate();
  ended.abort();
  const silent = winner === undefined ? `no answer within ${timeoutMs / 1000} s` : 'not waited for';

  return {
    found: winner === undefined ? undefined : tries[winner]?.found,
    source: winner === undefined ? undefined : choices[winner]?.source,
    why: reasonOf(choices, tries, winner),
    tookMs: clock.uptimeMs() - startMs,
    tried: choices.map(({ source }, index) => ({ source, result: tries[index]?.result ?? silent })),
    problems: winner === undefined ? choices.flatMap(({ source, named }, index): Problem[] => {
      const { result = '', failed = false } = tries[index] ?? {};
      return named && failed ? [{ severity: 'error', source: `datasource ${source}`, message: result }] : [];
    }) : [],
  };
}

/** Ends when it has answered, when there is nothing to wait for, or with the signal. What has come of it is kept in `own`. */
async function ask({ datasource, argument }: Choice, own: Try, context: DatasourceContext, { clock, retry, pauseMs = firstPauseMs }: ProbeOptions): Promise<void> {
  for (let pause = pauseMs; !context.signal.aborted; pause = Math.min(pause * 2, lastPauseMs)) {
    try {
      const found = await datasource.fetch(argument, context);
      if (found !== undefined) { Object.assign(own, { result: 'answered', found, failed: false }); return; }
      Object.assign(own, { result: 'nothing here', failed: false });
    } catch (error) {
      // What time has cut off says nothing of the service.
      if (context.signal.aborted) return;
      Object.assign(own, { result: causeOf(error), failed: true });
    }
    if (!retry) return;
    await clock.sleep(pause, context.signal).catch(() => undefined);
  }
}

/** The place of the winner; undefined when none has anything, or when time is up. */
async function firstInOrder(asked: readonly Promise<void>[], tries: readonly Try[], signal: AbortSignal, { clock, graceMs = defaultGraceMs }: ProbeOptions): Promise<number | undefined> {
  const timeUp = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => { resolve(); }, { once: true });
  });
  const isFound = (index: number): boolean => tries[index]?.found !== undefined;
  const any = Promise.any(asked.map(async (one, index) => { await one; if (!isFound(index)) throw new Error('nothing here'); })).catch(() => undefined);
  await Promise.race([any, timeUp]);
  const first = tries.findIndex((_own, index) => isFound(index));
  if (first < 0) return undefined;
  if (first > 0) {
    const over = new AbortController();
    await Promise.race([Promise.all(asked.slice(0, first)), clock.sleep(graceMs, over.signal).catch(() => undefined), timeUp]);
    over.abort();
  }
  return tries.findIndex((_own, index) => isFound(index));
}

function reasonOf(choices: readonly Choice[], tries: readonly Try[], winner: number | undefined): string {
  const count = choices.length;
  if (winner === undefined) return count === 0 ? 'there is none to ask' : count === 1 ? 'the only one to ask has nothing' : `none of ${count} has anything`;
  if (count === 1) return 'it is the only one to ask';
  const other = choices.findIndex((_choice, index) => index > winner && tries[index]?.found !== undefined);
  return other < 0 ? `of ${count} it answered first` : `of ${count} it and "${choices[other]?.source ?? ''}" have answered, and it stands first`;
}
