/** What a datasource says of the machine itself. It only fills in: keys are appended, the host name counts if nobody set one. */
import { join } from 'node:path';
import { causeOf } from '../lib/errors.ts';
import { readTextFile } from '../sys/files.ts';
import type { FoundNetwork } from './datasources/network.ts';
import type { Layer } from './load.ts';
import { merge } from './merge.ts';
import type { CloudConfig } from './schema.ts';
import { validate } from './validate.ts';
import { parseYaml } from './yaml.ts';

export interface Metadata {
  readonly hostname?: string;
  /** Public keys by their name. */
  readonly sshPublicKeys: Readonly<Record<string, string>>;
  /** Kept as a layer of its own, `cloud-config.d/network.yml`: what it says the user may change. */
  readonly network?: FoundNetwork;
}

export const metadataFile = 'metadata';
const maxMetadataBytes = 1024 * 1024;

/** Metadata as the file keeps it (JSON, which is YAML too). */
export function formatMetadata(datasource: string, metadata: Metadata): string {
  return `${JSON.stringify({ datasource, hostname: metadata.hostname, sshPublicKeys: metadata.sshPublicKeys }, null, 2)}\n`;
}

/** The layer that the saved metadata makes over `config`; undefined when there is none. */
export async function withMetadata(confDirectory: string, config: CloudConfig): Promise<{ config: CloudConfig; layer: Layer } | undefined> {
  const source = join(confDirectory, metadataFile);
  const layer = { name: 'metadata', source, origin: 'metadata' as const, usedLastGood: false };
  try {
    const text = await readTextFile(source, maxMetadataBytes);
    if (text === undefined) return undefined;
    const { config: own, problems } = validate(fragmentOf(parseYaml(text), config), source);
    const keys = [...config.ssh_authorized_keys ?? [], ...own.ssh_authorized_keys ?? []];
    const merged = merge(config, { ...own, ...(keys.length === 0 ? {} : { ssh_authorized_keys: [...new Set(keys)] }) });
    return { config: merged, layer: { ...layer, config: own, problems } };
  } catch (error) {
    return { config, layer: { ...layer, config: {}, problems: [{ severity: 'warning', source, message: causeOf(error) }] } };
  }
}

/** As cloud-config, the keys in the order of their names. Nothing but text is taken. */
function fragmentOf(metadata: unknown, config: CloudConfig): Record<string, string | string[]> {
  const { hostname, sshPublicKeys } = (metadata ?? {}) as { hostname?: unknown; sshPublicKeys?: unknown };
  const keys = Object.entries((sshPublicKeys ?? {}) as Record<string, unknown>)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, key]) => (typeof key === 'string' ? [key] : []));
  return {
    ...(typeof hostname === 'string' && config.hostname === undefined ? { hostname } : {}),
    ...(keys.length === 0 ? {} : { ssh_authorized_keys: keys }),
  };
}
