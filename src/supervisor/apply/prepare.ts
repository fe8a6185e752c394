/** What the configuration puts into a container before it starts: users, files, certificates. No program is started for it. */
import { causeOf } from '../../lib/errors.ts';
import { withTimeout } from '../../lib/wait.ts';
import type { ServiceDefinition } from '../../services/definition.ts';
import { packTar } from '../../sys/tar-pack.ts';
import type { Machine } from '../machine.ts';
import { note } from './applied.ts';
import { bundleEntries } from './ca-certs.ts';
import { filesPart, putFiles } from './write-files.ts';
import { stageAccounts } from './users.ts';
import { renewUserDocker } from '../user-engine.ts';

/** A service starts without its files rather than not at all. */
const prepareMs = 30_000;

/** By what is in effect, or is about to be. Never rejects. */
export async function prepareContainer(machine: Machine, service: ServiceDefinition, id: string): Promise<void> {
  try {
    await withTimeout(prepare(machine, service, id), prepareMs, `the files of "${service.name}"`);
  } catch (error) {
    machine.log.warn(`service[${service.name}]: ${causeOf(error)}`);
    machine.warnings.set(`prepare ${service.name}`, `Configuration: ${causeOf(error)}.`);
  }
}

async function prepare(machine: Machine, service: ServiceDefinition, id: string): Promise<void> {
  const settings = machine.applied ?? machine.settings;
  const { engine } = machine.planes[service.scope];
  if (service.name === 'docker' && service.scope === 'system') await renewUserDocker(machine, settings);
  if (service.name === 'console') note(machine, 'users', await stageAccounts(machine, settings, id));
  const certificates = await bundleEntries(settings.caCerts, service, id);
  if (certificates.length > 0) await engine.putFiles(id, packTar(certificates));
  if (service.readOnly) return;
  const failures = await putFiles(engine, id, service.name, settings.writeFiles);
  if (failures.length > 0) note(machine, filesPart.name, failures);
}
