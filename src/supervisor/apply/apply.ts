/** Puts the configuration into effect on the running machine: only what differs from what is in effect. */
import { causeOf, RosError } from '../../lib/errors.ts';
import { Turns } from '../../lib/turns.ts';
import { withTimeout } from '../../lib/wait.ts';
import type { Settings } from '../../config/index.ts';
import type { Machine } from '../machine.ts';
import { readConfig } from '../phases/config.ts';
import { fingerprint, note, saveApplied } from './applied.ts';
import type { ApplyResult, Change, Part } from './part.ts';
import { parts, planChanges, restartsName } from './parts.ts';

/** The longest that a part may take: pulling an image, waiting for a network. What is not done then goes on by itself. */
const partMs = 15 * 60_000;
/** What an engine takes to start containers that it has been told to start. */
const entryMs = 60_000;
const oneAtATime = new Turns(1);

/** What it needs besides the machine: tests bring their own. */
export interface ApplyOptions {
  readonly table?: readonly Part[];
  readonly read?: (machine: Machine) => Promise<void>;
  readonly save?: (machine: Machine) => Promise<void>;
}

/**
 * Reads the configuration anew and does what `planChanges` says against `machine.applied`, one call at a time. A part that
 * fails does not stop the others. `report` hears a line for each part as it is done.
 */
export async function applyConfig(machine: Machine, report: (line: string) => void = () => undefined, options: ApplyOptions = {}): Promise<ApplyResult> {
  const { table = parts, read = readConfig, save = saveApplied } = options;
  return oneAtATime.take(0, async () => {
    const before = machine.applied;
    if (before === undefined) throw new RosError('ERR_ROS_BUSY', 'cannot apply the configuration: the machine is still booting');
    await read(machine);
    const after = machine.settings;
    const plan = planChanges(before, after, machine.unfinished, table);
    const changes: { part: string; ok: boolean; detail: string }[] = [];
    const needsReboot: string[] = [];
    // What starts while this goes on gets what it is to have from now on.
    machine.applied = after;
    // A container that is being started has its files, and its flags, by what was in effect before: it is told when it runs.
    if (plan.length > 0) await withTimeout(machine.services.entered(), entryMs, 'containers that are being started').catch((error: unknown) => { machine.log.warn(`config: ${causeOf(error)}`); });
    for (const change of plan) {
      const part = table.find(({ name }) => name === change.part);
      if (change.effect === 'reboot' && part !== undefined) {
        machine.unfinished = { ...machine.unfinished, [part.name]: machine.unfinished[part.name] ?? fingerprint(part.of(before)) };
        needsReboot.push(part.name);
        report(`${change.what}: from the next boot on`);
        continue;
      }
      report(change.what);
      const detail = part === undefined ? await restartServices(machine, change) : await applyPart(machine, part, before, after);
      changes.push({ part: change.part, ok: detail === undefined, detail: detail ?? change.what });
      if (detail !== undefined) report(detail);
    }
    for (const part of table) if (part.effect === 'reboot' && !needsReboot.includes(part.name)) note(machine, part.name, []);
    if (plan.length > 0) machine.log.info(`config: applied ${changes.filter(({ ok }) => ok).map(({ part }) => part).join(', ') || 'nothing'}${needsReboot.length === 0 ? '' : `; from the next boot on: ${needsReboot.join(', ')}`}`);
    await save(machine);
    return { changes, needsReboot };
  });
}

/** Answers why it failed. */
async function applyPart(machine: Machine, part: Part, before: Settings, after: Settings): Promise<string | undefined> {
  try {
    await part.adopt?.(after);
    await withTimeout(part.apply(machine, before, after), partMs, `the change of ${part.name}`);
    note(machine, part.name, []);
    return undefined;
  } catch (error) {
    note(machine, part.name, [causeOf(error)]);
    return causeOf(error);
  }
}

async function restartServices({ services }: Machine, { restarts }: Change): Promise<string | undefined> {
  const failures: string[] = [];
  for (const name of restarts) {
    // One that somebody has stopped stays so.
    if (services.has(name) && !services.runner(name, 'restart').started) continue;
    await services.restart(name).catch((error: unknown) => { failures.push(causeOf(error)); });
  }
  return failures.length === 0 ? undefined : `${restartsName}: ${failures.join('; ')}`;
}
