/**
 * NoCloud: a volume labelled cidata with `user-data`, `meta-data` and `network-config`, or the same files where
 * `ds=nocloud;s=…` says, a kernel parameter or the SMBIOS serial number. Proxmox makes such a drive, too.
 */
import { join } from 'node:path';
import { causeOf } from '../../lib/errors.ts';
import { readBytes } from '../../sys/files.ts';
import type { Found } from '../found.ts';
import { maxConfigBytes } from '../load.ts';
import type { Metadata } from '../metadata.ts';
import type { Problem } from '../problem.ts';
import { parseYaml, plainValue } from '../yaml.ts';
import type { Datasource, DatasourceContext, Facts } from './datasource.ts';
import { hostnameOf, listOf, mapOf, numbered, textOf, textsOf, type Json } from './json.ts';
import { parseNetworkConfig } from './network-config.ts';

const labels = ['cidata', 'CIDATA'];

export const nocloud: Datasource = {
  name: 'nocloud',
  needs: 'nothing',
  async fetch(_argument, context) {
    const { folder } = seedOf(context.facts);
    return folder === undefined ? fetchDrive('nocloud', context) : readSeed((name) => readBytes(join(folder, name), maxConfigBytes), `nocloud in ${folder}`);
  },
};

export const nocloudNet: Datasource = {
  name: 'nocloud',
  needs: 'network',
  applies: (argument, facts) => isUrl(argument) || seedOf(facts).url !== undefined,
  async fetch(argument, { web, facts }) {
    const seed = seedOf(facts);
    const url = isUrl(argument) ? argument : seed.url;
    if (url === undefined) return undefined;
    const found = await readSeed((name) => web.get(`${url.replace(/\/?$/, '/')}${name}`), 'nocloud over the network', { mustHave: true });
    if (found === undefined || seed.hostname === undefined || found.metadata?.hostname !== undefined) return found;
    return { ...found, metadata: { sshPublicKeys: {}, ...found.metadata, hostname: seed.hostname } };
  },
};

export const proxmox: Datasource = {
  name: 'proxmox',
  needs: 'nothing',
  async fetch(_argument, context) {
    // RancherOS takes whatever is in the first CD drive.
    return (await fetchDrive('proxmox', context)) ?? context.volumes.mounted('/dev/sr0', undefined, (root) => readFolder(root, 'proxmox on /dev/sr0')).catch(() => undefined);
  },
};

async function fetchDrive(name: string, { volumes }: DatasourceContext): Promise<Found | undefined> {
  const device = await volumes.findByLabel(labels);
  return device === undefined ? undefined : volumes.mounted(device, undefined, (root) => readFolder(root, `${name} on ${device}`));
}

function readFolder(root: string, source: string): Promise<Found | undefined> {
  return readSeed((name) => readBytes(join(root, name), maxConfigBytes), source);
}

interface Seed { readonly url?: string; readonly folder?: string; readonly hostname?: string }

/** `ds=nocloud;s=http://host/path/;h=name`, also as `ds=nocloud-net;seedfrom=…`. The kernel parameter goes before the serial number. */
export function seedOf({ cmdline, dmi }: Facts): Seed {
  const text = /(?:^|\s)"?ds=(nocloud(?:-net)?;\S*?)"?(?:\s|$)/i.exec(cmdline)?.[1] ?? /^ds=(nocloud(?:-net)?;\S*)$/i.exec(dmi.serial)?.[1] ?? '';
  const fields = new Map(text.split(';').slice(1).map((field): [string, string] => [field.split('=')[0] ?? '', field.slice(field.indexOf('=') + 1)]));
  const from = fields.get('s') ?? fields.get('seedfrom') ?? '';
  const hostname = fields.get('h') ?? fields.get('local-hostname');
  const folder = from.replace(/^file:\/\//, '');
  return { ...(isUrl(from) ? { url: from } : folder.startsWith('/') ? { folder } : {}), ...(hostname === undefined ? {} : { hostname }) };
}

function isUrl(text: string | undefined): text is string { return /^https?:\/\//.test(text ?? ''); }

/** Undefined when there is none of the files. What is wrong in one costs only that one. */
async function readSeed(readFile: (name: string) => Promise<Buffer | undefined>, source: string, { mustHave = false } = {}): Promise<Found | undefined> {
  const problems: Problem[] = [];
  const read = async (name: string): Promise<Buffer | undefined> => {
    try {
      return await readFile(name);
    } catch (error) {
      if (mustHave) throw error;
      problems.push({ severity: 'error', source: `${name} of ${source}`, message: causeOf(error) });
      return undefined;
    }
  };
  const parse = <T>(name: string, bytes: Buffer | undefined, parseText: (text: string) => T): T | undefined => {
    try {
      return bytes === undefined ? undefined : parseText(bytes.toString('utf8'));
    } catch (error) {
      problems.push({ severity: 'error', source: `${name} of ${source}`, message: causeOf(error) });
      return undefined;
    }
  };
  const userData = await read('user-data');
  const metaData = await read('meta-data');
  const networkConfig = await read('network-config');
  if (userData === undefined && metaData === undefined && networkConfig === undefined && problems.length === 0) return undefined;
  const metadata = parse('meta-data', metaData, (text) => metadataOf(mapOf(plainValue(parseYaml(text)))));
  const network = parse('network-config', networkConfig, parseNetworkConfig);
  for (const message of network?.notUsed ?? []) problems.push({ severity: 'warning', source: `network-config of ${source}`, message });
  return {
    source, userData, problems,
    metadata: metadata === undefined && network?.network === undefined ? undefined : { sshPublicKeys: {}, ...metadata, ...(network?.network === undefined ? {} : { network: network.network }) },
  };
}

function metadataOf(metaData: Json): Metadata {
  return { ...hostnameOf(metaData['local-hostname'] ?? metaData['hostname']), sshPublicKeys: publicKeys(metaData['public-keys'] ?? metaData['public_keys']) };
}

/** A key, a list of keys, or a map of them by name, as clouds have it: plain, or below `openssh-key`. */
function publicKeys(value: unknown): Record<string, string> {
  if (typeof value === 'string') return numbered(value.split('\n').filter((line) => line.trim() !== ''));
  if (Array.isArray(value)) return numbered(textsOf(value));
  return Object.fromEntries(Object.entries(mapOf(value)).flatMap(([name, entry]): [string, string][] => {
    const key = textOf(entry) ?? textOf(mapOf(entry)['openssh-key']) ?? textOf(listOf(entry)[0]);
    return key === undefined ? [] : [[name, key]];
  }));
}
