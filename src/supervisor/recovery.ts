/** What is left when a phase without which nothing works has failed: a shell on the console that says why, and another try. */
import { rescueShell } from '../sys/console.ts';
import type { Machine } from './machine.ts';

const retryMs = 30_000;

/** Says on the console what failed, offers a shell there, and returns when it is time to try again. */
export async function offerRescue(machine: Machine, cause: string): Promise<void> {
  const { clock, log } = machine;
  const next = `The boot is tried again in ${retryMs / 1000} s.`;
  log.error(`recovery: ${cause}. ${next}`);
  await rescueShell(`\n${cause}\n${next} This is a rescue shell.\n`);
  await clock.sleep(retryMs);
}
