/**
 * Laws that hold for every input. The runs are the same every time, so that a failure is nobody's bad luck; FUZZ_RUNS=100000
 * makes them as many and never the same twice. What was found, and what was known to be mean, is kept in test/data/corpus.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect } from 'vitest';

const asked = Number(process.env['FUZZ_RUNS'] ?? 0);

/** For `it`: a deep search takes as long as it takes. */
export const fuzzTimeoutMs = asked > 0 ? 24 * 60 * 60 * 1000 : 60_000;

export async function holds<T>(inputs: fc.Arbitrary<T>, law: (input: T) => unknown, runs: number): Promise<void> {
  await fc.assert(fc.asyncProperty(inputs, async (input) => { await law(input); }), asked > 0 ? { numRuns: asked } : { numRuns: runs, seed: 4 });
}

interface Case {
  /** What is mean about it, or what went wrong. */
  readonly what: string;
  readonly text: string;
  /** The text stands this often after itself. */
  readonly times?: number;
}

export function corpus(name: string): (readonly [what: string, text: string])[] {
  const path = join(import.meta.dirname, '../data/corpus', `${name}.json`);
  return (JSON.parse(readFileSync(path, 'utf8')) as Case[]).map(({ what, text, times = 1 }) => [what, text.repeat(times)] as const);
}

/** Of the processor's time, in ms, for a text of 100 KB: linear takes a tenth of it, quadratic many times. */
const limitMs = 2000;

export async function inBoundedTime(work: () => unknown): Promise<void> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(limitMs);
}

/** What no input may put into a value: a prototype of its own, or a key that reaches for one. */
export function expectPlain(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) {
    expect([Object.prototype, null, plainPrototype]).toContain(Object.getPrototypeOf(value));
    for (const key of ['__proto__', 'constructor', 'prototype']) expect(Object.hasOwn(value, key), key).toBe(false);
  }
  for (const below of Object.values(value)) expectPlain(below);
}

const plainPrototype = (await import('../../src/config/yaml.ts')).Plain.prototype as object;
