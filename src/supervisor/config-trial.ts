/**
 * A configuration on trial: the text from before is kept in `<conf>/.trial.json` until somebody confirms the new one. Without
 * that it is put back when the time is over, and by the next boot when the machine went down meanwhile: whoever cut himself
 * off only has to wait.
 */
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { changeConfig, trialFile } from '../config/index.ts';
import { causeOf } from '../lib/errors.ts';
import { isErrno, readTextFile, writeFileAtomic } from '../sys/files.ts';
import { bootId } from '../sys/proc.ts';

export interface Trial {
  /** The text of `cloud-config.yml` before; empty when there was none. */
  readonly before: string;
  /** The boot in which it began. */
  readonly bootId: string;
  /** In ms since kernel start. */
  readonly endsAtMs: number;
}

/** A text as JSON, of any characters. */
const maxTrialBytes = 8 * 1024 * 1024;

/** The trial that runs; undefined when there is none, or its file is rubbish. */
export async function readTrial(confDirectory: string): Promise<Trial | undefined> {
  try {
    const text = await readTextFile(join(confDirectory, trialFile), maxTrialBytes);
    const { before, bootId: boot, endsAtMs } = JSON.parse(text ?? '{}') as Partial<Record<keyof Trial, unknown>>;
    return typeof before === 'string' && typeof boot === 'string' && typeof endsAtMs === 'number' ? { before, bootId: boot, endsAtMs } : undefined;
  } catch {
    return undefined;
  }
}

/** Written before the configuration is: a power cut between the two puts back what is there anyway. */
export async function writeTrial(confDirectory: string, trial: Trial): Promise<void> {
  await writeFileAtomic(join(confDirectory, trialFile), JSON.stringify(trial), 0o600);
}

export async function forgetTrial(confDirectory: string): Promise<void> {
  await unlink(join(confDirectory, trialFile)).catch((error: unknown) => { if (!isErrno(error, 'ENOENT')) throw error; });
}

/** Puts back what was there before the trial, which is to be forgotten last: a power cut before that does it again. */
export async function putBack(confDirectory: string, { before }: Trial, why: string): Promise<void> {
  await changeConfig(confDirectory, () => before, { why, inTrial: true, unchecked: true });
}

/**
 * Ends a trial that an earlier boot began; one of this boot goes on, for a supervisor that has been restarted. To be called
 * wherever the configuration directory has just come into sight, before it is read. Never throws: `onEnd` hears what was done.
 */
export async function endTrialAtBoot(confDirectory: string, onEnd: (sentence: string) => void = () => undefined, thisBoot: () => Promise<string> = bootId): Promise<void> {
  try {
    const trial = await readTrial(confDirectory);
    if (trial !== undefined && trial.bootId === await thisBoot()) return;
    if (trial === undefined) { await forgetTrial(confDirectory); return; }
    await putBack(confDirectory, trial, 'undone: not confirmed before a reboot');
    await forgetTrial(confDirectory);
    onEnd('A configuration on trial was not confirmed before the reboot: the one from before is in force again.');
  } catch (error) {
    onEnd(`A configuration on trial could not be undone: ${causeOf(error)}`);
  }
}
