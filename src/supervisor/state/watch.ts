/** What can befall the state disk while the machine runs: it fails, or an array loses a disk. Looked at in files; no program is started. */
import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { readTextFile } from '../../sys/files.ts';
import { mounts, type Mount } from '../../sys/proc.ts';
import { raidArrays, raidWarning } from '../../sys/raid.ts';
import { paths, type Machine } from '../machine.ts';

const everyMs = 30_000;
const watched = new WeakSet<Machine>();

/** What is to be told of the state disk; undefined when all is well. `errors`: how many the filesystem has met, as ext4 counts. Pure. */
export function diskWarning(all: readonly Mount[], errors: number): string | undefined {
  const mount = all.findLast(({ target, source }) => target === paths.state && source.startsWith('/dev/'));
  if (mount === undefined) return undefined;
  const isStopped = mount.options.split(',').some((option) => ['ro', 'emergency_ro', 'shutdown'].includes(option));
  if (!isStopped && errors === 0) return undefined;
  const what = isStopped ? 'has failed and is read-only since' : `has met errors (${errors} so far)`;
  return `The state disk ${mount.source} ${what}: what changes from now on may be lost. Save what is on it, and replace the disk; "dmesg" says what happened.`;
}

export function watchState(machine: Machine): void {
  if (watched.has(machine)) return;
  watched.add(machine);
  const look = async (): Promise<void> => {
    const { state: { device } } = machine;
    tell(machine, 'state disk', device === undefined ? undefined : diskWarning(await mounts(), await ext4Errors(device)));
    tell(machine, 'raid', raidWarning(await raidArrays()));
  };
  const next = (): void => { machine.clock.after(everyMs, () => { void look().catch(() => undefined).finally(next); }); };
  next();
}

/** Of this and earlier boots, until a check has mended them. */
async function ext4Errors(device: string): Promise<number> {
  const name = basename(await realpath(device).catch(() => device));
  return Number((await readTextFile(`/sys/fs/ext4/${name}/errors_count`, 64).catch(() => undefined)) ?? 0);
}

function tell({ log, warnings, refreshLogin }: Machine, topic: string, sentence: string | undefined): void {
  const before = warnings.get(topic);
  if (before === sentence) return;
  if (sentence === undefined) warnings.delete(topic); else warnings.set(topic, sentence);
  // A count that goes on is shown at login; the log has the first.
  if (sentence !== undefined && before === undefined) log.error(`state: ${sentence}`);
  refreshLogin();
}
