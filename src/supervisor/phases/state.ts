/** The state partition: found, mounted and watched; where there is none, or it cannot be used, the machine runs from RAM and says so. */
import { chmod, mkdir } from 'node:fs/promises';
import { causeOf, RosError } from '../../lib/errors.ts';
import { listDevices } from '../../sys/disk.ts';
import { tryRun } from '../../sys/exec.ts';
import { readTextFile, writeFileAtomic } from '../../sys/files.ts';
import { runJob } from '../../sys/job.ts';
import { openLogFile } from '../../sys/sinks.ts';
import { paths, type Machine, type StateInfo } from '../machine.ts';
import { findState, say, type Search } from '../state/find.ts';
import { resizeDevice } from '../state/grow.ts';
import { mountBoot, mountOem } from '../state/partitions.ts';
import { forgetsSentence, keeps, placesOf } from '../state/places.ts';
import { releaseState, salvageState, useState } from '../state/use.ts';
import { watchState } from '../state/watch.ts';
import { keepFound, readConfig } from './config.ts';

const logFileBytes = 5 * 1024 * 1024;
const scriptMs = 120_000;
const limit = 65_536;

/** Throws only where the configuration says that the machine is not to run without its state. */
export async function openState(machine: Machine): Promise<void> {
  const adopted = await decidedInThisBoot();
  machine.state = adopted ?? await decide(machine);
  const forgets = forgetsSentence(machine.state);
  if (forgets !== undefined) machine.warnings.set('state', forgets);
  for (const { path, mode } of placesOf(machine.settings.state)) {
    await mkdir(path, { recursive: true }).catch((error: unknown) => { machine.log.warn(`state: ${causeOf(error)}`); });
    if (!keeps(machine.state, path)) await chmod(path, mode).catch(() => undefined);
  }
  if (adopted === undefined) await writeFileAtomic(paths.stateInfo, JSON.stringify(machine.state), 0o644);
  await keepFound(machine).catch((error: unknown) => { machine.log.error(`config: ${causeOf(error)}`); });
  await resizeDevice(machine);
  // A full or failing disk must not cost the boot its log file.
  await openLogFile('/var/log/ros.log', logFileBytes).then((sink) => { machine.book.addSink(sink); }, (error: unknown) => { machine.log.warn(`state: cannot keep a log file: ${causeOf(error)}`); });
  watchState(machine);
}

/** A supervisor that replaces another changes nothing, whatever disks have come or gone since. */
async function decidedInThisBoot(): Promise<StateInfo | undefined> {
  const text = await readTextFile(paths.stateInfo, limit).catch(() => undefined);
  try { return text === undefined ? undefined : JSON.parse(text) as StateInfo; } catch { return undefined; }
}

async function decide(machine: Machine): Promise<StateInfo> {
  let search: Search | undefined;
  try {
    search = await look(machine);
    const { found, missing } = search;
    if (missing !== undefined) throw new RosError('ERR_ROS_NO_STATE', `cannot find state partition "${missing}": no such device`);
    if (found === undefined) return { kind: 'ram' };
    const state = await useState(machine, found.device);
    return found.note === undefined ? state : { ...state, note: found.note };
  } catch (error) {
    const device = search?.found?.device;
    const cause = device === undefined ? causeOf(error) : `cannot use state partition "${device.name}": ${causeOf(error)}`;
    const readable = device === undefined ? undefined : await salvageState(machine, device).catch((other: unknown) => { machine.log.warn(`state: ${causeOf(other)}`); return undefined; });
    if (machine.settings.state.required) throw new RosError('ERR_ROS_NO_STATE', cause, { cause: error });
    const note = `${cause}${readable === undefined ? '' : `; its configuration is used, and its files can be read in ${readable}`}`;
    await say(machine, `state: ${note}; this machine runs from RAM`);
    return { kind: 'ram', note };
  }
}

/** One look at all disks serves all who ask. The maker may say where state is; the script may bring it to light. */
async function look(machine: Machine): Promise<Search> {
  const devices = await listDevices();
  if (await mountOem(machine, devices)) await readConfig(machine);
  await runScript(machine);
  const search = await findState(machine, machine.settings.state.script === undefined ? devices : await listDevices());
  await Promise.all([mountOem(machine, search.devices), mountBoot(machine, search.devices)]);
  return search;
}

/** `rancher.state.script`: a path, or the script itself. */
async function runScript(machine: Machine): Promise<void> {
  const { script } = machine.settings.state;
  if (script === undefined) return;
  const command = /^\/\S+$/.test(script.trim()) ? [script.trim()] : ['/bin/sh', '-c', script];
  const { exitCode, output } = await runJob(command, { environment: {}, timeoutMs: scriptMs, tailBytes: 2000, cgroup: `${paths.systemCgroup}/hooks` });
  if (exitCode === 0) { machine.log.info('state: script done'); return; }
  const sentence = `State: rancher.state.script ${exitCode === -1 ? 'did not come to its end' : `ended with exit code ${exitCode}`}: ${output.trim().split('\n').at(-1) ?? ''}`;
  machine.log.error(sentence);
  machine.warnings.set('state script', sentence);
}

/** Takes the state partition out of use, so that its journal is clean; what is busy is left to PID 1, which comes last. */
export async function closeState(machine: Machine): Promise<void> {
  await tryRun('sync', [], { timeoutMs: 30_000 });
  await releaseState().catch((error: unknown) => { machine.log.info(`state: ${causeOf(error)}; init will unmount it`); });
}
