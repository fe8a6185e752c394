/** Finds the state partition: looks, does the next step of `decide.ts`, looks again. Every wait has an end, and says what it waits for. */
import { causeOf } from '../../lib/errors.ts';
import { disksUnder, isHeld } from '../../sys/block.ts';
import { tellConsoles } from '../../sys/console.ts';
import { filesystemType, formatExt4, isBlank, listDevices, type BlockDevice } from '../../sys/disk.ts';
import { loadDrivers, loadLateDrivers } from '../../sys/drivers.ts';
import { exists } from '../../sys/files.ts';
import { activateVolumes } from '../../sys/lvm.ts';
import { mounts } from '../../sys/proc.ts';
import { addToArrays, raidArrays, raidWarning, startIncomplete } from '../../sys/raid.ts';
import type { Machine } from '../machine.ts';
import { nextStep, preferred, stateLabel, type Step } from './decide.ts';
import { unlock } from './unlock.ts';

const waitMs = 30_000;
const pauseMs = 250;
/** How long an array may be without one of its disks before it is started without it. */
const raidWaitMs = 10_000;

export interface Found { readonly device: BlockDevice; readonly note?: string }

/** `missing`: what was asked for and is not there. `devices`: the last look. */
export interface Search { readonly found?: Found; readonly missing?: string; readonly devices: readonly BlockDevice[] }

/** `devices`: a look that was taken a moment ago. */
export async function findState(machine: Machine, devices: readonly BlockDevice[]): Promise<Search> {
  const setting = machine.settings.state;
  const tried = new Set<string>();
  let waitUntilMs: number | undefined;
  for (let look = devices; ; look = await listDevices()) {
    const paths = [setting.device, setting.luks?.device, ...setting.autoformat].filter((path) => path?.startsWith('/dev/') === true) as string[];
    const present = new Set((await Promise.all(paths.map(async (path) => (await exists(path)) ? [path] : []))).flat());
    const step = nextStep(setting, { devices: look, present }, tried);
    if ('key' in step) tried.add(step.key);
    switch (step.kind) {
      case 'none': return { ...(step.missing !== undefined && { missing: step.missing }), devices: look };
      case 'use': return { found: await take(machine, step, look), devices: look };
      case 'wait':
        if (waitUntilMs === undefined) await say(machine, `state: waiting up to ${waitMs / 1000} s for ${step.what}`);
        waitUntilMs ??= machine.clock.uptimeMs() + waitMs;
        if (machine.clock.uptimeMs() > waitUntilMs) tried.add('wait');
        else { await machine.clock.sleep(pauseMs); await loadLateDrivers(); }
        break;
      case 'drivers': tried.add('drivers'); await loadDrivers(); break;
      default: await build(machine, step, look);
    }
  }
}

/** What fails here is told, and the search goes on: the partition may be there without it. */
async function build(machine: Machine, step: Extract<Step, { key: string }>, look: readonly BlockDevice[]): Promise<void> {
  try {
    if (step.kind === 'raid') await startRaid(machine, look);
    else if (step.kind === 'lvm') await activateVolumes();
    else if (step.kind === 'unlock') await unlock(machine, step.device);
    else await formatFirstBlank(machine, step.devices);
  } catch (error) {
    const doing = { raid: 'cannot assemble RAID arrays', lvm: 'cannot activate volume groups', unlock: 'cannot open an encrypted device', format: 'cannot format a disk' }[step.kind];
    machine.log.error(`state: ${doing}: ${causeOf(error)}`);
    machine.warnings.set(`state ${step.kind}`, `State: ${doing}: ${causeOf(error)}.`);
  }
}

/** Whole first: a disk that is slow to appear must not be thrown out of its array. */
async function startRaid(machine: Machine, devices: readonly BlockDevice[]): Promise<void> {
  const { clock, log } = machine;
  const add = async (all: readonly BlockDevice[]): Promise<boolean> => {
    const members = all.filter(({ type }) => type === 'linux_raid_member').map(({ name }) => name);
    const free = await Promise.all(members.map(async (name) => ((await isHeld(name)) ? [] : [name])));
    await addToArrays(free.flat());
    const arrays = await raidArrays();
    return arrays.length > 0 && arrays.every(({ isActive }) => isActive);
  };
  let isDone = await add(devices);
  if (!isDone) await say(machine, `state: waiting up to ${raidWaitMs / 1000} s for all disks of a RAID array`);
  for (const untilMs = clock.uptimeMs() + raidWaitMs; !isDone && clock.uptimeMs() < untilMs;) {
    await clock.sleep(1000);
    isDone = await add(await listDevices());
  }
  if (!isDone) await startIncomplete();
  const arrays = await raidArrays();
  for (const { name, level, isActive } of arrays) log.info(`state: RAID array ${name} (${level}) is ${isActive ? 'assembled' : 'not startable'}`);
  const warning = raidWarning(arrays);
  if (warning !== undefined) { machine.warnings.set('raid', warning); log.error(`state: ${warning}`); }
}

/** Formats the first blank device of the list. Any other disk holds somebody's data and is left alone. */
async function formatFirstBlank(machine: Machine, devices: readonly string[]): Promise<void> {
  for (const device of devices) {
    if (!(await isBlank(device).catch(() => false))) { machine.log.info(`state: ${device} is not blank, not formatting it`); continue; }
    await say(machine, `state: formatting blank disk ${device} as LABEL=${stateLabel}`);
    await formatExt4(device, stateLabel);
    return;
  }
}

/** Of several that are called the same one must be taken: always the same, and it is said which. */
async function take(machine: Machine, { spec, devices }: Extract<Step, { kind: 'use' }>, look: readonly BlockDevice[]): Promise<Found> {
  // A path may be another name of a device, which blkid does not list.
  const known = async (name: string): Promise<BlockDevice> => look.find((device) => device.name === name) ?? { name, type: await filesystemType(name) ?? '', label: '', uuid: '', partLabel: '', partUuid: '' };
  const [only] = devices;
  if (devices.length === 1 && only !== undefined) return { device: await known(only) };
  const root = (await mounts()).find(({ target }) => target === '/')?.source;
  const bootDisks = root === undefined ? [] : await disksUnder(root).catch(() => []);
  const candidates = await Promise.all(devices.map(async (name) => ({ name, disks: await disksUnder(name).catch(() => []) })));
  const { device, why } = preferred(spec, candidates, bootDisks);
  machine.log.warn(`state: ${why}`);
  machine.warnings.set('state label', `State: ${why}.`);
  return { device: await known(device), note: why };
}

/** Loud: in the log, and on the consoles whatever of the log they show. */
export async function say({ log }: Pick<Machine, 'log'>, sentence: string): Promise<void> {
  log.warn(sentence);
  await tellConsoles(`${sentence}\n`);
}
