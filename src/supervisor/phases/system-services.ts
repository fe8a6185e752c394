/** The system containers: the shipped manifests as a plan, started and awaited. */
import { join } from 'node:path';
import { causeOf, RosError } from '../../lib/errors.ts';
import { waitFor } from '../../lib/wait.ts';
import type { ServiceDefinition } from '../../services/definition.ts';
import { parseManifest } from '../../services/manifest.ts';
import { combineLayers } from '../../services/plan.ts';
import { listDirectory, readTextFile } from '../../sys/files.ts';
import { connects } from '../../sys/net.ts';
import { paths, type Machine } from '../machine.ts';

const manifestLimit = 256 * 1024;
const healthyTimeoutMs = 180_000;

export async function startSystemServices(machine: Machine): Promise<void> {
  machine.services.setPlan(combineLayers([{ name: 'shipped', services: await shippedServices(machine) }]));
  await machine.services.engineUp();
  void watchSsh(machine);
}

/** The manifests of the root image. One that does not parse is reported; the others are used. */
async function shippedServices(machine: Machine): Promise<ServiceDefinition[]> {
  const directory = `${paths.share}/services`;
  const services: ServiceDefinition[] = [];
  for (const folder of await listDirectory(directory)) {
    const file = join(directory, folder, 'service.yml');
    try {
      const text = await readTextFile(file, manifestLimit);
      if (text !== undefined) services.push(...parseManifest(text, file, { ...machine.settings.environment, VERSION: machine.version }));
    } catch (error) {
      machine.log.error(causeOf(error));
      machine.warnings.set(`manifest ${folder}`, `${causeOf(error)}.`);
    }
  }
  if (services.length === 0) throw new RosError('ERR_ROS_NO_SERVICES', `cannot start system services: no usable manifest in "${directory}"`);
  return services;
}

/** Ends when every system service is ready; a service that is not is a warning at login anyway. */
export async function awaitSystemServices({ services, timeline }: Machine): Promise<void> {
  const late = (): string[] => services.statuses().filter(({ name, state }) => state !== 'stopped' && !services.isReady(name))
    .map(({ name, state, detail }) => `${name} is ${state}${detail === '' ? '' : ` (${detail})`}`);
  await services.until(() => late().length === 0, healthyTimeoutMs, () => late().join(', '));
  timeline.milestone('systemHealthy');
}

/** The moment from which people can log in: sshd greets. Asked from when its container runs, once a second. */
async function watchSsh({ services, clock, timeline, log }: Machine): Promise<void> {
  const runs = (): boolean => ['running', 'healthy'].includes(services.statuses().find(({ name }) => name === 'console')?.state ?? '');
  try {
    await services.until(runs, healthyTimeoutMs, () => 'the console does not run');
    await waitFor(() => connects('127.0.0.1', 22), { clock, what: 'ssh', timeoutMs: healthyTimeoutMs, pauseMs: 500 });
    timeline.milestone('ssh');
  } catch (error) {
    log.warn(causeOf(error));
  }
}

export async function stopServices(machine: Machine): Promise<void> {
  // The log goes on until the end, and so does the console: somebody may be reading on it how the shutdown goes.
  await machine.services.stopAll(['console', 'syslog']);
}
