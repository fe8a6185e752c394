/** cloud-init's network-config, versions 1 and 2, as far as plain network cards go. */
import { plainValue, parseYaml } from '../yaml.ts';
import { at, isObject, listOf, mapOf, textOf, type Json } from './json.ts';
import { joined, networkOf, numberOf, wordsOf, type Card, type FoundNetwork } from './network.ts';

export interface NetworkConfig {
  readonly network: FoundNetwork | undefined;
  /** What of it is not used, in words. */
  readonly notUsed: readonly string[];
}

/** Throws a YamlError. */
export function parseNetworkConfig(text: string): NetworkConfig {
  const document = mapOf(plainValue(parseYaml(text)));
  return readNetworkConfig(isObject(document['network']) ? document['network'] : document);
}

/** The map in which `version` stands. */
export function readNetworkConfig(config: Json): NetworkConfig {
  if (config['version'] === 1) return readVersion1(config);
  if (config['version'] === 2) return readVersion2(config);
  return { network: undefined, notUsed: [config['config'] === 'disabled' ? 'it turns network configuration off' : 'its version is neither 1 nor 2'] };
}

function readVersion1({ config }: Json): NetworkConfig {
  const entries = listOf(config).filter(isObject);
  const servers = entries.filter(({ type }) => type === 'nameserver');
  const others = entries.filter(({ type }) => type !== 'physical' && type !== 'nameserver').map(({ type }) => textOf(type) ?? 'what has no type');
  const cards = entries.filter(({ type }) => type === 'physical');
  const subnets = cards.flatMap((card) => listOf(card['subnets']).filter(isObject));
  return {
    network: networkOf(
      cards.map(cardOfVersion1),
      [...servers, ...subnets].flatMap((entry) => [...wordsOf(entry['address'] === undefined || entry['type'] !== 'nameserver' ? entry['dns_nameservers'] : entry['address'])]),
      [...servers, ...subnets].flatMap((entry) => [...wordsOf(entry['type'] === 'nameserver' ? entry['search'] : entry['dns_search'])]),
    ),
    notUsed: notActive(others),
  };
}

function cardOfVersion1(card: Json): Card {
  const subnets = listOf(card['subnets']).filter(isObject);
  return {
    name: textOf(card['name']), mac: textOf(card['mac_address']), mtu: numberOf(card['mtu']),
    dhcp: subnets.some(({ type }) => type === 'dhcp' || type === 'dhcp4'),
    addresses: subnets.filter(({ type }) => type === 'static' || type === 'static6').map(({ address, netmask }) => joined(address, netmask)),
    gateways: subnets.flatMap(({ gateway, routes }) => [textOf(gateway), ...defaultRoutes(routes, 'network', 'gateway')]),
  };
}

function readVersion2(config: Json): NetworkConfig {
  const cards = Object.entries(mapOf(config['ethernets'])).map(([id, settings]) => ({ id, settings: mapOf(settings) }));
  const others = ['bonds', 'bridges', 'vlans', 'wifis', 'tunnels'].filter((kind) => Object.keys(mapOf(config[kind])).length > 0);
  return {
    network: networkOf(
      cards.map(({ id, settings }): Card => ({
        // With `match` the id is any word; without, it is the card's name.
        name: textOf(at(settings, 'match', 'name')) ?? (settings['match'] === undefined ? id : undefined),
        mac: textOf(at(settings, 'match', 'macaddress')),
        dhcp: settings['dhcp4'] === true,
        addresses: listOf(settings['addresses']).map((address) => textOf(isObject(address) ? Object.keys(address)[0] : address)),
        gateways: [textOf(settings['gateway4']), textOf(settings['gateway6']), ...defaultRoutes(settings['routes'], 'to', 'via')],
        mtu: numberOf(settings['mtu']),
      })),
      cards.flatMap(({ settings }) => [...wordsOf(at(settings, 'nameservers', 'addresses'))]),
      cards.flatMap(({ settings }) => [...wordsOf(at(settings, 'nameservers', 'search'))]),
    ),
    notUsed: notActive(others),
  };
}

/** Where routes to everywhere lead. */
function defaultRoutes(routes: unknown, to: string, via: string): (string | undefined)[] {
  return listOf(routes).filter(isObject)
    .filter((route) => ['default', '0.0.0.0/0', '::/0', '0.0.0.0', '::', '0/0'].includes(textOf(route[to]) ?? ''))
    .map((route) => textOf(route[via]));
}

function notActive(kinds: readonly string[]): string[] {
  return kinds.length === 0 ? [] : [`not active yet: ${[...new Set(kinds)].map((kind) => kind.replaceAll(/[^\w -]/g, '?').slice(0, 20)).join(', ')}`];
}
