/** VMware's guestinfo: keys of RancherOS and of cloud-init, and the properties of an OVF package. */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { RosError } from '../../lib/errors.ts';
import type { Found } from '../found.ts';
import { maxConfigBytes } from '../load.ts';
import { parseYaml, plainValue } from '../yaml.ts';
import type { Datasource, DatasourceContext } from './datasource.ts';
import { hostnameOf, isObject, mapOf, type Json } from './json.ts';
import { networkOf, type Card, type FoundNetwork } from './network.ts';
import { parseNetworkConfig, readNetworkConfig } from './network-config.ts';
import { fetchUrl } from './url.ts';

type Reader = (key: string) => Promise<string | undefined>;

const maxItems = 32;

/** Needs no network itself; what a URL in it names comes from there. */
export const vmware: Datasource = {
  name: 'vmware',
  needs: 'nothing',
  recognise: ({ vendor }) => (vendor.startsWith('VMware') ? 'yes' : 'no'),
  async fetch(_argument, context) {
    if (!context.facts.dmi.vendor.startsWith('VMware')) return undefined;
    const read = await reader(context);
    const metadata = mapOf(plainValue(parseYaml((await decoded(read, 'metadata', ['metadata.encoding']))?.toString('utf8') ?? '')));
    const userData = (await decoded(read, 'userdata', ['userdata.encoding']))
      ?? (await decoded(read, 'cloud-init.config.data', ['cloud-init.data.encoding', 'cloud-init.config.data.encoding']))
      ?? (await decoded(read, 'coreos.config.data', ['coreos.config.data.encoding']));
    const network = (await readNetwork(read)) ?? networkOfMetadata(metadata);
    const hostname = hostnameOf((await read('hostname')) ?? metadata['local-hostname'] ?? metadata['hostname']);
    if (userData === undefined && network === undefined && hostname.hostname === undefined && Object.keys(metadata).length === 0) return undefined;
    return { source: 'vmware guestinfo', userData, metadata: { ...hostname, sshPublicKeys: {}, ...(network === undefined ? {} : { network }) }, problems: [] };
  },
};

export const vmwareUrl: Datasource = {
  name: 'vmware',
  needs: 'network',
  applies: (_argument, { dmi }) => dmi.vendor.startsWith('VMware'),
  recognise: ({ vendor }) => (vendor.startsWith('VMware') ? 'yes' : 'no'),
  async fetch(_argument, context): Promise<Found | undefined> {
    const read = await reader(context);
    const url = (await read('cloud-init.config.url')) ?? (await read('coreos.config.url'));
    return url === undefined ? undefined : fetchUrl(url, context, 'vmware guestinfo');
  },
};

/** A property of the OVF package is one of guestinfo that was said once, when the machine was made. */
async function reader({ guestInfo }: DatasourceContext): Promise<Reader> {
  const properties = ovfProperties((await guestInfo('ovfEnv')) ?? '');
  return async (key) => {
    const value = (await guestInfo(key)) ?? properties.get(key);
    return value === undefined || value.trim() === '' || value === 'null' ? undefined : value;
  };
}

/** `<Property oe:key="guestinfo.NAME" oe:value="…"/>` */
export function ovfProperties(xml: string): Map<string, string> {
  return new Map([...xml.matchAll(/<(?:\w+:)?Property\s([^<>]*)>/g)].flatMap(([, attributes = '']): [string, string][] => {
    const value = (name: string): string | undefined => new RegExp(`(?:^|[\\s:])${name}="([^"]*)"`).exec(attributes)?.[1];
    const key = value('key');
    return key === undefined ? [] : [[key.replace(/^guestinfo\./, ''), unescaped(value('value') ?? '')]];
  }));
}

function unescaped(text: string): string {
  const names: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
  return text.replaceAll(/&(?:#(\d{1,6})|#x([0-9a-fA-F]{1,5})|(lt|gt|quot|apos|amp));/g, (_all, decimal: string | undefined, hex: string | undefined, name: string | undefined) =>
    (name === undefined ? String.fromCodePoint(Number.parseInt(decimal ?? hex ?? '20', decimal === undefined ? 16 : 10)) : names[name] ?? ''));
}

async function decoded(read: Reader, key: string, encodingKeys: readonly string[]): Promise<Buffer | undefined> {
  const text = await read(key);
  if (text === undefined) return undefined;
  let encoding = '';
  for (const name of encodingKeys) encoding ||= (await read(name)) ?? '';
  if (encoding === '') return Buffer.from(text);
  if (/^(?:b64|base64)$/.test(encoding)) return Buffer.from(text, 'base64');
  if (!/^gz(?:ip)?(?:\+b(?:ase)?64)?$/.test(encoding)) throw new RosError('ERR_ROS_CONFIG', `cannot read guestinfo "${key}": its encoding is not known`);
  return promisify(gunzip)(Buffer.from(text, 'base64'), { maxOutputLength: maxConfigBytes })
    .catch((cause: unknown) => { throw new RosError('ERR_ROS_CONFIG', `cannot read guestinfo "${key}": it is not gzip, damaged or too large`, { cause }); });
}

/** RancherOS's `interface.N.…` and `dns.…`. */
async function readNetwork(read: Reader): Promise<FoundNetwork | undefined> {
  const list = async (prefix: string, suffix = ''): Promise<string[]> => {
    const values: string[] = [];
    for (let index = 0; index < maxItems; index++) {
      const value = await read(`${prefix}.${index}${suffix}`);
      if (value === undefined) break;
      values.push(value);
    }
    return values;
  };
  const cards: Card[] = [];
  for (let index = 0; index < maxItems; index++) {
    const prefix = `interface.${index}`;
    const [name, mac, dhcp] = [await read(`${prefix}.name`), await read(`${prefix}.mac`), await read(`${prefix}.dhcp`)];
    const addresses = await list(`${prefix}.ip`, '.address');
    if (name === undefined && mac === undefined && dhcp === undefined && addresses.length === 0) break;
    cards.push({ name, mac, dhcp: /^(?:yes|true|1)$/i.test(dhcp ?? ''), addresses, gateways: await list(`${prefix}.route`, '.gateway') });
  }
  return networkOf(cards, await list('dns.server'), await list('dns.domain'));
}

/** cloud-init's: `network:` as a map, or as text with an encoding of its own. */
function networkOfMetadata(metadata: Json): FoundNetwork | undefined {
  const { network } = metadata;
  if (isObject(network)) return readNetworkConfig(isObject(network['network']) ? network['network'] : network).network;
  if (typeof network !== 'string') return undefined;
  const isBase64 = /^(?:b64|base64)$/.test(String(metadata['network.encoding'] ?? ''));
  return parseNetworkConfig(isBase64 ? Buffer.from(network, 'base64').toString('utf8') : network).network;
}
