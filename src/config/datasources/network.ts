/** The network as a datasource describes it, in the words of `rancher.network`. What makes no sense is left out. */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { listOf } from './json.ts';

/** One network card. */
export interface Card {
  readonly name?: string | undefined;
  readonly mac?: string | undefined;
  readonly dhcp?: boolean;
  /** ADDRESS/PREFIX or ADDRESS/NETMASK. */
  readonly addresses: readonly (string | undefined)[];
  readonly gateways: readonly (string | undefined)[];
  readonly mtu?: number | undefined;
}

/** A part of `rancher.network`. */
export interface FoundNetwork {
  readonly interfaces: Readonly<Record<string, unknown>>;
  readonly dns?: { readonly nameservers?: readonly string[]; readonly search?: readonly string[] };
}

const maxCards = 64;

/** Undefined when nothing is left to configure. By its hardware address a card is named surely: the kernel chooses the others' names. */
export function networkOf(cards: readonly Card[], nameservers: readonly unknown[] = [], search: readonly unknown[] = []): FoundNetwork | undefined {
  const interfaces = Object.fromEntries(cards.slice(0, maxCards).flatMap((card): [string, unknown][] => {
    const name = nameOf(card);
    const settings = settingsOf(card);
    return name === undefined || settings === undefined ? [] : [[name, settings]];
  }));
  if (Object.keys(interfaces).length === 0) return undefined;
  const servers = [...new Set(nameservers.filter((server): server is string => typeof server === 'string' && isIP(server) !== 0))];
  const domains = [...new Set(search.filter((domain): domain is string => typeof domain === 'string' && /^[A-Za-z0-9._-]{1,253}$/.test(domain)))];
  const dns = { ...(servers.length === 0 ? {} : { nameservers: servers }), ...(domains.length === 0 ? {} : { search: domains }) };
  return { interfaces, ...(Object.keys(dns).length === 0 ? {} : { dns }) };
}

function nameOf({ name, mac }: Card): string | undefined {
  if (mac !== undefined && /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac)) return `mac=${mac.toLowerCase()}`;
  return name !== undefined && /^[A-Za-z][A-Za-z0-9_.*-]{0,14}$/.test(name) ? name : undefined;
}

function settingsOf({ dhcp = false, addresses, gateways, mtu }: Card): Record<string, unknown> | undefined {
  const valid = addresses.flatMap((address) => withPrefix(address) ?? []);
  if (!dhcp && valid.length === 0) return undefined;
  const gateway = gateways.find((address) => address !== undefined && isIPv4(address));
  const gatewayIpv6 = gateways.find((address) => address !== undefined && isIPv6(address));
  return {
    dhcp,
    ...(valid.length === 0 ? {} : { addresses: [...new Set(valid)] }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(gatewayIpv6 === undefined ? {} : { gateway_ipv6: gatewayIpv6 }),
    ...(mtu !== undefined && Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_535 ? { mtu } : {}),
  };
}

/** `10.0.0.2/255.255.255.0` → `10.0.0.2/24`; undefined when it is no address with a prefix. */
export function withPrefix(text: string | undefined): string | undefined {
  const [address = '', mask = ''] = (text ?? '').split('/');
  const kind = isIP(address);
  if (kind === 0) return undefined;
  const prefix = isIPv4(mask) ? prefixOf(mask) : /^\d{1,3}$/.test(mask) ? Number(mask) : undefined;
  return prefix === undefined || prefix > (kind === 4 ? 32 : 128) ? undefined : `${address}/${prefix}`;
}

function prefixOf(netmask: string): number | undefined {
  const bits = netmask.split('.').map((part) => Number(part).toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : undefined;
}

/** An address with what says its network: a prefix length or a netmask, when it has none itself. */
export function joined(address: unknown, network: unknown): string | undefined {
  if (typeof address !== 'string') return undefined;
  return address.includes('/') || (typeof network !== 'string' && typeof network !== 'number') ? address : `${address}/${network}`;
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

/** Items of a list or the words of a text. */
export function wordsOf(value: unknown): readonly unknown[] { return typeof value === 'string' ? value.split(/[\s,]+/) : listOf(value); }
