/**
 * `rancher.network` as the network container reads it: one shell file of settings, a function for each entry and a function
 * that finds the entry of an interface. Pure. Every value is quoted or of a form without a special character.
 */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { dhcpcdOptions } from './dhcpcd-options.ts';
import type { CommandSetting, InterfaceSetting, NetworkSetting } from './settings-types.ts';

export interface RenderedNetwork {
  /** Undefined when nothing of the network is configured: then every wired interface asks by DHCP. */
  readonly text: string | undefined;
  /** What was left out and why, without its value. */
  readonly problems: readonly string[];
}

type Complain = (problem: string) => void;

/** Which interfaces an entry is for; the kinds in the order in which they count. */
const kinds = ['mac', 'name', 'glob'] as const;
interface Pattern { readonly kind: (typeof kinds)[number]; readonly text: string }
interface Entry { readonly number: number; readonly pattern: Pattern; readonly lines: readonly string[] }

export function renderNetwork(network: NetworkSetting): RenderedNetwork {
  if (!isConfigured(network)) return { text: undefined, problems: [] };
  const problems: string[] = [];
  const entries = network.interfaces.flatMap((setting, index) => entryOf(setting, index + 1, (problem) => { problems.push(`interface "${setting.name}": ${problem}`); }));
  const complain: Complain = (problem) => { problems.push(`network: ${problem}`); };
  const lines = [
    '# Made from rancher.network; the network container reads it.',
    `nameservers=${quoted(servers(network.nameservers, complain))}`,
    `search=${quoted(network.search.filter((domain) => /^[A-Za-z0-9._-]+$/.test(domain)).join(' '))}`,
    `fallback=${quoted(servers(network.fallbackNameservers, complain))}`,
    `dhcp_timeout=${Math.min(Math.max(Math.trunc(network.dhcpTimeoutS), 0), 600)}`,
    `bridges=${quoted(bridgesOf(network.interfaces).join(' '))}`,
    `commands=${fingerprint([JSON.stringify([network.preCmds, network.postCmds])])}`,
    ...commands('pre_cmds', network.preCmds),
    ...commands('post_cmds', network.postCmds, 'has_post_cmds'),
    ...entries.flatMap(({ lines: own }) => own),
    ...finder(entries),
  ];
  return { text: `${lines.join('\n')}\n`, problems };
}

function isConfigured({ interfaces, nameservers, search, fallbackNameservers, preCmds, postCmds }: NetworkSetting): boolean {
  return [interfaces, nameservers, search, fallbackNameservers, preCmds, postCmds].some((list) => list.length > 0);
}

/** The bridges to make: also those that have members and no entry of their own. */
function bridgesOf(interfaces: readonly InterfaceSetting[]): string[] {
  const names = interfaces.flatMap((setting) => (isBridge(setting) ? [setting.name] : [bridgeOf(setting) ?? '']));
  return [...new Set(names.filter(isInterfaceName))];
}

function isBridge({ bridge }: InterfaceSetting): boolean { return bridge === 'true'; }

/** The bridge it is a member of. */
function bridgeOf({ bridge }: InterfaceSetting): string | undefined { return bridge === undefined || ['', 'true', 'false'].includes(bridge) ? undefined : bridge; }

function entryOf(setting: InterfaceSetting, number: number, complain: Complain): Entry[] {
  const pattern = patternOf(setting.match ?? setting.name);
  if (pattern === undefined) { complain('it must be a name, a glob such as "eth*", or "mac=" with an address'); return []; }
  if (isBridge(setting) && !isInterfaceName(setting.name)) complain('an entry that is a bridge must have a name as its key');
  const bridge = bridgeOf(setting);
  if (bridge !== undefined && !isInterfaceName(bridge)) complain('the name of its bridge is none');
  const body = [
    ...(bridge === undefined ? addressing(setting, complain) : noAddressing),
    `mtu=${quoted(setting.mtu === undefined ? '' : String(Math.trunc(setting.mtu)))}`,
    `bridge=${quoted(bridge !== undefined && isInterfaceName(bridge) ? bridge : '')}`,
    ...commands('pre_up', setting.preUp),
    ...commands('post_up', setting.postUp, 'has_post_up'),
  ];
  return [{ number, pattern, lines: [`settings_${number}() {`, `version=${fingerprint(body)}`, ...body, '}'] }];
}

/** Of a member of a bridge: addresses are the bridge's. */
const noAddressing = ['dhcp=no', 'autoconf=no', 'ipv4ll=no', "options=''", "addresses=''", "gateway4=''", "gateway6=''"];

/** `wired` is yes for what is called eth* or en*, as without any configuration. */
function addressing(setting: InterfaceSetting, complain: Complain): string[] {
  const addresses = setting.addresses.flatMap((address) => cidr(address, complain));
  const isOwn = addresses.length > 0 || setting.ipv4ll === true;
  const isOwn6 = addresses.some((address) => address.includes(':')) || setting.gatewayIpv6 !== undefined;
  const dhcp = setting.dhcp ?? (isOwn ? false : 'wired');
  const options = dhcpcdOptions(setting.dhcpArgs ?? '');
  for (const option of options.refused) complain(`dhcp_args: ${option} is not taken`);
  // The size that the DHCP server names must not count before the one that was chosen.
  const lines = [...(setting.mtu === undefined ? [] : ['nooption interface_mtu']), ...options.lines];
  return [
    `dhcp=${word(dhcp)}`,
    // With an IPv6 address of its own it needs none from the network; with nothing at all it is to be left alone.
    `autoconf=${word(isOwn6 ? false : dhcp === false ? isOwn : dhcp)}`,
    `ipv4ll=${word(setting.ipv4ll ?? false)}`,
    `options=${quoted(lines.join('\n'))}`,
    `addresses=${quoted(addresses.join(' '))}`,
    `gateway4=${quoted(router(setting.gateway, 4, complain))}`,
    `gateway6=${quoted(router(setting.gatewayIpv6, 6, complain))}`,
  ];
}

function word(value: boolean | 'wired'): string { return value === 'wired' ? value : value ? 'yes' : 'no'; }

/** Changes when anything of the entry does. */
function fingerprint(lines: readonly string[]): string { return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16); }

/** Sets `rule` for the interface `$1` with the hardware address `$2`. What others made is theirs, unless it is named. */
function finder(entries: readonly Entry[]): string[] {
  const cases = Object.fromEntries(kinds.map((kind) => [kind, entries.filter(({ pattern }) => pattern.kind === kind)
    .map(({ number, pattern }) => `    ${pattern.text}) rule=${number}; return ;;`)]));
  const block = (word: string, lines: readonly string[] = []): string[] => (lines.length === 0 ? [] : [`  case ${word} in`, ...lines, '  esac']);
  return [
    'rule_of() {', '  rule=',
    ...block('$2', cases['mac']), ...block('$1', cases['name']),
    ...block('$1', [`    lo | uplane | veth* | docker*) return ;;`]),
    ...block('$1', cases['glob']),
    '}',
  ];
}

function patternOf(text: string): Pattern | undefined {
  const mac = /^mac\s*=\s*(.+)$/i.exec(text)?.[1]?.trim().toLowerCase().replaceAll('-', ':');
  if (mac !== undefined) return /^[0-9a-f:*?]{1,64}$/.test(mac) ? { kind: 'mac', text: mac } : undefined;
  if (isInterfaceName(text)) return { kind: 'name', text };
  return /^[A-Za-z0-9_.:@*?-]{1,64}$/.test(text) && /[*?]/.test(text) ? { kind: 'glob', text } : undefined;
}

/** As the kernel takes them, without what the shell takes for itself. */
function isInterfaceName(name: string): boolean { return /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,14}$/.test(name); }

/** Written as the kernel prints it, so that the two can be compared as texts. */
function cidr(text: string, complain: Complain): string[] {
  const [address = '', length = '', ...rest] = text.trim().split('/');
  const family = isIP(address);
  const bits = Number(length);
  const isRight = family !== 0 && rest.length === 0 && /^\d{1,3}$/.test(length) && bits <= (family === 4 ? 32 : 128) && !address.includes('%');
  if (!isRight) { complain('an address must be written with the length of its network, such as 192.0.2.5/24'); return []; }
  return [`${plainAddress(address)}/${bits}`];
}

function plainAddress(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

function router(address: string | undefined, family: 4 | 6, complain: Complain): string {
  if (address === undefined || address.trim() === '') return '';
  const text = address.trim();
  if (isIP(text) === family && !text.includes('%')) return plainAddress(text);
  complain(`${family === 4 ? 'gateway' : 'gateway_ipv6'} must be an IPv${family} address`);
  return '';
}

function servers(addresses: readonly string[], complain: Complain): string {
  const right = addresses.filter((address) => isIP(address.trim()) !== 0);
  if (right.length < addresses.length) complain('a name server must be an address');
  return right.map((address) => address.trim()).join(' ');
}

/** A function of that name with a call of `try` for each; `flag` says whether there is anything to do. */
function commands(name: string, list: readonly CommandSetting[], flag?: string): string[] {
  const calls = list.flatMap((command, index) => {
    const words = typeof command === 'string' ? (command.trim() === '' ? [] : [`sh -c ${quoted(command)}`]) : command.map(withInterface);
    return words.length === 0 ? [] : [`try ${quoted(`${name} ${index + 1}`)} ${words.join(' ')}`];
  });
  return [...(flag === undefined ? [] : [`${flag}=${calls.length === 0 ? '' : 'yes'}`]), `${name}() {`, ...(calls.length === 0 ? [':'] : calls), '}'];
}

/** As RancherOS did: `$iface` in an argument stands for the interface. */
function withInterface(argument: string): string { return argument.split('$iface').map(quoted).join('"$iface"'); }

/** One word for the shell, whatever is in it; a NUL cannot be. */
function quoted(text: string): string { return `'${text.replaceAll('\0', '').replaceAll("'", `'\\''`)}'`; }
