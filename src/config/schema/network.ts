/** rancher.network: interfaces, DNS, proxies; and what lies below rancher.defaults.network. */
import { entries, fallback, flag, group, later, list, map, secret, text, whole } from '../fields.ts';
import { commands } from './cloud-init.ts';
import { address, cidr } from './forms.ts';

const interfaceFields = group('One interface, or all that the key matches. The key is a name, a glob ("eth*") or "mac=…" (a glob, too); a MAC address counts before a name, a name before a glob.', {
  match: text('Which interfaces are meant, in the place of the key.'),
  dhcp: flag('Ask for addresses by DHCP.'),
  dhcp_args: text('Further arguments for dhcpcd.'),
  address: text('An address.', cidr),
  addresses: list('Addresses.', cidr),
  ipv4ll: flag('An address of 169.254.0.0/16 when there is no other.'),
  gateway: text('The IPv4 router.', address),
  gateway_ipv6: text('The IPv6 router.', address),
  mtu: whole('Largest packet.', 68, 65_535),
  bridge: text('"true" makes this interface a bridge; a name puts it into that bridge.'),
  bond: later(text('The bond that this interface belongs to.')),
  bond_opts: later(map('Options of a bond, as in /sys/class/net/<bond>/bonding.')),
  vlans: later(text('VLANs on this interface: "100,200:name".')),
  pre_up: commands('Commands before it comes up. $iface is its name.'),
  post_up: commands('Commands once it is up. $iface is its name.'),
  wifi_network: later(text('The entry of wifi_networks to join.')),
});

const dns = (doc: string) => group(doc, {
  nameservers: list('Name servers.', address),
  search: list('Domains that short names are looked up in.'),
});

const wifi = group('One network.', {
  ssid: text('Its name.'),
  psk: secret(text('Its passphrase.')),
  scan_ssid: whole('1 for a hidden network.', 0, 1),
  priority: whole('The higher is joined first.', 0, 1000),
  pairwise: text('Ciphers.'),
  group: text('Group ciphers.'),
  eap: text('EAP methods.'),
  identity: text('User of EAP.'),
  anonymous_identity: text('User shown to everybody.'),
  ca_certs: list('Files of certificates of authorities.'),
  client_certs: list('Files of own certificates.'),
  private_keys: secret(list('Files of own keys.')),
  private_key_passwds: secret(list('Passphrases of own keys.')),
  phases: list('Inner authentication.'),
  eapol_flags: text('EAPOL flags.'),
  key_mgmt: text('Key management, such as WPA-PSK.'),
  password: secret(text('Password of EAP.')),
  address: text('A static address.', cidr),
  gateway: text('The router.', address),
});

const modem = group('One modem, by its interface.', { apn: text('The access point.'), extra_args: text('Further arguments for the dialler.') });

export const network = group('Interfaces, DNS and proxies. Without interfaces every wired one asks by DHCP.', {
  interfaces: entries('What each interface is to be.', interfaceFields),
  dns: dns('Name servers, in the place of those that DHCP names.'),
  dhcp_timeout: fallback(whole('Seconds that DHCP is waited for.', 1, 600), 10),
  pre_cmds: commands('Commands before any interface comes up.'),
  post_cmds: commands('Commands once the network is up.'),
  http_proxy: text('Proxy for http.'),
  https_proxy: text('Proxy for https.'),
  no_proxy: text('Hosts that are reached without a proxy, with commas between.'),
  wifi_networks: later(entries('Wireless networks, by a name for interfaces.', wifi)),
  modem_networks: later(entries('Mobile networks, by interface.', modem)),
});

export const networkDefaults = group('Defaults of rancher.network.', {
  dhcp_timeout: whole('Of rancher.network.dhcp_timeout.', 1, 600),
  dns: dns('Name servers when neither rancher.network.dns nor DHCP names one.'),
});

