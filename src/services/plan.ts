/** Layers → plan: which services there are, what each waits for, and who said so. Pure. */
import type { DependencyCondition, ServiceDefinition } from './definition.ts';
import { commaList, defineService } from './define.ts';
import type { Fragment } from './manifest.ts';
import { findCycles } from './order.ts';
import { causeOf, RosError } from '../lib/errors.ts';

export interface Layer {
  readonly name: string;
  /** The entry of `rancher.services_include` that brought it. */
  readonly include?: string;
  readonly services: readonly Fragment[];
}

export interface Plan {
  readonly services: ReadonlyMap<string, ServiceDefinition>;
  /** What the layers say of each service, in their order. */
  readonly fragments: ReadonlyMap<string, readonly Fragment[]>;
  /** The names that each entry of `rancher.services_include` has brought. */
  readonly included: ReadonlyMap<string, readonly string[]>;
  /** What is not in force, and why: a sentence for each. */
  readonly problems: readonly string[];
}

export const emptyPlan: Plan = { services: new Map(), fragments: new Map(), included: new Map(), problems: [] };

/** User Docker's own service: what is in the user scope comes after it. */
const userEngineService = 'docker';

/**
 * Combines layers in their order, each saying any part of a service. What cannot be used is left out and told in
 * `problems`; every other service stays. Of a service that comes with the system only what others say of it is dropped.
 */
export function combineLayers(layers: readonly Layer[]): Plan {
  const fragments = new Map<string, Fragment[]>();
  for (const layer of layers) for (const fragment of layer.services) fragments.set(fragment.name, [...(fragments.get(fragment.name) ?? []), fragment]);
  const included = new Map(layers.flatMap(({ include, services }) => (include === undefined ? [] : [[include, services.map(({ name }) => name)]])));
  const problems: string[] = [];

  /** Takes back what was said of a service beyond the system's own manifests. False when nothing was. */
  const reduce = (name: string): boolean => {
    const own = (fragments.get(name) ?? []).filter((fragment) => fragment.builtIn);
    const isLess = own.length < (fragments.get(name)?.length ?? 0);
    if (own.length === 0) fragments.delete(name);
    else fragments.set(name, own);
    return isLess;
  };
  for (;;) {
    const services = defineAll(fragments, (name, cause) => { problems.push(cause); reduce(name); });
    const cycles = findCycles([...services.keys()], (name) => [...(services.get(name)?.after.keys() ?? [])]);
    if (cycles.length === 0) return { services, fragments, included, problems };
    for (const cycle of cycles) {
      problems.push(`cannot order services ${cycle.map((name) => `"${name}"`).join(', ')}: they wait for each other`);
      if (!cycle.map(reduce).includes(true)) throw new RosError('ERR_ROS_CYCLE', problems.at(-1) ?? '');
    }
  }
}

function defineAll(fragments: ReadonlyMap<string, readonly Fragment[]>, onProblem: (name: string, cause: string) => void): Map<string, ServiceDefinition> {
  const services = new Map<string, ServiceDefinition>();
  for (const name of [...fragments.keys()]) {
    // Once more after a problem: a service of the system's is then what its own manifest says.
    for (let attempt = 0; attempt < 2 && fragments.has(name); attempt += 1) {
      try {
        services.set(name, defineService(fragments.get(name) ?? []));
        break;
      } catch (error) {
        onProblem(name, causeOf(error));
      }
    }
  }
  return withAllEdges(services);
}

/**
 * From here on there is only `after`, and only names that exist: `before: b` in a means `after: a` in b, and what is in the
 * user scope comes after User Docker.
 */
function withAllEdges(services: ReadonlyMap<string, ServiceDefinition>): Map<string, ServiceDefinition> {
  const after = new Map<string, Map<string, DependencyCondition>>();
  for (const service of services.values()) {
    const edges = new Map([...service.after].filter(([name]) => services.has(name)));
    if (service.scope === 'user' && services.has(userEngineService)) edges.set(userEngineService, 'healthy');
    after.set(service.name, edges);
  }
  for (const service of services.values()) {
    for (const name of commaList(service.labels['io.rancher.os.before'])) after.get(name)?.set(service.name, 'healthy');
  }
  // Who is waited for until it has completed is meant to end, as with Compose.
  const jobs = new Set([...after.values()].flatMap((edges) => [...edges].flatMap(([name, condition]) => (condition === 'completed' ? [name] : []))));
  return new Map([...services.values()].map((service) => [service.name, {
    ...service, oneshot: service.oneshot || jobs.has(service.name), after: after.get(service.name) ?? new Map<string, DependencyCondition>(),
  }]));
}
