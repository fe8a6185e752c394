/**
 * All boot tests together have to fit into one run of `make test`. Where several go the same way through the system, it takes those
 * that differ most; `make soak` takes all.
 */
import { describe, test } from 'vitest';

export const isThorough = process.env['SOAK'] !== undefined;

/** A table for `test.each` and the like: the cases of every run, then those of `make soak` alone. */
export function cases<Case>(always: readonly Case[], inSoak: readonly Case[]): readonly Case[] {
  return isThorough ? [...always, ...inSoak] : always;
}

/** Tests of `make soak` alone. */
export function soakDescribe(name: string, body: () => void): void { if (isThorough) describe(name, body); }
/** A test of `make soak` alone. */
export function soakTest(name: string, body: () => Promise<void>): void { if (isThorough) test(name, body); }
