/** The network. */
import type { RancherConfig } from '../schema.ts';
import type { CommandSetting, InterfaceSetting, NetworkSetting, ProxySetting } from '../settings-types.ts';
import { defined } from './defined.ts';

type Network = NonNullable<RancherConfig['network']>;

export function networkOf(network: Network = {}, defaults: NonNullable<RancherConfig['defaults']>['network'] = {}): NetworkSetting {
  return {
    interfaces: Object.entries(network.interfaces ?? {}).map(([name, fields]) => interfaceOf(name, fields)),
    nameservers: network.dns?.nameservers ?? [],
    search: network.dns?.search ?? defaults.dns?.search ?? [],
    fallbackNameservers: defaults.dns?.nameservers ?? [],
    dhcpTimeoutS: network.dhcp_timeout ?? defaults.dhcp_timeout ?? 10,
    preCmds: commandsOf(network.pre_cmds),
    postCmds: commandsOf(network.post_cmds),
    proxy: defined<ProxySetting>({ http: given(network.http_proxy), https: given(network.https_proxy), no: given(network.no_proxy) }),
  };
}

function interfaceOf(name: string, fields: NonNullable<Network['interfaces']>[string]): InterfaceSetting {
  const { address } = fields;
  return defined<InterfaceSetting>({
    name,
    match: given(fields.match),
    dhcp: fields.dhcp,
    dhcpArgs: given(fields.dhcp_args),
    addresses: [...new Set([...address === undefined ? [] : [address], ...fields.addresses ?? []])],
    ipv4ll: fields.ipv4ll,
    gateway: fields.gateway,
    gatewayIpv6: fields.gateway_ipv6,
    mtu: fields.mtu,
    bridge: given(fields.bridge),
    bond: given(fields.bond),
    bondOpts: fields.bond_opts ?? {},
    vlans: given(fields.vlans),
    preUp: commandsOf(fields.pre_up),
    postUp: commandsOf(fields.post_up),
    wifiNetwork: given(fields.wifi_network),
  });
}

/** Without those that say nothing. */
export function commandsOf(commands: readonly CommandSetting[] = []): CommandSetting[] {
  return commands.filter((command) => (typeof command === 'string' ? command.trim() !== '' : command.length > 0 && command[0] !== ''));
}

function given(text: string | undefined): string | undefined { return text === '' ? undefined : text; }
