/** OpenStack's metadata: over the network here, and as files on a config drive. */
import { causeOf } from '../../lib/errors.ts';
import type { Found } from '../found.ts';
import type { Metadata } from '../metadata.ts';
import type { Problem } from '../problem.ts';
import { baseUrl, type Datasource } from './datasource.ts';
import { hostnameOf, isObject, listOf, mapOf, parseObject, textOf } from './json.ts';
import { joined, networkOf, numberOf, type Card, type FoundNetwork } from './network.ts';

export const openstack: Datasource = {
  name: 'openstack',
  needs: 'network',
  recognise: ({ product, assetTag }) => (/^OpenStack (?:Nova|Compute)$/.test(product) || ['OpenTelekomCloud', 'HUAWEICLOUD', 'SAP CCloud VM'].includes(assetTag) ? 'yes' : 'perhaps'),
  async fetch(argument, { web }) {
    const base = `${baseUrl(argument, 'http://169.254.169.254')}/openstack/latest`;
    const metaData = await web.get(`${base}/meta_data.json`);
    if (metaData === undefined || parseObject(metaData) === undefined) return undefined;
    return readOpenstack(async (name) => (name === 'meta_data.json' ? metaData : web.get(`${base}/${name}`)), 'openstack', { mustHave: true });
  },
};

/**
 * What is below `openstack/latest`. On a drive a file that cannot be read costs only itself; over a network (`mustHave`)
 * that is thrown, for the next try may do better.
 */
export async function readOpenstack(readFile: (name: string) => Promise<Buffer | undefined>, source: string, { mustHave = false } = {}): Promise<Found> {
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
  const readObject = async (name: string) => {
    const bytes = await read(name);
    const value = bytes === undefined ? undefined : parseObject(bytes);
    if (bytes !== undefined && value === undefined) problems.push({ severity: 'warning', source: `${name} of ${source}`, message: 'it is not a JSON object; not used' });
    return value;
  };
  const userData = await read('user_data');
  const metaData = await readObject('meta_data.json');
  const network = parseNetworkData(await readObject('network_data.json'));
  const metadata = metaData === undefined && network === undefined ? undefined : { ...parseMetaData(metaData), ...(network === undefined ? {} : { network }) };
  return { source, userData, metadata, problems };
}

/** Takes the host name and the public keys; whatever has another type than it should is left out. */
function parseMetaData(value: unknown): Metadata {
  const { hostname, public_keys: keys } = mapOf(value);
  const sshPublicKeys = Object.fromEntries(Object.entries(mapOf(keys)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  return { ...hostnameOf(hostname), sshPublicKeys };
}

/** `network_data.json`: links are the cards, networks what is on them. */
export function parseNetworkData(value: unknown): FoundNetwork | undefined {
  const { links, networks, services } = mapOf(value);
  const all = listOf(networks).filter(isObject);
  const physical = listOf(links).filter(isObject).filter(({ type }) => !['bond', 'vlan'].includes(textOf(type) ?? ''));
  const cards = physical.map((link): Card => {
    const own = all.filter((network) => network['link'] === link['id'] && link['id'] !== undefined);
    return {
      mac: textOf(link['ethernet_mac_address']), mtu: numberOf(link['mtu']),
      dhcp: own.some(({ type }) => type === 'ipv4_dhcp'),
      addresses: own.map((network) => joined(network['ip_address'], network['netmask'])),
      gateways: own.flatMap((network) => [
        textOf(network['gateway']),
        ...listOf(network['routes']).filter(isObject).filter((route) => ['0.0.0.0', '::'].includes(textOf(route['network']) ?? '')).map((route) => textOf(route['gateway'])),
      ]),
    };
  });
  const servers = [...listOf(services), ...all.flatMap((network) => listOf(network['services']))].filter(isObject).filter(({ type }) => type === 'dns').map(({ address }) => address);
  return networkOf(cards, servers);
}
