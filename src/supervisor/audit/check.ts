/** The anatomy of a check: a pure function of the facts, and the words around it. */
import type { AuditResult } from '../../api/types.ts';
import type { Facts } from './facts.ts';

export interface Verdict {
  readonly result: AuditResult;
  /** What was found, in one line. Never a secret. */
  readonly detail: string;
  /** What to do about it. */
  readonly hint?: string;
}

export interface Check {
  /** `area.what`: scripts go by it, so it stays. */
  readonly id: string;
  /** What is so when it passes. */
  readonly title: string;
  readonly weight: number;
  /** Where it looks. */
  readonly looked: string;
  judge(this: void, facts: Facts): Verdict;
}

/** What breaks through when it fails: the machine itself; a defence behind another one; a convenience of an attacker. */
export const weight = { vital: 10, important: 5, minor: 2 } as const;

export function pass(detail: string): Verdict { return { result: 'pass', detail }; }
export function warn(detail: string, hint?: string): Verdict { return { result: 'warn', detail, ...(hint !== undefined && { hint }) }; }
export function fail(detail: string, hint?: string): Verdict { return { result: 'fail', detail, ...(hint !== undefined && { hint }) }; }
/** What nobody could look at is not well. */
export function unknown(why: string): Verdict { return warn(`cannot tell: ${why}`); }

/** A list for a line. */
export function listed(items: readonly string[], most = 8): string {
  return items.length <= most ? items.join(', ') : `${items.slice(0, most).join(', ')} and ${items.length - most} more`;
}

/** Passes when nothing was found. */
export function nothing(found: readonly string[], verdict: 'warn' | 'fail', well: string, hint?: string): Verdict {
  if (found.length === 0) return pass(well);
  return verdict === 'fail' ? fail(listed(found), hint) : warn(listed(found), hint);
}
