/**
 * Incremental work. A step is done again when its inputs (values and content hashes) differ from those in its stamp or
 * when one of its outputs is gone. The stamp is written after the work, so a build that was interrupted repeats the step.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { BuildContext } from './context.ts';
import { hashScript, sha256 } from './hash.ts';

export interface Step<T> {
  /** the log word, and the name of the stamp */
  readonly name: string;
  /** the file that holds the work; it and its imports are inputs too */
  readonly script: string;
  /** all that the outputs depend on, as plain data */
  readonly inputs: unknown;
  /** absolute paths that the work leaves */
  readonly outputs: readonly string[];
  /** plain data only: it is kept in the stamp for the next build */
  work(): Promise<T> | T;
}

interface Stamp<T> { readonly inputs: string; readonly seconds: number; readonly value: T }

export async function runStep<T>(context: BuildContext, step: Step<T>): Promise<T> {
  const path = join(context.work, 'stamps', `${step.name.replaceAll(/[^\w.-]/g, '-')}.json`);
  const inputs = sha256(JSON.stringify([step.inputs, hashScript(step.script), step.outputs.map((output) => relative(context.out, output))]));
  const stamp = readStamp<T>(path);
  if (stamp?.inputs === inputs && step.outputs.every((output) => existsSync(output))) return stamp.value;

  console.log(`${step.name} ...`);
  rmSync(path, { force: true });
  const start = performance.now();
  const value = await step.work();
  const seconds = Math.round((performance.now() - start) / 100) / 10;
  console.log(`${step.name}: done in ${seconds} s`);
  mkdirSync(join(context.work, 'stamps'), { recursive: true });
  writeFileSync(path, JSON.stringify({ inputs, seconds, value: value ?? null } satisfies Stamp<unknown>));
  return value;
}

function readStamp<T>(path: string): Stamp<T> | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Stamp<T>;
  } catch {
    return undefined; // none yet, or cut short: both mean that the work is to be done
  }
}
