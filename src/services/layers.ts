/**
 * The layers of services, read from where they lie, in the order in which they are laid over each other (later wins):
 *
 *   shipped < OEM < repository services < files and URLs < rancher.services of the cloud-config
 *
 * One that cannot be read or does not parse is told in `problems` and left out; the others are used.
 */
import { join } from 'node:path';
import { causeOf } from '../lib/errors.ts';
import { listDirectory, readTextFile } from '../sys/files.ts';
import { readConfiguredServices, readManifest, type Fragment } from './manifest.ts';
import type { Layer } from './plan.ts';

/** Bytes of one service file. */
export const manifestLimit = 256 * 1024;

export interface ServiceFile { readonly text: string; readonly origin: string }

export interface LayerSources {
  /** A folder each with a `service.yml`. */
  readonly shippedDirectory: string;
  /** `rancher.services` of each layer of the configuration that has any, in their order. */
  readonly configured: readonly { readonly name: string; readonly services: unknown; readonly isOem: boolean }[];
  /** The entries of `rancher.services_include` that are on: names, paths and URLs. */
  readonly includes: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  /** The service file that an entry means; rejects when it cannot be had. */
  readonly fetch: (include: string) => Promise<ServiceFile>;
}

export interface ReadLayers { readonly layers: readonly Layer[]; readonly problems: readonly string[] }

export async function readLayers(sources: LayerSources): Promise<ReadLayers> {
  const problems: string[] = [];
  const shipped: Layer = { name: 'shipped', services: await shippedServices(sources, problems) };
  const configured = sources.configured.map(({ name, services, isOem }) => ({
    isOem, layer: { name, services: readConfiguredServices(services, name, sources.variables, (problem) => { problems.push(`${problem} (${name}); not used`); }) },
  }));
  const includes = await Promise.all(inOrder(sources.includes).map(async (include) => readInclude(include, sources, problems)));
  return {
    layers: [
      shipped, ...configured.filter(({ isOem }) => isOem).map(({ layer }) => layer),
      ...includes.filter((layer) => layer !== undefined), ...configured.filter(({ isOem }) => !isOem).map(({ layer }) => layer),
    ],
    problems,
  };
}

/** The layer that an entry of `rancher.services_include` brings. Throws with every problem of its file. */
export function includeLayer(include: string, { text, origin }: ServiceFile, variables: Readonly<Record<string, string>>): Layer {
  return { name: origin, include, services: readManifest(text, origin, variables) };
}

/** Names first, then paths and URLs, each by name: the order never depends on when one was enabled. */
function inOrder(includes: readonly string[]): string[] {
  const rank = (include: string): number => (include.includes('/') ? 1 : 0);
  return [...includes].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

async function readInclude(include: string, { fetch, variables }: LayerSources, problems: string[]): Promise<Layer | undefined> {
  try {
    return includeLayer(include, await fetch(include), variables);
  } catch (error) {
    problems.push(`Service "${include}" is enabled and not there: ${causeOf(error)}`);
    return undefined;
  }
}

async function shippedServices({ shippedDirectory, variables }: LayerSources, problems: string[]): Promise<Fragment[]> {
  const services: Fragment[] = [];
  for (const folder of await listDirectory(shippedDirectory)) {
    const file = join(shippedDirectory, folder, 'service.yml');
    try {
      const text = await readTextFile(file, manifestLimit);
      if (text !== undefined) services.push(...readManifest(text, file, variables).map((fragment) => ({ ...fragment, builtIn: true })));
    } catch (error) {
      problems.push(causeOf(error));
    }
  }
  return services;
}
