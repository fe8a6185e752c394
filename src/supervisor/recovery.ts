/** What is left when a phase without which nothing works has failed: a shell on the console that says why, and another try. */
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import type { Machine } from './machine.ts';

const retryMs = 30_000;

/** Says on the console what failed, starts a shell there, and returns when the shell has ended or it is time to try again. */
export async function offerRescue(machine: Machine, cause: string): Promise<void> {
  const { clock, log } = machine;
  log.error(`recovery: ${cause}; trying again in ${retryMs / 1000} s`);
  const console = await open('/dev/console', 'r+').catch(() => undefined);
  if (console === undefined) { await clock.sleep(retryMs); return; }
  await console.write(`\n${cause}\nThe boot is tried again every ${retryMs / 1000} s. This is a rescue shell.\n`);
  if (!rescueRuns) {
    rescueRuns = true;
    const shell = spawn('/bin/setsid', ['-c', '/bin/sh', '-l'], { stdio: [console.fd, console.fd, console.fd], cwd: '/' });
    shell.on('error', () => { rescueRuns = false; });
    shell.on('exit', () => { rescueRuns = false; });
  }
  await console.close();
  await clock.sleep(retryMs);
}

/** One shell is enough, however often the boot fails. */
let rescueRuns = false;
