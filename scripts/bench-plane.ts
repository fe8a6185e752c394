/**
 * `make bench-plane`: what the user plane costs against plain dockerd in the machine's own namespaces (`rancher.docker.isolation: host`), on one
 * machine in one run: throughput and latency of a published port, asked from another machine (a namespace behind a tap device), and
 * the time that a container takes to start. The modes take turns, so that a building machine that gets busier does so for both.
 * ROUNDS=n says how often (2); APPEND takes kernel parameters. Writes build/bench-plane.json.
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { BootReport } from '../src/api/types.ts';
import { benchDir, benchKey } from './bench-debian.ts';
import { ask, median, timeToSsh, waitForIdle } from './bench-figures.ts';
import { openApt } from './lib/apt.ts';
import { createContext } from './lib/context.ts';
import { ensureHostTools, runTools } from './lib/host-tools.ts';
import { resolvePackages } from './lib/packages.ts';
import { compileProgram } from './lib/programs.ts';
import { run } from './lib/run.ts';
import { corralMachine } from './qemu-corral.ts';
import { freePort, makeConfigDrive, sshKey } from './qemu-host.ts';
import { wholeNumber, words } from './qemu-settings.ts';
import { Ssh, sshForwards, type SshPorts } from './qemu-ssh.ts';
import { Vm } from './qemu.ts';

const modes = ['plane', 'host'] as const;
type Mode = (typeof modes)[number];

interface Figures {
  /** Into a container and out of one, by a published port. */
  readonly inMbit: number;
  readonly outMbit: number;
  /** Until a connection stands, and of one byte there and back on it; medians. */
  readonly connectUs: number;
  readonly roundTripUs: number;
  /** `docker run --rm` of a program that ends at once. */
  readonly startMs: number;
}

const rounds = wholeNumber('ROUNDS', 2);
const starts = 7;
const address = { here: '192.0.2.1', machine: '192.0.2.5' };
/** A server each: between two tests one does not listen for a moment. */
const iperfPorts = { in: 5201, out: 5203 };
const whoPort = 5202;
const commandMs = 300_000;

// ---- what is run in the containers

/** Debian's iperf3 and all that it links with, by name: nothing is resolved. */
const packages = ['iperf3', 'libiperf0', 'libsctp1', 'libssl3t64', 'libzstd1', 'zlib1g', 'libc6'];

/** A tree that is the containers' image, and from which this machine runs iperf3, too. Kept in build/bench (remove it to fetch it anew). */
async function imageTree(): Promise<string> {
  const tree = resolve(benchDir, 'iperf3');
  if (!existsSync(tree)) {
    const partial = `${tree}.partial`;
    const debs = `${tree}.debs`;
    for (const folder of [partial, debs]) { rmSync(folder, { recursive: true, force: true }); mkdirSync(folder, { recursive: true }); }
    const apt = await openApt(createContext(), 'trixie', false);
    const found = await resolvePackages(apt, packages);
    const unknown = packages.filter((name) => found[name] === undefined);
    if (unknown.length > 0) throw new Error(`cannot find packages "${unknown.join('", "')}": the suite has none of that name`);
    // apt verifies what it fetches. Not into the build's cache, which removes what it does not know.
    await apt.run('apt-get', ['download', ...Object.values(found).map(({ name, version }) => `${name}=${version}`)], debs);
    for (const { file } of Object.values(found)) await run('dpkg-deb', ['--extract', join(debs, file), partial]);
    for (const folder of ['usr/share', 'usr/lib/x86_64-linux-gnu/gconv']) rmSync(join(partial, folder), { recursive: true, force: true });
    for (const name of ['bin', 'lib', 'lib64']) if (!existsSync(join(partial, name))) symlinkSync(`usr/${name}`, join(partial, name));
    mkdirSync(join(partial, 'tmp'), { recursive: true }); // iperf3's buffers
    rmSync(debs, { recursive: true });
    renameSync(partial, tree);
  }
  await compileProgram(resolve('test/boot/plane/who.c'), join(tree, 'usr/bin'));
  cpSync('build/work/root/usr/bin/busybox', join(tree, 'usr/bin/busybox'));
  return tree;
}

// ---- the network: the machine's second card

/** Where another machine would be. QEMU opens the device by its name in this namespace; what it has open stays open when it is moved. */
class Outside implements Disposable {
  readonly #name = `corralb${process.pid}`;

  constructor() {
    ip('tuntap', 'add', 'dev', this.#name, 'mode', 'tap');
    ip('netns', 'add', this.#name);
  }

  get card(): readonly string[] {
    return ['-netdev', `tap,id=lan,ifname=${this.#name},script=no,downscript=no`, '-device', 'virtio-net-pci,netdev=lan,mac=52:54:00:c0:44:b1,romfile='];
  }

  open(): void {
    ip('link', 'set', this.#name, 'netns', this.#name);
    ip('-n', this.#name, 'address', 'add', `${address.here}/24`, 'dev', this.#name);
    ip('-n', this.#name, 'link', 'set', this.#name, 'up');
  }

  async run(program: string, args: readonly string[]): Promise<string> {
    return (await promisify(execFile)('ip', ['netns', 'exec', this.#name, program, ...args], { timeout: commandMs, killSignal: 'SIGKILL', maxBuffer: 16 * 1024 * 1024 })).stdout;
  }

  [Symbol.dispose](): void {
    spawnSync('ip', ['link', 'delete', this.#name], { stdio: 'ignore' }); // where it is when `open` was never called
    ip('netns', 'delete', this.#name);
  }
}

function ip(...args: string[]): void { execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] }); }

/** Connections one after the other, then one byte after the other on the last: `connect` and `roundTrip` in µs, medians. */
const latencyClient = `
const { connect } = require('node:net');
const { once } = require('node:events');
const [host, port] = process.argv.slice(1);
const us = (begin) => Number(process.hrtime.bigint() - begin) / 1000;
const middle = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
(async () => {
  const connects = [], trips = [];
  let socket;
  for (let i = 0; i < 220; i += 1) {
    socket?.destroy();
    const begin = process.hrtime.bigint();
    socket = connect({ port: Number(port), host, noDelay: true });
    await once(socket, 'connect');
    if (i >= 20) connects.push(us(begin));
    await once(socket, 'data'); // who tells the address first
  }
  for (let i = 0; i < 2200; i += 1) {
    const begin = process.hrtime.bigint();
    socket.write('x');
    await once(socket, 'data');
    if (i >= 200) trips.push(us(begin));
  }
  console.log(JSON.stringify({ connect: middle(connects), roundTrip: middle(trips) }));
  process.exit();
})();
`;

// ---- the machine

async function ok(ssh: Ssh, command: string, input?: string | Buffer): Promise<string> {
  const { code, stdout, stderr } = await ssh.run(command, { timeoutMs: commandMs, ...(input === undefined ? {} : { input }) });
  if (code !== 0) throw new Error(`"${command}" ended with exit code ${code}:\n${stdout}${stderr}`);
  return stdout.trim();
}

async function untilDockerAnswers(ssh: Ssh): Promise<void> {
  await ask('User Docker', commandMs, async () => ((await ssh.run('docker version')).code === 0 ? true : undefined));
}

/** By what a container sees, not by what was asked for: on the host's network it is in the machine's namespace, or in the plane's. */
async function modeOf(ssh: Ssh): Promise<Mode> {
  const [container, machine] = await Promise.all([ok(ssh, 'docker run --rm --network host bench busybox readlink /proc/self/ns/net'), ok(ssh, 'readlink /proc/self/ns/net')]);
  return container === machine ? 'host' : 'plane';
}

async function enter(ssh: Ssh, mode: Mode): Promise<void> {
  await ok(ssh, `sudo ros config set rancher.docker.isolation ${mode} && sudo ros config apply`);
  await untilDockerAnswers(ssh);
  const actual = await modeOf(ssh);
  if (actual !== mode) throw new Error(`cannot measure isolation "${mode}": containers run in isolation "${actual}"`);
  const servers: [string, number, string][] = [
    ...Object.entries(iperfPorts).map(([way, port]): [string, number, string] => [`iperf-${way}`, port, `iperf3 -s -p ${port}`]),
    ['who', whoPort, `who ${whoPort}`],
  ];
  for (const [name, port, command] of servers) await ok(ssh, `docker run -d --name ${name} -p ${port}:${port} bench ${command}`);
}

async function leave(ssh: Ssh): Promise<void> { await ok(ssh, `docker rm -f ${Object.keys(iperfPorts).map((way) => `iperf-${way}`).join(' ')} who`); }

// ---- measuring

async function throughput(outside: Outside, tree: string, port: number, ...options: string[]): Promise<number> {
  const libraries = ['--library-path', join(tree, 'usr/lib/x86_64-linux-gnu')];
  const text = await outside.run(join(tree, 'usr/lib64/ld-linux-x86-64.so.2'), [
    ...libraries, join(tree, 'usr/bin/iperf3'), '--client', address.machine, '--port', String(port), '--json', '--omit', '2', '--time', '8', ...options,
  ]).catch((error: unknown) => {
    // With --json its reason is where its figures would be.
    throw new Error(`iperf3 ${options.join(' ')}: ${/"error":\s*(".*")/.exec((error as { readonly stdout?: string }).stdout ?? '')?.[1] ?? String(error)}`, { cause: error });
  });
  const { end } = JSON.parse(text) as { readonly end: { readonly sum_received: { readonly bits_per_second: number } } };
  return Math.round(end.sum_received.bits_per_second / 1e6);
}

/** The first is not counted: what it reads is then in memory. */
async function startTime(ssh: Ssh): Promise<number> {
  const script = `for i in $(seq ${starts + 1}); do begin=$(date +%s%N); docker run --rm bench busybox true || exit 1; echo $((($(date +%s%N) - begin) / 1000000)); done`;
  return median((await ok(ssh, script)).split('\n').slice(1).map(Number));
}

async function measure(ssh: Ssh, outside: Outside, tree: string): Promise<Figures> {
  await waitForIdle(ssh);
  const inMbit = await throughput(outside, tree, iperfPorts.in);
  const outMbit = await throughput(outside, tree, iperfPorts.out, '--reverse');
  const { connect, roundTrip } = JSON.parse(await outside.run(process.execPath, ['-e', latencyClient, address.machine, String(whoPort)])) as { connect: number; roundTrip: number };
  return { inMbit, outMbit, connectUs: Math.round(connect), roundTripUs: Math.round(roundTrip), startMs: await startTime(ssh) };
}

const units: Readonly<Record<keyof Figures, string>> = { inMbit: 'Mbit/s in', outMbit: 'Mbit/s out', connectUs: 'µs to connect', roundTripUs: 'µs there and back', startMs: 'ms to start a container' };
const names = Object.keys(units) as (keyof Figures)[];

function line(figures: Figures): string { return names.map((name) => `${figures[name]} ${units[name]}`).join(', '); }

function medians(all: readonly Figures[]): Figures {
  return Object.fromEntries(names.map((name) => [name, median(all.map((figures) => figures[name]))])) as unknown as Figures;
}

async function main(): Promise<void> {
  await ensureHostTools([...runTools, { needs: 'ip', from: 'iproute2' }, { needs: 'dpkg-deb', from: 'dpkg' }]);
  mkdirSync(benchDir, { recursive: true });
  const tree = await imageTree();
  const file = join(benchDir, 'plane.disk.raw');
  rmSync(file, { force: true });
  const config = makeConfigDrive(`#cloud-config\nhostname: corral\nssh_authorized_keys:\n  - ${sshKey(benchKey)}\nrancher:\n  network: {interfaces: {eth1: {address: ${address.machine}/24}}}\n`, join(benchDir, 'plane.config.iso'));
  const ports: SshPorts = { ssh: await freePort(), closed: await freePort() };
  using outside = new Outside();
  const vm = await Vm.start(corralMachine({ append: ['quiet', ...words('APPEND')], config, disk: { file, cache: 'unsafe' }, forwards: sshForwards(ports), noReboot: true, extra: outside.card }), join(benchDir, 'plane.console.log'));
  const ssh = new Ssh({ port: ports.ssh, key: benchKey, user: 'rancher' });
  try {
    await vm.qmp(); // QEMU answers when it has opened everything
    outside.open();
    await timeToSsh(vm, ports, ssh);
    await ask('the time User Docker was ready', commandMs, async () => {
      const { code, stdout } = await ssh.run('sudo ros boot --json');
      return code === 0 ? (JSON.parse(stdout) as BootReport).bootMs.userDocker : undefined;
    });
    const image = execFileSync('tar', ['-C', tree, '--owner=0', '--group=0', '-c', '.'], { maxBuffer: 1024 ** 3 });
    await ok(ssh, 'docker import --change "ENV PATH=/usr/bin" - bench', image);
    const results: Record<Mode, Figures[]> = { plane: [], host: [] };
    for (let round = 1; round <= rounds; round += 1) {
      for (const mode of modes) {
        await enter(ssh, mode);
        const figures = await measure(ssh, outside, tree);
        results[mode].push(figures);
        console.log(`${mode.padEnd(5)} ${round} of ${rounds}: ${line(figures)}`);
        await leave(ssh);
      }
    }
    report(vm.accel.kind, results);
    await ssh.run('sudo poweroff').catch(() => undefined);
    await vm.awaitEnd(180_000, 'after poweroff');
  } catch (error) {
    throw new Error(`${String(error)}\nThe console's last lines:\n${vm.console.tail()}`, { cause: error });
  } finally {
    await vm.kill();
    ssh.close();
  }
}

function report(accel: Vm['accel']['kind'], results: Readonly<Record<Mode, readonly Figures[]>>): void {
  const [plane, host] = [medians(results.plane), medians(results.host)];
  for (const name of names) console.log(`ratio ${name.padEnd(11)} ${(plane[name] / host[name]).toFixed(2)}  (plane ${plane[name]}, host ${host[name]} ${units[name]}; ${accel})`);
  writeFileSync('build/bench-plane.json', `${JSON.stringify({ accel, plane, host, rounds: results }, undefined, 2)}\n`);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
