/** What is in effect in this boot, kept where the next supervisor finds it, and told where something of it failed. */
import { createHash } from 'node:crypto';
import { settingsOf, type Settings } from '../../config/index.ts';
import { causeOf } from '../../lib/errors.ts';
import { readTextFile, writeFileAtomic } from '../../sys/files.ts';
import { paths, type Machine } from '../machine.ts';

const limit = 16 * 1024 * 1024;

interface Kept { readonly settings: Settings; readonly unfinished: Readonly<Record<string, string>> }

/** /run is a file system of this boot: what lies there is in effect. False when nothing does yet. */
export async function adoptApplied(machine: Machine, file: string = paths.applied): Promise<boolean> {
  const text = await readTextFile(file, limit).catch(() => undefined);
  if (text === undefined) return false;
  try {
    const kept = JSON.parse(text) as Kept;
    machine.applied = { ...settingsOf({}), ...kept.settings };
    machine.unfinished = kept.unfinished;
    return true;
  } catch {
    return false;
  }
}

/** It may hold secrets. */
export async function saveApplied({ applied, unfinished }: Machine, file: string = paths.applied): Promise<void> {
  if (applied !== undefined) await writeFileAtomic(file, JSON.stringify({ settings: applied, unfinished } satisfies Kept), 0o600);
}

/** A part is as `machine.applied` says, or has `failures`: then login tells, and it counts as a change that is still to be made. */
export async function tell(machine: Machine, part: string, failures: readonly string[]): Promise<void> {
  note(machine, part, failures);
  await saveApplied(machine).catch((error: unknown) => { machine.log.warn(causeOf(error)); });
}

/** The same without the file. */
export function note(machine: Machine, part: string, failures: readonly string[]): void {
  const { [part]: _was, ...others } = machine.unfinished;
  machine.unfinished = failures.length === 0 ? others : { ...others, [part]: '' };
  const topic = `apply ${part}`;
  if (failures.length === 0) {
    machine.warnings.delete(topic);
  } else {
    const sentence = `Configuration: ${failures.join('; ')}.`;
    machine.log.warn(sentence);
    machine.warnings.set(topic, sentence);
  }
  machine.refreshLogin();
}

/** Stands for what a part takes of the settings, without telling it. */
export function fingerprint(value: unknown): string { return createHash('sha256').update(JSON.stringify(value ?? null)).digest('hex').slice(0, 32); }
