/**
 * The user plane's network: plane-network as it is read by plane-outer, with the built container's programs, between real network namespaces. Docker's rules are
 * those that dockerd 26.1 makes without its userland proxy; the servers and clients are real, and say whom they have seen.
 */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureHostTools } from '../../scripts/lib/host-tools.ts';
import { setRules } from '../../src/supervisor/system-ports.ts';
import { ImageRoot, type RunningRoot } from './services/image-root.ts';

const source = readFileSync(join(import.meta.dirname, '../../system-services/docker/root/usr/lib/corral/plane-network'), 'utf8');

/** What plane-outer does before and around: a holder of the network namespace. (In a change of root there can be no user namespace.) */
const outer = `
set +e
say() { echo "$*"; }
die() { say "died: $*"; exit 1; }
nft() { short-lived /usr/sbin/nft "$@"; }
ip() { short-lived /usr/bin/ip "$@"; }
SYSTEM_TCP_PORTS=22 SYSTEM_UDP_PORTS=68,546
plane() {
  unshare --net sh -c 'echo yes >/run/unshared; exec sleep 1000' >/dev/null 2>&1 & holder=$!
  until [ -s /run/unshared ]; do sleep 0.05; done
  rm /run/unshared
  . /usr/lib/corral/plane-network
  make_network
  echo $holder >/run/holder
  readlink /proc/$holder/ns/net >/run/plane
}
`;

/** A container on the default bridge, and the rules for: -p 80:80 -p 127.0.0.1:8081:80 -p [::1]:8082:80 -p 53:53/udp. */
const docker = `
ip link add docker0 type bridge
ip addr add 172.17.0.1/16 dev docker0
ip -6 addr add fd63:6f72:7261:6d::1/64 dev docker0 nodad
ip link set docker0 up
ip link add veth0 type veth peer name inside
ip link set veth0 master docker0 up
unshare --net sh -c 'echo yes >/run/unshared; exec sleep 1000' >/dev/null 2>&1 & container=$!
until [ -s /run/unshared ]; do sleep 0.05; done
ip link set inside netns $container
nsenter --target $container --net sh -ec '
  ip link set lo up; ip addr add 172.17.0.2/16 dev inside; ip -6 addr add fd63:6f72:7261:6d::2/64 dev inside nodad; ip link set inside up
  ip route add default via 172.17.0.1; ip -6 route add default via fd63:6f72:7261:6d::1'
readlink /proc/$container/ns/net >/run/container
for net in ipv4/ip_forward ipv6/conf/all/forwarding ipv4/conf/docker0/route_localnet; do echo 1 >/proc/sys/net/$net; done
rules() { # PROGRAM SUBNET CONTAINER LOOPBACK PORT
  $1 -t nat -N DOCKER
  $1 -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
  $1 -t nat -A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
  $1 -t nat -A POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE
  $1 -t nat -A POSTROUTING -s $2 ! -o docker0 -j MASQUERADE
  $1 -t nat -A DOCKER ! -i docker0 -p tcp --dport 80 -j DNAT --to-destination "$3:80"
  $1 -t nat -A DOCKER -d $4 ! -i docker0 -p tcp --dport $5 -j DNAT --to-destination "$3:80"
  $1 -t nat -A DOCKER ! -i docker0 -p udp --dport 53 -j DNAT --to-destination "$3:53"
  $1 -P FORWARD DROP
  $1 -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
  $1 -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
  $1 -A FORWARD ! -i docker0 -o docker0 -p tcp --dport 80 -j ACCEPT
  $1 -A FORWARD ! -i docker0 -o docker0 -p udp --dport 53 -j ACCEPT
}
rules iptables 172.17.0.0/16 172.17.0.2 127.0.0.1 8081
rules ip6tables fd63:6f72:7261:6d::/64 '[fd63:6f72:7261:6d::2]' ::1 8082
`;

/** Each address `tcp|udp address port`; it answers with its name and whom it sees, and prints a line when all of them listen. */
const server = `
const [name, ...specs] = process.argv.slice(1);
Promise.all(specs.map((spec) => new Promise((ready) => {
  const [protocol, address, port] = spec.split(' ');
  const isV6 = address.includes(':');
  if (protocol === 'tcp') require('node:net').createServer((socket) => { socket.on('error', () => {}).end(name + ' saw ' + socket.remoteAddress); }).listen({ host: address, port: Number(port), ipv6Only: isV6 }, ready);
  else {
    const socket = require('node:dgram').createSocket({ type: isV6 ? 'udp6' : 'udp4', ipv6Only: isV6 });
    socket.on('message', (_, { address, port }) => socket.send(name + ' saw ' + address, port, address)).bind(Number(port), address, ready);
  }
}))).then(() => console.log('listening'));
`;

/** What each of these answers, by what was asked. */
const client = `
const ask = (spec) => new Promise((answer) => {
  const [protocol, address, port] = spec.split(' ');
  const socket = protocol === 'tcp' ? require('node:net').connect(Number(port), address) : require('node:dgram').createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const timer = setTimeout(() => answer('nothing'), 3000);
  socket.on('error', ({ code }) => answer(code)).on(protocol === 'tcp' ? 'data' : 'message', (data) => answer(String(data)));
  if (protocol === 'udp') socket.connect(Number(port), address, () => socket.send('x'));
});
const specs = process.argv.slice(1);
Promise.all(specs.map(ask)).then((answers) => { console.log(JSON.stringify(Object.fromEntries(specs.map((spec, at) => [spec, answers[at]])))); process.exit(); });
`;

type Place = 'machine' | 'client' | 'other' | 'plane' | 'container';

/** A machine with two neighbours, on a wire each: 192.0.2.0/24 and 2001:db8::/64 to the client, 198.51.100.0/24 and 2001:db8:1::/64 to the other. */
class Network implements AsyncDisposable {
  readonly image = new ImageRoot('docker');
  readonly #names = new Map<Place, string>();
  readonly #children: ChildProcess[] = [];
  machine!: RunningRoot;

  constructor() {
    this.image.write('/usr/lib/corral/plane-network', source);
    this.image.write('/usr/lib/corral/outer', outer);
    for (const place of ['machine', 'client', 'other'] as const) {
      ip('netns', 'add', this.#name(place));
      ip('-n', this.#name(place), 'link', 'set', 'lo', 'up');
    }
    for (const [index, place, v4, v6] of [[0, 'client', '192.0.2', '2001:db8:'], [1, 'other', '198.51.100', '2001:db8:1:']] as const) {
      ip('link', 'add', `eth${index}`, 'netns', this.#name('machine'), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.#name(place));
      for (const [at, name, device] of [[1, this.#name('machine'), `eth${index}`], [9, this.#name(place), 'eth0']] as const) {
        ip('-n', name, 'address', 'add', `${v4}.${at}/24`, 'dev', device);
        ip('-n', name, 'address', 'add', `${v6}:${at}/64`, 'dev', device, 'nodad');
        ip('-n', name, 'link', 'set', device, 'up');
      }
      ip('-n', this.#name(place), 'route', 'add', 'default', 'via', `${v4}.1`);
      ip('-n', this.#name(place), 'route', 'add', 'default', 'via', `${v6}:1`);
    }
  }

  /** Makes the plane's network, and in it what `script` makes. */
  async makePlane(script = '', before = ''): Promise<void> {
    this.image.write('/usr/lib/corral/docker', script);
    this.machine = await this.image.start(`${before}\n. /usr/lib/corral/outer\nplane\nnsenter --target $holder --net sh -eu /usr/lib/corral/docker && >/run/ready; exec sleep 1000`, this.#name('machine'));
    for (let tries = 0; !this.image.has('/run/ready'); tries += 1) {
      if (tries === 100) throw new Error(`the plane has no network after 10 s: ${this.machine.said}`);
      await sleep(100);
    }
    this.attach('plane');
    if (script !== '') this.attach('container');
  }

  /** A name for a namespace that the script has made, and noted in /run. */
  attach(place: 'plane' | 'container'): void {
    const wanted = this.image.read(`/run/${place}`).trim();
    const pid = readdirSync('/proc').find((entry) => /^\d+$/.test(entry) && namespaceOf(entry) === wanted);
    if (this.#names.has(place)) ip('netns', 'delete', this.#name(place));
    ip('netns', 'attach', this.#name(place), pid ?? '');
  }

  /** A server in one of these places, called like it. */
  async serve(place: Place, ...specs: string[]): Promise<void> {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...this.#inside(place), process.execPath, '-e', server, place, ...specs], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.push(child);
    for await (const said of child.stdout) if (String(said).includes('listening')) return;
    throw new Error(`the server in ${place} has ended`);
  }

  async ask(place: Place, ...specs: string[]): Promise<Record<string, string>> {
    const [program = '', ...args] = [...this.#inside(place), process.execPath, '-e', client, ...specs];
    return JSON.parse((await promisify(execFile)(program, args, { timeout: 20_000 })).stdout) as Record<string, string>;
  }

  /** Another program that runs in one of these places until the end. */
  start(place: Place, program: string, ...args: string[]): void {
    this.#children.push(spawn('setpriv', ['--pdeathsig', 'KILL', ...this.#inside(place), program, ...args], { stdio: 'ignore' }));
  }

  run(place: Place, program: string, ...args: string[]): string {
    const [first = '', ...rest] = [...this.#inside(place), program, ...args];
    return execFileSync(first, rest, { encoding: 'utf8' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await this.machine?.[Symbol.asyncDispose]();
    for (const name of this.#names.values()) ip('netns', 'delete', name);
    this.image[Symbol.dispose]();
  }

  #inside(place: Place): string[] { return ['nsenter', `--net=/run/netns/${this.#name(place)}`]; }

  #name(place: Place): string {
    const name = `corral-a${place.charAt(0)}${place.charAt(1)}${process.pid}`;
    this.#names.set(place, name);
    return name;
  }
}

function ip(...args: string[]): void { execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] }); }

function namespaceOf(pid: string): string { try { return readlinkSync(`/proc/${pid}/ns/net`); } catch { return ''; } }

/** All of these answers the same. */
const all = (specs: readonly string[], answer: string): Record<string, string> => Object.fromEntries(specs.map((spec) => [spec, answer]));

beforeAll(async () => { await ensureHostTools([{ needs: 'ip', from: 'iproute2' }, { needs: 'dnsmasq', from: 'dnsmasq-base' }]); });

describe('published ports', () => {
  let network: Network;
  beforeAll(async () => {
    network = new Network();
    await network.makePlane(docker);
    await network.serve('container', 'tcp 0.0.0.0 80', 'tcp :: 80', 'udp 0.0.0.0 53', 'udp :: 53');
    // Of containers with the plane's network as theirs.
    await network.serve('plane', 'tcp 0.0.0.0 7000', 'tcp :: 7000', 'tcp 127.0.0.1 7001', 'tcp ::1 7001', 'udp 0.0.0.0 7000', 'udp :: 7000');
    await network.serve('machine', 'tcp 0.0.0.0 22', 'tcp :: 22', 'tcp 0.0.0.0 9100', 'tcp :: 9100', 'tcp 127.0.0.1 9101');
    await network.serve('client', 'tcp 0.0.0.0 6000', 'tcp :: 6000');
    await network.serve('other', 'tcp 0.0.0.0 6000', 'tcp :: 6000');
  });
  afterAll(async () => { await network[Symbol.asyncDispose](); });

  test('are reached from outside at every address of the machine, with the client\'s own', async () => {
    const v4 = ['tcp 192.0.2.1 80', 'udp 192.0.2.1 53', 'tcp 198.51.100.1 80'];
    const v6 = ['tcp 2001:db8::1 80', 'udp 2001:db8::1 53', 'tcp 2001:db8:1::1 80'];
    expect(await network.ask('client', ...v4, ...v6)).toEqual({ ...all(v4, 'container saw 192.0.2.9'), ...all(v6, 'container saw 2001:db8::9') });
    expect(await network.ask('other', 'tcp 198.51.100.1 80')).toEqual({ 'tcp 198.51.100.1 80': 'container saw 198.51.100.9' });
  });

  test('of the plane\'s own network, too, and those of the system stay the system\'s', async () => {
    expect(await network.ask('client', 'tcp 192.0.2.1 7000', 'udp 2001:db8::1 7000', 'tcp 192.0.2.1 22', 'tcp 2001:db8::1 22', 'tcp 192.0.2.1 9100')).toEqual({
      'tcp 192.0.2.1 7000': 'plane saw 192.0.2.9', 'udp 2001:db8::1 7000': 'plane saw 2001:db8::9',
      'tcp 192.0.2.1 22': 'machine saw 192.0.2.9', 'tcp 2001:db8::1 22': 'machine saw 2001:db8::9', 'tcp 192.0.2.1 9100': 'machine saw 192.0.2.9',
    });
  });

  test('are reached from the machine at localhost and at its own addresses', async () => {
    const container = ['tcp 127.0.0.1 80', 'tcp ::1 80', 'tcp 127.0.0.5 80', 'tcp 192.0.2.1 80', 'tcp 2001:db8::1 80', 'udp 127.0.0.1 53', 'udp ::1 53', 'udp 192.0.2.1 53'];
    const plane = ['tcp 127.0.0.1 7000', 'tcp ::1 7000', 'udp 127.0.0.1 7000', 'udp ::1 7000', 'tcp 127.0.0.1 7001', 'tcp ::1 7001', 'udp 192.0.2.1 7000', 'tcp 2001:db8::1 7000'];
    const answers = await network.ask('machine', ...container, ...plane);
    expect(Object.fromEntries(Object.entries(answers).map(([spec, answer]) => [spec, answer.split(' ')[0]]))).toEqual({ ...all(container, 'container'), ...all(plane, 'plane') });
  });

  test('at a loopback address are reached from the machine there, and nowhere else', async () => {
    expect(await network.ask('machine', 'tcp 127.0.0.1 8081', 'tcp ::1 8082')).toEqual({ 'tcp 127.0.0.1 8081': 'container saw 100.64.0.5', 'tcp ::1 8082': 'container saw fd63:6f72:7261:6c::5' });
    const elsewhere = ['tcp 192.0.2.1 8081', 'tcp 2001:db8::1 8082', 'tcp 192.0.2.1 7001', 'tcp 2001:db8::1 7001'];
    expect(await network.ask('machine', ...elsewhere, 'tcp ::1 8081', 'tcp 127.0.0.1 8082')).toEqual(all([...elsewhere, 'tcp ::1 8081', 'tcp 127.0.0.1 8082'], 'ECONNREFUSED'));
    expect(await network.ask('client', ...elsewhere)).toEqual(all(elsewhere, 'ECONNREFUSED'));
    // The client takes the machine for its router: it is none to the plane's own addresses.
    const direct = ['100.64.0.2', '100.64.26.193', 'fd63:6f72:7261:6c::2', 'fd63:6f72:7261:6c::205d'].flatMap((address) => [`tcp ${address} 80`, `tcp ${address} 8081`, `tcp ${address} 7001`]);
    expect(await network.ask('client', ...direct)).toEqual(all(direct, 'nothing'));
  });

  test('that nobody publishes are refused at once, UDP as well', async () => {
    const closed = ['192.0.2.1', '2001:db8::1'].flatMap((address) => [`tcp ${address} 81`, `udp ${address} 81`]);
    const local = ['127.0.0.1', '::1'].flatMap((address) => [`tcp ${address} 81`, `udp ${address} 81`]);
    expect(await network.ask('client', ...closed)).toEqual(all(closed, 'ECONNREFUSED'));
    expect(await network.ask('machine', ...closed, ...local)).toEqual(all([...closed, ...local], 'ECONNREFUSED'));
  });

  test('on which the system listens are the system\'s for the machine itself once the packet filter knows', async () => {
    const specs = ['tcp 127.0.0.1 9100', 'tcp ::1 9100', 'tcp 192.0.2.1 9100', 'tcp 127.0.0.1 9101'];
    expect(await network.ask('machine', ...specs, 'tcp 127.0.0.1 22')).toEqual({ ...all(specs, 'ECONNREFUSED'), 'tcp 127.0.0.1 22': 'machine saw 127.0.0.1' });
    const listens = (port: number) => ({ protocol: 'tcp', address: '0.0.0.0', port, inode: 1 }) as const;
    const { code, output } = await network.machine.run(`nft -f - <<END\n${setRules([listens(9100), listens(9101)])}\nEND`);
    expect(output).toBe('');
    expect(code).toBe(0);
    expect(await network.ask('machine', ...specs, 'tcp 127.0.0.1 80')).toEqual({
      'tcp 127.0.0.1 9100': 'machine saw 127.0.0.1', 'tcp ::1 9100': 'machine saw ::1', 'tcp 192.0.2.1 9100': 'machine saw 192.0.2.1', 'tcp 127.0.0.1 9101': 'machine saw 127.0.0.1',
      'tcp 127.0.0.1 80': 'container saw 100.64.0.5',
    });
  });

  test('are reached from a container at the machine\'s addresses, and loopback ones are not', async () => {
    expect(await network.ask('container', 'tcp 192.0.2.1 80', 'tcp 2001:db8::1 80', 'tcp 192.0.2.1 22', 'tcp 192.0.2.1 8081', 'tcp 100.64.26.193 80', 'tcp 100.64.26.193 8081')).toEqual({
      'tcp 192.0.2.1 80': 'container saw 100.64.0.1', 'tcp 2001:db8::1 80': 'container saw fd63:6f72:7261:6c::1', 'tcp 192.0.2.1 22': 'machine saw 100.64.0.2', 'tcp 192.0.2.1 8081': 'ECONNREFUSED',
      'tcp 100.64.26.193 80': 'nothing', 'tcp 100.64.26.193 8081': 'nothing',
    });
  });

  test('need no way back: what leaves the plane has the machine\'s address', async () => {
    expect(await network.ask('container', 'tcp 192.0.2.9 6000', 'tcp 2001:db8::9 6000', 'tcp 198.51.100.9 6000', 'tcp 2001:db8:1::9 6000')).toEqual({
      'tcp 192.0.2.9 6000': 'client saw 192.0.2.1', 'tcp 2001:db8::9 6000': 'client saw 2001:db8::1',
      'tcp 198.51.100.9 6000': 'other saw 198.51.100.1', 'tcp 2001:db8:1::9 6000': 'other saw 2001:db8:1::1',
    });
  });

  test('make no router of the machine', async () => {
    const specs = ['tcp 198.51.100.9 6000', 'tcp 2001:db8:1::9 6000'];
    expect(await network.ask('client', ...specs)).toEqual(all(specs, 'nothing'));
    // The same without our rules: it is they, and nothing else, that keep it from being one.
    await network.machine.run('nft list ruleset >/run/rules; nft delete chain inet corral_plane forwarded');
    expect(await network.ask('client', ...specs)).toEqual({ 'tcp 198.51.100.9 6000': 'other saw 192.0.2.9', 'tcp 2001:db8:1::9 6000': 'other saw 2001:db8::9' });
    await network.machine.run('nft flush ruleset; nft -f /run/rules');
    expect(await network.ask('client', ...specs)).toEqual(all(specs, 'nothing'));
  });
});

test('a default route from a router advertisement is kept, and the next advertisement is heard', async () => {
  await using network = new Network();
  for (const [name, value] of [['accept_ra', '1'], ['forwarding', '0']] as const) network.run('machine', 'sh', '-c', `echo ${value} >/proc/sys/net/ipv6/conf/eth0/${name}`);
  const advertised = (): string => network.run('machine', 'ip', '-6', 'route', 'show', 'default', 'dev', 'eth0');
  network.start('client', 'dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--user=root', '--enable-ra', '--dhcp-range=2001:db8::,ra-only', '--ra-param=eth0,4,120', '--log-facility=/dev/null');
  const heard = async (): Promise<void> => { for (let tries = 0; !advertised().includes('proto ra'); tries += 1) { expect(tries).toBeLessThan(200); await sleep(100); } };
  await heard();
  await network.makePlane();
  expect(advertised()).toContain('proto ra');
  expect(network.run('machine', 'sh', '-c', 'cd /proc/sys/net/ipv6/conf; cat all/forwarding eth0/forwarding default/forwarding').split('\n')).toEqual(['1', '0', '0', '']);
  // With forwarding as usually switched on, this route would be gone, and would not come again.
  network.run('machine', 'ip', '-6', 'route', 'flush', 'default', 'dev', 'eth0');
  await heard();
});

test('it is made anew over the remains of the last one', async () => {
  await using network = new Network();
  await network.makePlane();
  const { code, output } = await network.machine.run('rm -f /run/plane; . /usr/lib/corral/outer; plane');
  expect([code, output]).toEqual([0, '']);
  network.attach('plane');
  await network.serve('plane', 'tcp 0.0.0.0 80', 'tcp ::1 80');
  expect(await network.ask('client', 'tcp 192.0.2.1 80')).toEqual({ 'tcp 192.0.2.1 80': 'plane saw 192.0.2.9' });
  expect(await network.ask('machine', 'tcp ::1 80')).toEqual({ 'tcp ::1 80': 'plane saw fd63:6f72:7261:6c::5' });
  expect(await network.machine.run('. /usr/lib/corral/plane-network; remove_network; nft list tables; ip link show uplane')).toMatchObject({ output: expect.not.stringContaining('corral_plane') as string });
  expect(network.run('machine', 'ip', '-brief', 'link')).not.toContain('uplane');
});

test('without IPv6 on the machine there is the rest of it', async () => {
  await using network = new Network();
  await network.makePlane('', 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6');
  expect(network.machine.said).toContain('no IPv6 in the user plane');
  await network.serve('plane', 'tcp 127.0.0.1 80');
  expect(await network.ask('machine', 'tcp 127.0.0.1 80')).toEqual({ 'tcp 127.0.0.1 80': 'plane saw 100.64.0.5' });
});
