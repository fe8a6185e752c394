/**
 * A network of its own for a machine: a tap device in a network namespace in which a real DHCP and DNS server (dnsmasq) and a
 * real NTP server (the chronyd of the built ntp container) listen. Nothing in it leads anywhere else.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ensureHostTools } from '../../scripts/lib/host-tools.ts';
import { testDir, type Machine, type MachineOptions } from './machine.ts';

export interface LanOptions {
  /** The name that the DHCP server gives the machine. */
  readonly hostname: string;
  readonly domain: string;
  /** Names in the domain and their addresses, for the DNS server. */
  readonly hosts: Readonly<Record<string, string>>;
}

const mac = '52:54:00:c0:44:a1';
export const lanAddress = '192.0.2.1';

/** The built container's tree, base and layer: Debian's chronyd with its libraries. -x: it leaves this machine's clock alone. */
const chronyd = `set -e
mount -t tmpfs tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/tree"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" overlay "$2/tree"
mkdir -p "$2/tree/run"
cp "$3" "$2/tree/run/chrony.conf"
exec chroot "$2/tree" /usr/sbin/chronyd -d -x -f /run/chrony.conf`;

export class Lan implements AsyncDisposable {
  readonly #name = `corral${process.pid}`;
  readonly #servers: ChildProcess[] = [];
  readonly #said: string[] = [];
  readonly #dir = resolve(testDir, 'lan');

  /** Makes the device; `open` must follow when the machine has been started. */
  static async create(): Promise<Lan> {
    await ensureHostTools([
      { needs: 'ip', from: 'iproute2' }, { needs: 'dnsmasq', from: 'dnsmasq-base' },
    ]);
    return new Lan();
  }

  private constructor() {
    mkdirSync(this.#dir, { recursive: true });
    // QEMU opens the device by its name in this namespace; what it has open stays open when the device is moved.
    ip('tuntap', 'add', 'dev', this.#name, 'mode', 'tap');
    ip('netns', 'add', this.#name);
    ip('-n', this.#name, 'link', 'set', 'lo', 'up'); // its servers reach each other
  }

  /** The machine's second network card, eth1: the first is the tests' way in. */
  get card(): Pick<MachineOptions, 'extra'> {
    return { extra: ['-netdev', `tap,id=lan,ifname=${this.#name},script=no,downscript=no`, '-device', `virtio-net-pci,netdev=lan,mac=${mac},romfile=`] };
  }

  async open(machine: Machine, { hostname, domain, hosts }: LanOptions): Promise<void> {
    await machine.vm.qmp(); // QEMU answers when it has opened everything
    const inside = ['netns', 'exec', this.#name];
    ip('link', 'set', this.#name, 'netns', this.#name);
    ip('-n', this.#name, 'address', 'add', `${lanAddress}/24`, 'dev', this.#name);
    ip('-n', this.#name, 'link', 'set', this.#name, 'up');
    this.#serve('ip', [...inside, 'dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--log-facility=-', '--log-dhcp',
      '--user=root', '--no-resolv', '--no-hosts', '--no-ping', `--dhcp-leasefile=${join(this.#dir, 'leases')}`,
      '--dhcp-range=192.0.2.50,192.0.2.99,1h', `--dhcp-host=${mac},${hostname}`, `--domain=${domain}`,
      `--dhcp-option=option:ntp-server,${lanAddress}`,
      ...Object.entries(hosts).map(([name, address]) => `--host-record=${name}.${domain},${address}`)]);
    const config = join(this.#dir, 'chrony.conf');
    writeFileSync(config, `local stratum 5\nallow ${lanAddress}/24\ncmdport 0\nuser root\npidfile /run/chronyd.pid\n`);
    const layers = `${resolve('build/work/layers/ntp/tree')}:${resolve('build/work/layers/_base/tree')}`;
    const mounts = join(this.#dir, 'chronyd');
    mkdirSync(mounts, { recursive: true });
    this.#serve('ip', [...inside, 'unshare', '--mount', 'sh', '-c', chronyd, 'sh', layers, mounts, config]);
  }

  /** Of the network namespace, and of the device in it. */
  get namespace(): string { return this.#name; }

  /** Another server in this network, reached at `lanAddress`; it ends with the network, or when it is told to. */
  serve(program: string, args: readonly string[]): { stop(): Promise<void> } {
    const server = this.#serve('ip', ['netns', 'exec', this.#name, program, ...args]);
    return { stop: () => end(server) };
  }

  /** What the servers have said, for the message of a test that fails. */
  get log(): string { return this.#said.join(''); }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map(end));
    spawnSync('ip', ['link', 'delete', this.#name], { stdio: 'ignore' }); // where it is when `open` was never called
    ip('netns', 'delete', this.#name);
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #serve(program: string, args: readonly string[]): ChildProcess {
    const server = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [server.stdout, server.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { this.#said.push(text); });
    this.#servers.push(server);
    return server;
  }
}

async function end(server: ChildProcess): Promise<void> {
  const ended = new Promise((settled) => server.once('exit', settled));
  if (server.exitCode === null && server.signalCode === null) { server.kill('SIGTERM'); await ended; }
}

function ip(...args: string[]): void { execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] }); }
