/** The configuration as it can be given away: to another machine, or with its secrets into a backup. Pure. */
import type { LoadedConfig } from './load.ts';
import { isMap, merge, type ConfigMap } from './merge.ts';
import type { CloudConfig } from './schema.ts';
import { isSecretPath, maskText } from './secrets.ts';

/** What RancherOS leaves out as well: it belongs to this machine and no other. */
const ownKeys: ReadonlySet<string> = new Set(['rancher.ssh.keys', 'rancher.autologin']);

export interface Exported {
  readonly config: CloudConfig;
  /** The keys of what was left out, dotted. */
  readonly leftOut: readonly string[];
}

/**
 * What distinguishes this machine from one as it comes: all layers but the built-in one and the maker's, or all of them
 * (`full`). Without `secrets` what is one is left out rather than masked: a mask would be taken for a password elsewhere.
 */
export function exportConfig({ config, layers }: Pick<LoadedConfig, 'config' | 'layers'>, { full, secrets }: { readonly full: boolean; readonly secrets: boolean }): Exported {
  const own = layers.filter(({ origin }) => origin !== 'built-in' && origin !== 'oem').reduce<ConfigMap>((below, layer) => merge(below, layer.config), {});
  // Metadata does not replace the keys of other layers, it adds to them.
  const whole = full ? config as ConfigMap : own['ssh_authorized_keys'] === undefined ? own : { ...own, ssh_authorized_keys: config.ssh_authorized_keys };
  const leftOut: string[] = [];
  return { config: (secrets ? whole : withoutSecrets(whole, [], leftOut) ?? {}) as CloudConfig, leftOut };
}

/** Undefined for a secret, and for a text with one in it; a map of which nothing is left goes too. */
function withoutSecrets(value: unknown, path: readonly string[], leftOut: string[]): unknown {
  const key = path.join('.');
  if (ownKeys.has(key) || (path.length > 0 && isSecretPath(path)) || (typeof value === 'string' && maskText(value) !== value)) {
    leftOut.push(key);
    return undefined;
  }
  if (Array.isArray(value)) return value.map((item: unknown, index) => withoutSecrets(item, [...path, String(index)], leftOut)).filter((item) => item !== undefined);
  if (!isMap(value)) return value;
  const left = Object.entries(value).flatMap(([name, below]): [string, unknown][] => {
    const shown = withoutSecrets(below, [...path, name], leftOut);
    return shown === undefined ? [] : [[name, shown]];
  });
  return left.length === 0 && Object.keys(value).length > 0 ? undefined : Object.fromEntries(left);
}

/** The images of a cloud-config's services, each once, in order. */
export function imagesOf(config: unknown): string[] {
  const rancher = isMap(config) ? config['rancher'] : undefined;
  const services = ['bootstrap', 'services'].flatMap((key) => (isMap(rancher) && isMap(rancher[key]) ? Object.values(rancher[key]) : []));
  return [...new Set(services.flatMap((service) => (isMap(service) && typeof service['image'] === 'string' ? [service['image']] : [])))].sort();
}
