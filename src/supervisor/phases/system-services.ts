/** The system containers: the manifests, shipped and configured, as a plan that is started and awaited. */
import { join } from 'node:path';
import { causeOf, RosError } from '../../lib/errors.ts';
import { waitFor } from '../../lib/wait.ts';
import { readConfiguredServices, readManifest, type Fragment } from '../../services/manifest.ts';
import { combineLayers, type Layer, type Plan } from '../../services/plan.ts';
import { listDirectory, readTextFile } from '../../sys/files.ts';
import { connects } from '../../sys/net.ts';
import { paths, type Machine } from '../machine.ts';

const manifestLimit = 256 * 1024;
const healthyTimeoutMs = 180_000;

export async function startSystemServices(machine: Machine): Promise<void> {
  machine.services.setPlan(await makePlan(machine));
  await machine.services.engineUp();
  void watchSsh(machine);
}

/** The shipped manifests with `rancher.services` laid over them. A mistake there leaves the shipped ones as they are. */
async function makePlan(machine: Machine): Promise<Plan> {
  const shipped: Layer = { name: 'shipped', services: await shippedServices(machine) };
  const configured: Layer = { name: 'cloud-config', services: configuredServices(machine, new Set(shipped.services.map(({ name }) => name))) };
  try {
    return systemPlan(machine, combineLayers([shipped, configured]));
  } catch (error) {
    warn(machine, 'rancher.services', `${causeOf(error)}; none of rancher.services is used`);
    return combineLayers([shipped]);
  }
}

/** A service without the scope `system` belongs on User Docker, where nothing manages services yet. */
function systemPlan(machine: Machine, plan: Plan): Plan {
  const services = [...plan.services].filter(([name, { scope }]) => {
    if (scope !== 'system') warn(machine, `service ${name}`, `Service "${name}" is not started: only those with the label "io.rancher.os.scope: system" are, so far`);
    return scope === 'system';
  });
  return { services: new Map(services) };
}

function configuredServices(machine: Machine, shipped: ReadonlySet<string>): Fragment[] {
  const { services, environment } = machine.settings;
  const found = readConfiguredServices(services, 'cloud-config', { ...environment, VERSION: machine.version }, (problem) => { warn(machine, problem, `${problem}; not used`); });
  return found.filter(({ name, raw }) => {
    const usable = raw.image !== undefined || shipped.has(name);
    if (!usable) warn(machine, `service ${name}`, `rancher.services.${name}: it names no image, and there is no shipped service "${name}" that it could change; not used`);
    return usable;
  });
}

function warn(machine: Machine, topic: string, sentence: string): void {
  machine.log.warn(`services: ${sentence}`);
  machine.warnings.set(topic, `${sentence}.`);
}

/** The manifests of the root image. One that does not parse is reported; the others are used. */
async function shippedServices(machine: Machine): Promise<Fragment[]> {
  const directory = `${paths.share}/services`;
  const services: Fragment[] = [];
  for (const folder of await listDirectory(directory)) {
    const file = join(directory, folder, 'service.yml');
    try {
      const text = await readTextFile(file, manifestLimit);
      if (text !== undefined) services.push(...readManifest(text, file, { ...machine.settings.environment, VERSION: machine.version }));
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
