/** Whose namespaces User Docker runs in: its container is made anew for a change (plane-mode.ts). */
import { waitFor } from '../../lib/wait.ts';
import { reloadPlan } from '../service-plan.ts';
import type { Part } from './part.ts';

const service = 'docker';
const answerMs = 180_000;

export const isolationPart: Part = {
  name: 'docker (isolation)',
  keys: ['rancher.docker.isolation'],
  of: ({ docker }) => docker.isolation,
  effect: 'restarts', restarts: [service],
  what: (_before, { docker }) => `User Docker is started again ${docker.isolation === 'host' ? 'in the machine\'s own namespaces, where root in a container may be root of this machine' : 'in namespaces of its own'}: `
    + 'all user containers stop, those with a restart policy start again; images, containers and volumes are kept, a swarm must be made anew',
  async apply(machine) {
    const { services, userEngine, clock } = machine;
    await reloadPlan(machine, 'here', (name) => name === service);
    // One that somebody has stopped stays so.
    if (!services.has(service) || !services.runner(service, 'restart').started) return;
    await services.restart(service);
    await waitFor(() => userEngine.ping(answerMs), { clock, what: 'User Docker to answer', timeoutMs: answerMs, pauseMs: 500 });
  },
};
