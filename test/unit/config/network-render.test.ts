import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderNetwork } from '../../../src/config/network-render.ts';
import type { InterfaceSetting, NetworkSetting } from '../../../src/config/settings-types.ts';

const nothing: NetworkSetting = { interfaces: [], nameservers: [], search: [], fallbackNameservers: [], dhcpTimeoutS: 10, preCmds: [], postCmds: [], proxy: { http: 'http://proxy.test' } };
const entry = (name: string, rest: Partial<InterfaceSetting> = {}): InterfaceSetting => ({ name, addresses: [], bondOpts: {}, preUp: [], postUp: [], ...rest });
const render = (network: Partial<NetworkSetting>) => renderNetwork({ ...nothing, ...network });

let folder: string;
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'network-')); });
afterAll(() => { rmSync(folder, { recursive: true }); });

/** What a shell prints that has read the rendered file: it is the one who has to understand it. */
function shell(network: Partial<NetworkSetting>, script: string): string {
  const file = join(folder, 'settings');
  writeFileSync(file, render(network).text ?? '');
  return execFileSync('sh', ['-euc', `try() { shift; "$@"; }; iface=eth0; . "$0"; ${script}`, file], { encoding: 'utf8' }).trimEnd();
}

/** The number of the entry, from 1, that an interface falls to; empty for none. */
const ruleOf = (interfaces: readonly InterfaceSetting[], name: string, mac = '52:54:00:00:00:01'): string => shell({ interfaces }, `rule_of '${name}' '${mac}'; echo "$rule"`);
const settingOf = (setting: InterfaceSetting, variable: string): string => shell({ interfaces: [setting] }, `settings_1; echo "$${variable}"`);

test('nothing configured is no file; a proxy is none of its business', () => {
  expect(render({})).toEqual({ text: undefined, problems: [] });
});

describe('an interface', () => {
  test('is found by its hardware address first, then by its name, then by a glob', () => {
    const interfaces = [entry('eth*'), entry('eth0'), entry('mac=52:54:00:00:00:0F')];
    expect(ruleOf(interfaces, 'eth0', '52:54:00:00:00:0f')).toBe('3');
    expect(ruleOf(interfaces, 'eth0')).toBe('2');
    expect(ruleOf(interfaces, 'eth1')).toBe('1');
    expect(ruleOf(interfaces, 'enp1s0')).toBe('');
  });

  test('is found by what "match" says in the place of the key', () => {
    const interfaces = [entry('uplink', { match: 'mac=52-54-00-*' }), entry('storage', { match: 'ens?' })];
    expect(ruleOf(interfaces, 'eth9')).toBe('1');
    expect(ruleOf(interfaces, 'ens3', '02:00:00:00:00:01')).toBe('2');
    expect(ruleOf(interfaces, 'uplink', '02:00:00:00:00:01')).toBe('');
  });

  test.each(['lo', 'uplane', 'veth12ab', 'docker0'])('called %s is left alone unless it is named', (name) => {
    expect(ruleOf([entry('*')], name, '')).toBe('');
    expect(ruleOf([entry('*'), entry(name)], name, '')).toBe('2');
  });

  test.each(['a b', 'eth0;reboot', '$(reboot)', 'eth0)', '', 'mac=', 'mac=$(x)', 'a-name-that-is-too-long', "'", 'eth0\nreboot'])('is never found by %j', (name) => {
    const { text, problems } = render({ interfaces: [entry(name)] });
    expect(problems).toEqual([expect.stringContaining('it must be a name, a glob')]);
    expect(text).not.toContain('settings_1');
    expect(text).not.toContain('reboot');
  });
});

describe('its addresses', () => {
  test('are written as the kernel prints them', () => {
    expect(settingOf(entry('eth0', { addresses: ['192.0.2.5/24', 'FD00:0:0::0005/64', '::ffff/128'] }), 'addresses')).toBe('192.0.2.5/24 fd00::5/64 ::ffff/128');
    expect(settingOf(entry('eth0', { addresses: ['192.0.2.5/24'], gatewayIpv6: 'FE80:0::1' }), 'gateway6')).toBe('fe80::1');
  });

  test.each(['192.0.2.5', '192.0.2.5/33', 'fd00::1/129', '192.0.2.5/24/1', '192.0.2.5/x', 'fe80::1%eth0/64', "1.2.3.4/8'; reboot '"])('leave %s out, without repeating it', (address) => {
    const { text, problems } = render({ interfaces: [entry('eth0', { addresses: [address, '192.0.2.9/24'] })] });
    expect(problems).toEqual(['interface "eth0": an address must be written with the length of its network, such as 192.0.2.5/24']);
    expect(text).toContain("addresses='192.0.2.9/24'");
  });

  test('want a router of their own family', () => {
    expect(render({ interfaces: [entry('eth0', { gateway: 'fd00::1', gatewayIpv6: '192.0.2.1' })] }).problems).toEqual([
      'interface "eth0": gateway must be an IPv4 address', 'interface "eth0": gateway_ipv6 must be an IPv6 address',
    ]);
  });

  const static4 = { addresses: ['192.0.2.5/24'] };
  test.each([
    ['nothing said: as without an entry', {}, 'wired wired'],
    ['a size alone changes nothing of it', { mtu: 9000 }, 'wired wired'],
    ['DHCP', { dhcp: true }, 'yes yes'],
    ['DHCP beside an address', { dhcp: true, ...static4 }, 'yes yes'],
    ['an IPv4 address in the place of DHCP', static4, 'no yes'],
    ['an IPv6 address in the place of what routers announce', { dhcp: true, addresses: ['fd00::5/64'] }, 'yes no'],
    ['nothing at all', { dhcp: false }, 'no no'],
    ['a member of a bridge has none', { dhcp: true, ...static4, bridge: 'br0' }, 'no no'],
    ['a bridge has', { bridge: 'true', dhcp: true }, 'yes yes'],
  ])('come by DHCP and from routers: %s', (_what, setting, expected) => {
    expect(settingOf(entry('eth0', setting), 'dhcp $autoconf')).toBe(expected);
  });
});

test('a bridge is made for whoever is one or belongs to one, once', () => {
  const interfaces = [entry('br0', { bridge: 'true' }), entry('eth0', { bridge: 'br0' }), entry('eth1', { bridge: 'br1' }), entry('eth2', { bridge: 'false' })];
  expect(shell({ interfaces }, 'echo "$bridges"')).toBe('br0 br1');
  expect(render({ interfaces: [entry('eth*', { bridge: 'true' }), entry('eth1', { bridge: 'no name' })] }).problems).toEqual([
    'interface "eth*": an entry that is a bridge must have a name as its key', 'interface "eth1": the name of its bridge is none',
  ]);
});

test('what an entry says has a version of its own, whatever its neighbours say', () => {
  const versionOf = (interfaces: readonly InterfaceSetting[]): string => shell({ interfaces }, 'settings_1; echo "$version"');
  const alone = versionOf([entry('eth0', { mtu: 1400 })]);
  expect(versionOf([entry('eth0', { mtu: 1400 }), entry('eth1', { mtu: 1500 })])).toBe(alone);
  expect(versionOf([entry('eth0', { mtu: 1500 })])).not.toBe(alone);
  expect(versionOf([entry('eth0', { mtu: 1400, postUp: ['true'] })])).not.toBe(alone);
});

describe('a command', () => {
  test('is text for a shell, which finds the interface in $iface, or words that are taken as they are', () => {
    const interfaces = [entry('eth0', { preUp: ['export iface; echo "up $iface" | tr u U', ['echo', "it's $iface", '$HOME', '`x`', 'a\nb']] })];
    expect(shell({ interfaces }, 'export iface; settings_1; pre_up')).toBe("Up eth0\nit's eth0 $HOME `x` a\nb");
  });

  test('that is empty is none', () => {
    expect(shell({ preCmds: ['', '  ', []], postCmds: ['echo last'] }, 'pre_cmds; post_cmds; echo "$has_post_cmds"')).toBe('last\nyes');
  });
});

test('what is no name server or domain is left out', () => {
  expect(shell({ nameservers: ['192.0.2.53', "x'; reboot", ' fd00::53 '], search: ['barn.test', '$(reboot)'], fallbackNameservers: ['192.0.2.54'] }, 'echo "$nameservers,$search,$fallback"')).toBe('192.0.2.53 fd00::53,barn.test,192.0.2.54');
});
