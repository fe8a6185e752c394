/** Layers → plan: which services there are and what each waits for. Pure. */
import type { DependencyCondition, ServiceDefinition } from './definition.ts';
import { commaList, defineService, type Fragment } from './manifest.ts';
import { findCycles } from './order.ts';
import { RosError } from '../lib/errors.ts';

export interface Layer {
  readonly name: string;
  readonly services: readonly Fragment[];
}

export interface Plan {
  readonly services: ReadonlyMap<string, ServiceDefinition>;
}

/** Combines layers in their order, each saying any part of a service. Throws on a cycle, naming its members. */
export function combineLayers(layers: readonly Layer[]): Plan {
  const fragments = new Map<string, Fragment[]>();
  for (const layer of layers) for (const fragment of layer.services) fragments.set(fragment.name, [...(fragments.get(fragment.name) ?? []), fragment]);
  const services = new Map([...fragments].map(([name, parts]) => [name, defineService(parts)]));
  const plan = { services: withBeforeEdges(services) };
  const cycles = findCycles([...plan.services.keys()], (name) => [...(plan.services.get(name)?.after.keys() ?? [])]);
  if (cycles.length > 0) {
    throw new RosError('ERR_ROS_CYCLE', `cannot order services: they wait for each other: ${cycles.map((cycle) => cycle.join(', ')).join('; ')}`);
  }
  return plan;
}

/** `before: b` in a means `after: a` in b; from here on there is only `after`, and only names that exist. */
function withBeforeEdges(services: ReadonlyMap<string, ServiceDefinition>): Map<string, ServiceDefinition> {
  const after = new Map<string, Map<string, DependencyCondition>>();
  for (const service of services.values()) after.set(service.name, new Map([...service.after].filter(([name]) => services.has(name))));
  for (const service of services.values()) {
    for (const name of commaList(service.labels['io.rancher.os.before'])) after.get(name)?.set(service.name, 'healthy');
  }
  return new Map([...services.values()].map((service) => [service.name, { ...service, after: after.get(service.name) ?? new Map<string, DependencyCondition>() }]));
}
