/** The audit: every check on what the machine is now, and what it comes to. */
import type { AuditReport } from '../../api/types.ts';
import { causeOf } from '../../lib/errors.ts';
import type { Machine } from '../machine.ts';
import { unknown, type Check, type Verdict } from './check.ts';
import { containerChecks } from './checks/containers.ts';
import { fileChecks } from './checks/files.ts';
import { kernelChecks } from './checks/kernel.ts';
import { loginChecks } from './checks/login.ts';
import { mountChecks } from './checks/mounts.ts';
import { networkChecks } from './checks/network.ts';
import { planeChecks } from './checks/plane.ts';
import { rootChecks } from './checks/root.ts';
import type { Facts } from './facts.ts';
import { readFacts } from './read.ts';

/** In the order in which they are told. */
export const checks: readonly Check[] = [...planeChecks, ...fileChecks, ...loginChecks, ...containerChecks, ...kernelChecks, ...rootChecks, ...mountChecks, ...networkChecks];

export async function audit(machine: Machine): Promise<AuditReport> { return judge(await readFacts(machine), checks, machine.clock.now()); }

/** Pure. */
export function judge(facts: Facts, all: readonly Check[], now: Date): AuditReport {
  const results = all.map(({ id, title, weight, looked, judge: judgeOne }) => ({ id, title, weight, looked, ...judged(judgeOne, facts) }));
  const count = (result: Verdict['result']): number => results.filter((one) => one.result === result).length;
  return { at: now.toISOString(), score: scoreOf(results), passed: count('pass'), warned: count('warn'), failed: count('fail'), checks: results };
}

/** A mistake in one check must not hide what the others say. */
function judged(judgeOne: Check['judge'], facts: Facts): Verdict {
  try { return judgeOne(facts); } catch (error) { return unknown(causeOf(error)); }
}

/** Of 100: a check that passes brings its weight, one that warns half of it, one that fails nothing. Rounded down: 100 is reached only when all pass. */
export function scoreOf(results: readonly { readonly weight: number; readonly result: Verdict['result'] }[]): number {
  const worth = { pass: 2, warn: 1, fail: 0 } as const;
  const most = results.reduce((sum, { weight }) => sum + 2 * weight, 0);
  return most === 0 ? 100 : Math.floor(results.reduce((sum, { weight, result }) => sum + weight * worth[result], 0) * 100 / most);
}
