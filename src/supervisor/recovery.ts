/**
 * A shell on the console that needs neither Docker nor the state partition: where the kernel parameter `rancher.recovery` asks
 * for it, and when a phase without which nothing works has failed (docs/recovery.md).
 */
import { mkdir } from 'node:fs/promises';
import { causeOf } from '../lib/errors.ts';
import { askConsoles, consoleShells, tellConsoles } from '../sys/console.ts';
import { bindMount, listDevices, unmount } from '../sys/disk.ts';
import { loadDrivers } from '../sys/drivers.ts';
import { run } from '../sys/exec.ts';
import { exists, writeFileAtomic } from '../sys/files.ts';
import { mounts } from '../sys/proc.ts';
import { paths, type Machine } from './machine.ts';
import { readConfig } from './phases/config.ts';
import { greeting, guardOf, type Guard } from './recovery/greeting.ts';
import { mountOem } from './state/partitions.ts';

const retryMs = 30_000;
/** Left in this boot: a supervisor that replaces this one goes on with the boot. */
const left = `${paths.run}/recovery-left`;
const shadow = `${paths.run}/recovery-shadow`;

/** A task of the boot: nothing at all on a machine that is not to stop here. */
export async function recoverIfAsked(machine: Machine): Promise<void> {
  if (!machine.settings.recovery.wanted || await exists(left)) return;
  machine.log.warn('recovery: asked for by rancher.recovery; the boot goes on when the shell is left');
  // The maker may have set a password.
  if (await mountOem(machine, await listDevices().catch(() => []))) await readConfig(machine).catch((error: unknown) => { machine.log.warn(`config: ${causeOf(error)}`); });
  await recoveryShell(machine, undefined);
  await writeFileAtomic(left, '', 0o600);
}

/** Says on the console what failed, offers the shell there, and returns when it is time to try again. */
export async function offerRescue(machine: Machine, cause: string): Promise<void> {
  machine.log.error(`recovery: ${cause}. The boot is tried again in ${retryMs / 1000} s.`);
  const begin = machine.clock.uptimeMs();
  // Who has come to mend the machine is not disturbed; one that nobody looks at tries again.
  const answer = await askConsoles({ prompt: `\n${cause}\nThe boot is tried again in ${retryMs / 1000} s; press Enter for a shell.\n`, isHidden: false, timeoutMs: retryMs }).catch(() => undefined);
  if (answer !== undefined) await recoveryShell(machine, cause);
  else await machine.clock.sleep(Math.max(begin + retryMs - machine.clock.uptimeMs(), 0));
}

/** Until somebody leaves it. Never rejects. */
async function recoveryShell(machine: Machine, cause: string | undefined): Promise<void> {
  const { log, settings } = machine;
  try {
    await loadDrivers(); // a disk to mend, a network card
    const guard = await guardOf(settings.recovery, hashOf);
    if (guard.kind === 'closed') { log.error(`recovery: ${guard.why}`); await tellConsoles(`${guard.why}\n`); return; }
    await mkdir('/root', { recursive: true });
    if (!(await behind(guard, (program) => consoleShells(greeting(cause, guard), program)))) log.error('recovery: there is no console to have a shell on');
    log.info('recovery: the shell was left');
  } catch (error) {
    log.error(`recovery: ${causeOf(error)}`);
  }
}

/** busybox's sulogin asks for root's password, which is rancher's as long as the shell is there. */
async function behind(guard: Guard, use: (program?: readonly string[]) => Promise<boolean>): Promise<boolean> {
  if (guard.kind !== 'password') return use();
  await writeFileAtomic(shadow, `root:${guard.hash}:20000:0:99999:7:::\n`, 0o600);
  const isThere = (await mounts()).some(({ target }) => target === '/etc/shadow'); // from a supervisor that died
  if (!isThere) await bindMount(shadow, '/etc/shadow');
  try { return await use(['/usr/bin/sulogin', '-p']); } finally { await unmount('/etc/shadow').catch(() => undefined); }
}

/** Through standard input: arguments can be read by everybody. */
async function hashOf(password: string): Promise<string> { return (await run('openssl', ['passwd', '-6', '-stdin'], { input: `${password}\n` })).trim(); }
