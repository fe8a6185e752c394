/** The network container as it was built, with real interfaces in a network namespace and a real DHCP server behind them. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureHostTools } from '../../scripts/lib/host-tools.ts';
import { renderNetwork } from '../../src/config/network-render.ts';
import type { InterfaceSetting, NetworkSetting } from '../../src/config/settings-types.ts';
import { ImageRoot, type RunningRoot } from './services/image-root.ts';

const macs = ['52:54:00:00:00:a0', '52:54:00:00:00:a1', '52:54:00:00:00:a2'] as const;
const nothing: NetworkSetting = { interfaces: [], nameservers: [], search: [], fallbackNameservers: [], dhcpTimeoutS: 5, preCmds: [], postCmds: [], proxy: {} };
const entry = (name: string, rest: Partial<InterfaceSetting>): InterfaceSetting => ({ name, addresses: [], bondOpts: {}, preUp: [], postUp: [], ...rest });

/** Three wires, each to a network of its own, 192.0.<n>.0/24, in which a DHCP server answers. */
class Wires implements AsyncDisposable {
  readonly inside = `corral-m${process.pid}`;
  readonly #outside = `corral-s${process.pid}`;
  readonly #dir = mkdtempSync(join(tmpdir(), 'wires-'));
  readonly #server: ChildProcess;

  constructor() {
    for (const name of [this.inside, this.#outside]) ip('netns', 'add', name);
    ip('-n', this.inside, 'link', 'set', 'lo', 'up');
    for (const index of macs.keys()) this.add(`eth${index}`, `s${index}`, macs[index] ?? '');
    for (const index of macs.keys()) ip('-n', this.#outside, 'address', 'add', `192.0.${index}.1/24`, 'dev', `s${index}`);
    this.#server = spawn('setpriv', ['--pdeathsig', 'KILL', 'ip', 'netns', 'exec', this.#outside, 'dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0',
      `--log-facility=${join(this.#dir, 'log')}`, '--log-dhcp', '--user=root', '--no-ping', `--dhcp-leasefile=${join(this.#dir, 'leases')}`, '--domain=ranch.test', '--dhcp-option=option:dns-server,192.0.2.53',
      ...[...macs.keys()].flatMap((index) => [`--dhcp-range=192.0.${index}.50,192.0.${index}.99,1h`])], { stdio: 'ignore' });
  }

  add(name: string, other: string, mac: string): void {
    ip('link', 'add', name, 'netns', this.inside, 'address', mac, 'type', 'veth', 'peer', 'name', other, 'netns', this.#outside);
    ip('-n', this.#outside, 'link', 'set', other, 'up');
  }

  remove(name: string): void { ip('-n', this.inside, 'link', 'delete', name); }

  /** How often the server was asked by that hardware address. */
  asked(mac: string): number {
    return [...readFileSync(join(this.#dir, 'log'), 'utf8').matchAll(/DHCP(?:DISCOVER|REQUEST|RELEASE)\([^)]*\).* ([0-9a-f:]{17})/g)].filter(([, by]) => by === mac).length;
  }

  get log(): string { return readFileSync(join(this.#dir, 'log'), 'utf8'); }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((settled) => this.#server.once('exit', settled));
    this.#server.kill();
    await ended;
    for (const name of [this.inside, this.#outside]) ip('netns', 'delete', name);
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

function ip(...args: string[]): void { execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] }); }

let image: ImageRoot;
let wires: Wires;
let machine: RunningRoot;

beforeEach(async () => {
  await ensureHostTools([{ needs: 'ip', from: 'iproute2' }, { needs: 'dnsmasq', from: 'dnsmasq-base' }]);
  image = new ImageRoot('network');
  image.write('/run/etc/resolv.conf', '');
  image.write('/run/chrony-dhcp/README', '');
  wires = new Wires();
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') console.error(`${machine?.said}\n${wires.log}`);
  await machine?.[Symbol.asyncDispose]();
  await wires[Symbol.asyncDispose]();
  image[Symbol.dispose]();
});

function configure(network: Partial<NetworkSetting>): void {
  const { text, problems } = renderNetwork({ ...nothing, ...network });
  expect(problems).toEqual([]);
  image.write('/run/ros/network/settings', text ?? '');
}

async function start(): Promise<void> { machine = await image.start('mkdir -p /var/lib/dhcpcd; exec /usr/lib/corral/network-init', wires.inside); }

const apply = (): Promise<{ code: number; output: string }> => machine.run('/usr/lib/corral/network-apply');
const ok = async (script: string): Promise<string> => (await machine.run(script)).output.trim();
/** Without what the kernel gives itself. */
const addresses = async (name: string): Promise<string[]> => (await ok(`ip -br address show dev ${name} scope global`)).split(/\s+/).filter((word) => word.includes('/'));
const resolver = (): string[] => image.read('/run/etc/resolv.conf').split('\n').slice(1, -1);

async function until(what: string, done: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 150; tries += 1) {
    if (await done()) return;
    await sleep(100);
  }
  throw new Error(`nothing after 15 s: ${what}\n${machine.said}\n${await ok('ip address; ip route')}`);
}
const leased = (name: string, network: number): Promise<void> => until(`lease on ${name}`, async () => (await addresses(name)).some((address) => address.startsWith(`192.0.${network}.`)));

test('without a configuration every wired interface asks by DHCP, and nothing else runs than dhcpcd', async () => {
  await start();
  await leased('eth0', 0);
  await leased('eth2', 2);
  expect(await ok('ps -o comm= | sort -u')).not.toMatch(/network|ip$/m);
  expect(await ok('readlink /etc/dhcpcd.conf')).toBe('../usr/lib/corral/dhcpcd.conf');
  expect((await machine.run('/usr/lib/corral/network-check')).code).toBe(0);
});

test('an interface by its hardware address has the addresses of the configuration from the start; those without an entry ask by DHCP', async () => {
  configure({
    interfaces: [
      entry('mac=52:54:00:00:00:A1', { addresses: ['198.51.100.5/24', 'fd00:0::5/64'], gateway: '198.51.100.1', gatewayIpv6: 'fd00::1', mtu: 1400, preUp: ['echo "$iface" >/run/pre-up'], postUp: [['touch', '/run/post-$iface']] }),
      entry('eth1', { dhcp: true }),
      entry('eth2', { dhcp: false }),
    ],
    nameservers: ['198.51.100.53'], search: ['barn.test'], preCmds: ['echo first >/run/commands'], postCmds: ['ip -br address >>/run/commands'],
  });
  await start();
  await until('its addresses', async () => (await addresses('eth1')).length === 2);
  expect(await addresses('eth1')).toEqual(['198.51.100.5/24', 'fd00::5/64']);
  expect(await ok('cat /sys/class/net/eth1/mtu')).toBe('1400');
  expect(await ok('ip route show default dev eth1')).toContain('via 198.51.100.1');
  expect(await ok('ip -6 route show default dev eth1')).toContain('via fd00::1');
  expect(image.read('/run/pre-up')).toBe('eth1\n');
  await leased('eth0', 0);
  await until('the commands at the end', () => image.has('/run/post-eth1') && image.read('/run/commands').includes('198.51.100.5'));
  expect(image.read('/run/commands')).toMatch(/^first\n[^]*192\.0\.0\./); // DHCP was waited for
  expect(await addresses('eth2')).toEqual([]);
  expect(wires.asked(macs[2])).toBe(0);
  expect(resolver()).toEqual(['search barn.test', 'nameserver 198.51.100.53']);
  expect((await machine.run('/usr/lib/corral/network-check')).code).toBe(0);
});

test('an address that changes does not cut the interface beside it, and one that is taken out again gives way to DHCP', async () => {
  await start();
  await leased('eth0', 0);
  await leased('eth1', 1);
  const before = { asked: wires.asked(macs[0]), life: await ok('ip -o -4 address show dev eth0'), neighbour: await addresses('eth0') };

  configure({ interfaces: [entry('eth1', { addresses: ['192.0.1.7/24', '198.51.100.7/24'] })] });
  expect(await apply()).toEqual({ code: 0, output: '' });
  expect(await addresses('eth1')).toEqual(['192.0.1.7/24', '198.51.100.7/24']);
  expect(wires.log).toMatch(/DHCPRELEASE\(s1\)/);

  configure({ interfaces: [entry('eth1', { addresses: ['192.0.1.8/24'] })] });
  expect(await apply()).toEqual({ code: 0, output: '' });
  expect(await addresses('eth1')).toEqual(['192.0.1.8/24']);

  rmSync(image.place('/run/ros/network/settings'));
  expect(await apply()).toEqual({ code: 0, output: '' });
  await until('the lease', async () => { const has = await addresses('eth1'); return has.length === 1 && has[0] !== '192.0.1.8/24'; });
  expect(await addresses('eth0')).toEqual(before.neighbour);
  expect(wires.asked(macs[0])).toBe(before.asked);
  expect(await ok('readlink /etc/dhcpcd.conf')).toBe('../usr/lib/corral/dhcpcd.conf');
});

test('an address beside DHCP comes and goes without a word to the DHCP server', async () => {
  await start();
  await leased('eth0', 0);
  const [lease] = await addresses('eth0');
  const asked = wires.asked(macs[0]);
  configure({ interfaces: [entry('eth0', { dhcp: true, addresses: ['198.51.100.9/32'] })] });
  expect(await apply()).toEqual({ code: 0, output: '' });
  expect(await addresses('eth0')).toEqual(expect.arrayContaining([lease, '198.51.100.9/32']));
  configure({ interfaces: [entry('eth0', { dhcp: true })] });
  expect(await apply()).toEqual({ code: 0, output: '' });
  expect(await addresses('eth0')).toEqual([lease]);
  expect(wires.asked(macs[0])).toBe(asked);
});

test('a bridge takes over the hardware address, and with that the lease, of its first member; without its entry it is gone', async () => {
  await start();
  await leased('eth0', 0);
  const [lease] = await addresses('eth0');
  configure({ interfaces: [entry('br0', { bridge: 'true', dhcp: true }), entry('eth0', { bridge: 'br0' })] });
  expect(await apply()).toEqual({ code: 0, output: '' });
  await leased('br0', 0);
  expect(await addresses('br0')).toEqual([lease]);
  expect(await addresses('eth0')).toEqual([]);
  expect((await machine.run('/usr/lib/corral/network-check')).code).toBe(0);

  configure({ interfaces: [entry('eth0', { dhcp: true })] });
  expect(await apply()).toEqual({ code: 0, output: '' });
  expect(await ok('ls /sys/class/net')).not.toContain('br0');
  await leased('eth0', 0);
});

test('an interface that appears later is set up by its entry', async () => {
  configure({ interfaces: [entry('mac=52:54:00:00:01:*', { addresses: ['198.51.100.20/24'] })] });
  await start();
  await leased('eth0', 0);
  await until('the watcher', async () => (await ok('ps -o args=')).includes('ip -o monitor link'));
  await sleep(1500); // nothing tells when it listens
  wires.add('eth7', 's7', '52:54:00:00:01:07');
  await until('its address', async () => (await addresses('eth7')).includes('198.51.100.20/24'));
  wires.remove('eth7');
  wires.add('eth7', 's7', '52:54:00:00:01:08');
  await until('its address again', async () => (await addresses('eth7')).includes('198.51.100.20/24'));
});

test('a command that fails and an address that cannot be are told, and the rest is done', async () => {
  await start();
  await leased('eth1', 1);
  configure({ interfaces: [entry('eth1', { addresses: ['198.51.100.5/24'], gateway: '224.0.0.1', preUp: [['sh', '-c', 'echo no such cow; exit 3'], 'true'] })] });
  const { code, output } = await apply();
  expect(code).toBe(1);
  expect(output).toContain('eth1: pre_up 1: exit code 3: no such cow');
  expect(output).toContain('eth1: cannot set gateway 224.0.0.1');
  expect(await addresses('eth1')).toEqual(['198.51.100.5/24']);
});

test('the name servers of the configuration come and go over those of DHCP', async () => {
  await start();
  await leased('eth0', 0);
  await until('the resolver', () => resolver().length > 0);
  const before = resolver();
  configure({ nameservers: ['198.51.100.53', 'fd00::53'] });
  expect(await apply()).toEqual({ code: 0, output: '' });
  expect(resolver()).toEqual(['search ranch.test', 'nameserver 198.51.100.53', 'nameserver fd00::53']);
  configure({ search: ['barn.test'] });
  await apply();
  expect(resolver()).toEqual(['search barn.test', ...before.filter((line) => line.startsWith('nameserver'))]);
});

test('an address of 169.254.0.0/16 is given where it is asked for', async () => {
  configure({ interfaces: [entry('eth1', { ipv4ll: true, dhcp: false })] });
  await start();
  await until('the address', async () => (await ok('ip -4 -br address show dev eth1')).includes('169.254.'));
});
