/** The services of the machine, shipped, enabled and configured: as a plan that is started and awaited. */
import { causeOf } from '../../lib/errors.ts';
import { waitFor } from '../../lib/wait.ts';
import { connects } from '../../sys/net.ts';
import { reloadPlan, reloadServices } from '../service-plan.ts';
import { readConfig } from './config.ts';
import { preloadSystemImages } from './preload.ts';
import type { Machine } from '../machine.ts';

const healthyTimeoutMs = 180_000;

export async function startSystemServices(machine: Machine): Promise<void> {
  // Nothing is asked of the network: it is one of these services.
  await reloadPlan(machine, 'here');
  await preloadSystemImages(machine);
  await machine.services.engineUp('system');
  void watchSsh(machine);
}

/** Ends when every service that comes with the system is ready; one that is not is a warning at login anyway. */
export async function awaitSystemServices({ services, timeline }: Machine): Promise<void> {
  await services.until(() => services.lateBuiltIns().length === 0, healthyTimeoutMs, () => services.lateBuiltIns().join(', '));
  timeline.milestone('systemHealthy');
}

/** Enabled services whose files have not been here before: now there is a network, or never. */
export async function fetchMissingServices(machine: Machine): Promise<void> {
  const isMissing = Object.entries(machine.settings.servicesInclude).some(([include, isOn]) => isOn && !machine.plan.included.has(include));
  if (!isMissing) return;
  await machine.services.until(() => machine.services.isReady('network'), healthyTimeoutMs, () => 'the network is not up');
  await reloadServices(machine);
}

/**
 * A service with the label `io.rancher.os.reloadconfig: "true"` is up: it may have changed the configuration or brought
 * what services are fetched with. Never throws.
 */
export async function reloadAfter(machine: Machine, name: string): Promise<void> {
  if (machine.plan.services.get(name)?.labels['io.rancher.os.reloadconfig'] !== 'true') return;
  try {
    await readConfig(machine);
    await reloadServices(machine);
  } catch (error) {
    machine.log.warn(`services: cannot read the configuration again after "${name}": ${causeOf(error)}`);
  }
}

/** The moment from which people can log in: sshd greets. Asked from when its container runs, once a second. */
async function watchSsh({ services, clock, timeline, log, settings }: Machine): Promise<void> {
  const { daemon, port, listenAddress } = settings.ssh;
  if (!daemon) return;
  const runs = (): boolean => ['running', 'healthy'].includes(services.statuses().find(({ name }) => name === 'console')?.state ?? '');
  try {
    await services.until(runs, healthyTimeoutMs, () => 'the console does not run');
    await waitFor(() => connects(listenAddress ?? '127.0.0.1', port), { clock, what: 'ssh', timeoutMs: healthyTimeoutMs, pauseMs: 500 });
    timeline.milestone('ssh');
  } catch (error) {
    log.warn(causeOf(error));
  }
}

export async function stopServices(machine: Machine): Promise<void> {
  machine.schedules.stop();
  // The log goes on until the end, and so does the console: somebody may be reading on it how the shutdown goes.
  await machine.services.stopAll(['console', 'syslog']);
}
