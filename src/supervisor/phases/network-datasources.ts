/**
 * Datasources that need a network, and drives whose drivers came late: asked in the background once the boot is on its way.
 * Nothing of a boot waits for them; what they say is saved and put into effect when it comes.
 */
import { chooseDatasources, probeDatasources, type Choice, type Facts } from '../../config/index.ts';
import { causeOf, RosError } from '../../lib/errors.ts';
import { waitFor } from '../../lib/wait.ts';
import { machineAddresses } from '../../sys/net.ts';
import { applyConfig } from '../apply/apply.ts';
import type { Machine } from '../machine.ts';
import { saveAndRead } from './config.ts';
import { runLateCommands } from './hooks.ts';
import { askLocalDatasources, optionsFor, readFacts, report } from './datasources.ts';

const networkTimeoutMs = 300_000;
/** How long a network may take to come, and the boot to be so far that its settings can be changed. */
const patienceMs = 600_000;

/** Does nothing when a datasource has answered already. Never fails and takes no time. */
export async function beginNetworkDatasources(machine: Machine): Promise<void> {
  if (machine.found.value !== undefined) return;
  const facts = await readFacts();
  const choices = chooseDatasources(machine.settings.datasources, facts).choices.filter(({ datasource }) => datasource.needs === 'network');
  const work = choices.length > 0 ? askNetwork(machine, facts, choices) : lookAgain(machine);
  void work.catch((error: unknown) => {
    if (machine.datasource !== undefined) machine.datasource = { ...machine.datasource, why: causeOf(error) };
    machine.warnings.set('datasource', `User-data could not be fetched: ${causeOf(error)}`);
    machine.log.error(`datasource: ${causeOf(error)}`);
    machine.refreshLogin();
  });
}

async function askNetwork(machine: Machine, facts: Facts, choices: readonly Choice[]): Promise<void> {
  const names = choices.map(({ source }) => source).join(', ');
  const { clock, log } = machine;
  const earlier = machine.datasource?.tried ?? [];
  const tell = (why: string): void => {
    machine.datasource = { source: undefined, why, tookMs: 0, tried: [...earlier, ...choices.map(({ source }) => ({ source, result: why }))] };
  };
  tell('waiting for the network');
  log.info(`datasource: ${names} will be asked when there is a network`);
  await waitFor(async () => { if (machineAddresses().length === 0) throw new RosError('ERR_ROS_NO_NETWORK', 'no interface has an address'); },
    { clock, what: `a network, to ask ${names}`, timeoutMs: patienceMs, pauseMs: 1000, maxPauseMs: 5000 });
  tell('being asked');
  const probe = await probeDatasources(choices, optionsFor(machine, facts, { timeoutMs: networkTimeoutMs, retry: true }));
  report(machine, probe);
  machine.found = { ...machine.found, value: probe.found, problems: [...machine.found.problems, ...probe.problems] };
  if (probe.found === undefined) await lookAgain(machine);
  else await putIntoEffect(machine);
}

/** A drive whose driver was loaded after state was open: a CD drive behind another adapter than the disk, a stick on USB. */
async function lookAgain(machine: Machine): Promise<void> {
  await bootDone(machine);
  const { problems } = machine.found;
  await askLocalDatasources(machine, { again: true });
  if (machine.found.value === undefined) { machine.found = { ...machine.found, problems }; await saveAndRead(machine); } else await putIntoEffect(machine);
  machine.refreshLogin();
}

async function putIntoEffect(machine: Machine): Promise<void> {
  const changed = await saveAndRead(machine);
  machine.refreshLogin();
  if (!changed) return;
  await bootDone(machine);
  const { changes } = await applyConfig(machine, (line) => { machine.log.info(`datasource: ${line}`); });
  await runLateCommands(machine);
  machine.log.info(`datasource: ${changes.filter(({ ok }) => ok).length} of ${changes.length} changes are in effect`);
  machine.refreshLogin();
}

function bootDone(machine: Machine): Promise<void> {
  return waitFor(async () => { if (machine.applied === undefined) throw new RosError('ERR_ROS_BUSY', 'the machine is still booting'); },
    { clock: machine.clock, what: 'the end of the boot, to apply what a datasource says', timeoutMs: patienceMs, pauseMs: 1000, maxPauseMs: 5000 });
}
