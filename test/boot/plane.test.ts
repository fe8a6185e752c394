/**
 * The user plane as convenient as plain Docker: what people type, on a machine in a network of its own, seen from the console,
 * from a container and from another machine. That it is isolated all the same is isolation.test.ts; TLS is config.test.ts.
 */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileProgram } from '../../scripts/lib/programs.ts';
import { runProgram } from '../../scripts/qemu-ssh.ts';
import { makeTinyImage, notWell } from '../lib/guest.ts';
import { Lan, lanAddress } from '../lib/lan.ts';
import { freshDisk, Machine, testDir } from '../lib/machine.ts';
import { soakDescribe, soakTest } from '../lib/thorough.ts';
import { showConsoleOnFailure } from '../lib/watch.ts';

const folder = resolve(testDir, 'plane');
const prefix = '2001:db8:c0::';
const outside = { v4: lanAddress, v6: `${prefix}1` };
const preload = '/var/lib/rancher/preload/system-docker';
/** `make addons` */
const addon = resolve('build/addons/docker-cli-plugins.tar.zst');

let lan: Lan;
let machine: Machine;
/** The machine's addresses in the network; those on the other card are QEMU's. */
let at: { readonly v4: string; readonly v6: string };
showConsoleOnFailure(() => machine);

// ---- asking

/** A table of shell commands and what each must print (its output and error, and its exit code unless that is 0), run by rancher in the console one after the other. */
type Table = readonly (readonly [command: string, answer: string | RegExp])[];

async function says(table: Table): Promise<void> {
  const mark = '-- ended with';
  const script = table.map(([command]) => `( ${command}\n) < /dev/null 2>&1; ended=$?; echo; echo "${mark} $ended"`).join('\n');
  const { stdout, stderr } = await machine.run('bash -s', { input: script, timeoutMs: machine.limit(180_000) });
  const parts = stdout.split(new RegExp(`\n${mark} (\\d+)\n`));
  const answers = table.map(([command], index) => {
    // compose clears lines, on no terminal, too
    const [text, code] = [(parts[2 * index] ?? stderr).replaceAll('\u001b[2K', '').trim(), parts[2 * index + 1] ?? 'none'];
    return [command, code === '0' ? text : `${text}\n(exit code ${code})`.trim()];
  });
  expect(answers).toEqual(table.map(([command, answer]) => [command, typeof answer === 'string' ? answer : expect.stringMatching(answer)]));
}

/** `tcp HOST PORT` or `udp HOST PORT`. The answer is the server's first line, which for `who` (plane/who.c) is the client's address as it sees it; else why there is none. */
type Target = string;
type Asker = (targets: readonly Target[]) => Promise<readonly string[]>;

const client = `
const { connect } = require('node:net');
const { createSocket } = require('node:dgram');
const patienceMs = Number(process.argv[1]);
const ask = (target) => new Promise((done) => {
  const [kind, host, port] = target.split(' ');
  setTimeout(done, patienceMs, 'silence');
  if (kind === 'tcp') {
    const socket = connect(Number(port), host).on('error', ({ code }) => done(code)).on('close', () => done('closed'));
    socket.once('data', (data) => { done(String(data).split('\\n')[0]); socket.destroy(); });
  } else {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4').on('error', ({ code }) => done(code)).on('message', (data) => done(String(data).trim()));
    const send = () => socket.send('?', Number(port), host);
    send();
    setInterval(send, 1000);
  }
});
Promise.all(process.argv.slice(2).map(ask)).then((answers) => { console.log(JSON.stringify(answers)); process.exit(); });
`;

async function askWithNode(before: readonly string[], targets: readonly Target[]): Promise<readonly string[]> {
  const [program = '', ...args] = [...before, process.execPath, '-e', client, String(machine.limit(5_000)), ...targets];
  return JSON.parse((await promisify(execFile)(program, args)).stdout) as string[];
}
/** Where another machine would be. */
const fromOutside: Asker = (targets) => askWithNode(['ip', 'netns', 'exec', lan.namespace], targets);
/** Through a port that QEMU forwards. */
const fromHere: Asker = (targets) => askWithNode(['env'], targets);
/** By head and not by read, which takes a datagram's first byte and loses the rest. */
const fromConsole: Asker = async (targets) => {
  const script = `ask() { timeout 20 bash -c 'exec 3<>/dev/$0/$1/$2 && { [ $0 = tcp ] || echo >&3; } && head -n 1 <&3' "$@" 2> /dev/null || echo "none ($?)"; }`;
  return (await machine.ok('bash -s', { input: [script, ...targets.map((target) => `ask ${target}`)].join('\n'), timeoutMs: machine.limit(60_000) })).split('\n');
};

/** What `who` says. */
const address = /^[\d.]+$|^[\da-f:]*:[\da-f:]*$/;
const anyAddress: unknown = expect.stringMatching(address);
const nobody: unknown = expect.not.stringMatching(address);

/** Asks until each that is to answer does, a server may have been started just now; then all must be as expected. */
async function hears(ask: Asker, expected: Readonly<Record<Target, unknown>>): Promise<void> {
  const targets = Object.keys(expected);
  let answers: Record<Target, string> = {};
  await machine.until('the servers to answer', machine.limit(15_000), async () => {
    const said = await ask(targets);
    answers = Object.fromEntries(targets.map((target, index) => [target, said[index] ?? 'nothing']));
    return targets.every((target) => expected[target] === nobody || address.test(answers[target] ?? '')) || JSON.stringify(answers);
  }).catch((error: unknown) => { if (Object.keys(answers).length === 0) throw error; });
  expect(answers).toEqual(expected);
}

// ---- the machine

/** The image `who`: that one program. */
async function makeWhoImage(): Promise<void> {
  const program = readFileSync(await compileProgram(resolve('test/boot/plane/who.c'), folder)).toString('base64');
  const script = `set -e; dir=$(mktemp -d); echo ${program} | base64 -d > "$dir/who"; chmod 755 "$dir/who"; tar -C "$dir" -c who | docker import --change 'ENTRYPOINT ["/who"]' - who`;
  await machine.ok('sh -s', { input: script, timeoutMs: machine.limit(30_000) });
}

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  lan = await Lan.create();
  machine = await Machine.start({ name: 'plane', disk: freshDisk('plane'), ports: [80], ...lan.card });
  await lan.open(machine, { hostname: 'corral', domain: 'ranch.test', hosts: { barn: lanAddress } });
  const device = lan.namespace;
  // It announces a network itself, and takes no address from that: clients are told from each other by theirs.
  execFileSync('ip', ['netns', 'exec', device, 'sh', '-c', `echo 0 > /proc/sys/net/ipv6/conf/${device}/accept_ra`]);
  execFileSync('ip', ['-n', device, '-6', 'address', 'add', `${outside.v6}/64`, 'dev', device, 'nodad']);
  // A router that announces its network, and a server that tells everybody their address.
  lan.serve('dnsmasq', ['--keep-in-foreground', '--conf-file=/dev/null', '--log-facility=-', '--user=root', '--pid-file=', '--port=0', '--enable-ra',
    `--dhcp-range=${prefix},ra-only`, `--ra-param=${device},10`, `--dhcp-leasefile=${join(folder, 'ra-leases')}`]);
  lan.serve(process.execPath, ['-e', 'require("node:net").createServer((socket) => socket.on("error", () => 0).end(socket.remoteAddress.replace(/^::ffff:/, "") + "\\n")).listen(8001, "::")']);
  await machine.waitForBoot();
  await machine.until('addresses of both families', machine.limit(60_000), async () => {
    const text = await machine.ok('ip -o address show dev eth1 scope global');
    const [v4, v6] = [/inet (192\.0\.2\.\d+)\//, /inet6 (2001:db8:c0:[\da-f:]+)\//].map((pattern) => pattern.exec(text)?.[1]);
    if (v4 === undefined || v6 === undefined) return `${text}\n${lan.log.slice(-1000)}`;
    at = { v4, v6 };
    return true;
  });
  await makeTinyImage(machine);
  await makeWhoImage();
});
afterAll(async () => {
  await machine?.kill();
  await lan?.[Symbol.asyncDispose]();
});

const id = /^[0-9a-f]{64}$/;

describe('the network', () => {
  beforeAll(async () => {
    await says([
      ['docker run -d --name web -p 80:80 -p 127.0.0.1:8081:81 -p 7000-7003:7000-7003 -p 53:53/udp who 80 81 7000 7001 7002 7003 53/udp', id],
      ['docker run -d --name inner --network host who 8090 127.0.0.1:8091', id],
    ]);
  });

  test('published ports answer other machines at every address, over TCP and UDP, IPv4 and IPv6, and see who asks', async () => {
    await hears(fromOutside, {
      [`tcp ${at.v4} 80`]: outside.v4, [`tcp ${at.v6} 80`]: outside.v6,
      [`tcp ${at.v4} 7000`]: outside.v4, [`tcp ${at.v4} 7001`]: outside.v4, [`tcp ${at.v4} 7002`]: outside.v4, [`tcp ${at.v6} 7003`]: outside.v6,
      [`udp ${at.v4} 53`]: outside.v4, [`udp ${at.v6} 53`]: outside.v6,
      [`tcp ${at.v4} 8090`]: outside.v4, [`tcp ${at.v6} 8090`]: outside.v6,
    });
    await hears(fromHere, { [`tcp 127.0.0.1 ${machine.port(80)}`]: '10.0.2.2' });
  });

  test('what is published for 127.0.0.1 is reached from the console and by nobody else', async () => {
    await hears(fromOutside, {
      [`tcp ${at.v4} 80`]: outside.v4, // the way is there
      [`tcp ${at.v4} 8081`]: nobody, [`tcp ${at.v6} 8081`]: nobody, [`tcp ${at.v4} 8091`]: nobody, [`tcp ${at.v4} 7004`]: nobody,
    });
    await hears(fromConsole, { 'tcp 127.0.0.1 8081': anyAddress, 'tcp 127.0.0.1 8091': anyAddress, [`tcp ${at.v4} 8081`]: nobody, 'tcp 127.0.0.1 7004': nobody });
  });

  test('published ports answer the console at localhost and at every address of the machine', async () => {
    await hears(fromConsole, {
      'tcp 127.0.0.1 80': anyAddress, 'tcp localhost 80': anyAddress, 'tcp ::1 80': anyAddress, 'tcp corral 80': anyAddress,
      [`tcp ${at.v4} 80`]: anyAddress, [`tcp ${at.v6} 80`]: anyAddress, 'tcp 10.0.2.15 80': anyAddress,
      'tcp 127.0.0.1 7003': anyAddress, 'udp 127.0.0.1 53': anyAddress, 'udp ::1 53': anyAddress, [`udp ${at.v4} 53`]: anyAddress, 'tcp 127.0.0.1 8090': anyAddress,
    });
    await says([
      ['docker port web 80/tcp', /^0\.0\.0\.0:80/],
      [`docker run --rm tiny busybox nc ${at.v4} 80`, address], // and containers
    ]);
  });

  test('a container gets out, with names, and is then the machine', async () => {
    const askServer = (options: string, host: string): readonly [string, string | RegExp] =>
      [`docker run --rm ${options} tiny busybox nc ${host} 8001`, host.includes(':') ? new RegExp(`^${prefix.slice(0, -1)}`) : at.v4];
    await says([
      ['docker network create yard', id],
      askServer('', 'barn.ranch.test'), askServer('--network host', 'barn.ranch.test'), askServer('--network yard', 'barn.ranch.test'),
      askServer('', outside.v6), askServer('--network host', outside.v6),
      [`docker run --rm --network none tiny busybox nc -w 3 ${outside.v4} 8001`, /unreachable[^]*exit code 1/],
    ]);
  });

  test('containers on a network of their own find each other by name, and only there', async () => {
    await says([
      ['docker run -d --name hen --network yard --network-alias layer who 80', id],
      ['docker run --rm --network yard tiny sh -c "busybox nc hen 80; busybox nc layer 80"', /^172\.[\d.]+\n172\.[\d.]+$/],
      ['docker run --rm tiny busybox nc hen 80', /bad address/],
      ['docker network connect yard web && docker network inspect yard --format "{{len .Containers}}"', '2'],
      ['docker rm -f hen && docker network disconnect yard web && docker network rm yard', 'hen\nyard'],
    ]);
  });

  test('a port of the system stays the system\'s, and who published it is told', async () => {
    const warnings = async (): Promise<string> => (JSON.parse(await machine.ok('sudo ros status --json')) as { warnings: readonly string[] }).warnings.join('\n');
    await says([['docker run -d --name greedy -p 22:80 who 80', id]]);
    await machine.until('the warning', machine.limit(15_000), async () => /\b22\b/.test(await warnings()) || await warnings());
    expect(await warnings()).toMatch(/greedy/);
    expect(await fromOutside([`tcp ${at.v4} 22`])).toEqual([expect.stringMatching(/^SSH-2\.0-/)]);
    await says([['docker rm -f greedy', 'greedy']]);
    await machine.until('the end of the warning', machine.limit(15_000), async () => !/\b22\b/.test(await warnings()) || await warnings());
  });
});

describe('files', () => {
  test('folders of the machine, with one owner on both sides', async () => {
    await says([
      ['mkdir -p ~/x && echo from-the-console > ~/x/given', ''],
      ['docker run --rm -v ~/x:/x tiny sh -c "busybox stat -c %u:%g /x/given; cat /x/given; echo > /x/by-root"', '1100:1100\nfrom-the-console'],
      ['docker run --rm -u 1100:1100 -v ~/x:/x tiny sh -c "echo > /x/by-rancher; echo > /x/by-root"', /can't create \/x\/by-root: Permission denied/],
      ['stat -c "%n %U:%G" ~/x/by-*', '/home/rancher/x/by-rancher rancher:rancher\n/home/rancher/x/by-root root:root'],
      ['for d in /opt /mnt /media; do sudo mkdir -p $d/p && sudo chown rancher: $d/p; done', ''],
      ['docker run --rm -u 1100:1100 -v /opt/p:/1 -v /mnt/p:/2 -v /media/p:/3:ro tiny sh -c "for i in 1 2 3; do echo \\$i > /\\$i/file; done"', /can't create \/3\/file: Read-only file system/],
      ['cat /opt/p/file /mnt/p/file; stat -c %U /opt/p/file /mnt/p/file; ls /media/p', '1\n2\nrancher\nrancher'],
    ]);
  });

  test('volumes, tmpfs, cp, save, load, commit', async () => {
    await says([
      ['docker volume create stall', 'stall'],
      ['docker run --rm -v stall:/s tiny sh -c "echo kept > /s/file"', ''],
      ['docker run --rm -v stall:/s:ro --tmpfs /t tiny sh -c "exec 2>&1; cat /s/file; echo no > /s/file; echo yes > /t/file && cat /t/file"', /^kept\n.*Read-only file system\nyes$/],
      ['docker run -d --name box --hostname box tiny sh -c "echo out; echo err >&2; exec sleep 1000000"', id],
      ['echo carried > ~/in && docker cp -q ~/in box:/tmp/in && docker exec box cat /tmp/in && docker cp -q box:/tmp/in ~/back && cat ~/back && stat -c %U ~/back', 'carried\ncarried\nrancher'],
      ['docker diff box', /^A \/tmp\/in$/m],
      ['docker commit box packed:1 > /dev/null && docker save -o ~/packed.tar packed:1 && docker rmi packed:1 > /dev/null && docker load -qi ~/packed.tar && docker run --rm packed:1 cat /tmp/in', 'Loaded image: packed:1\ncarried'],
    ]);
  });
});

describe('a life of containers', () => {
  test('exec, logs, stats, top, events', async () => {
    await says([
      ['docker exec -e WORD=hay -w /tmp -u 5 box sh -c "echo \\$WORD \\$(pwd) \\$(id -u) \\$(hostname)"', 'hay /tmp 5 box'],
      ['docker exec box sh -c "exit 3"', '(exit code 3)'],
      ['docker logs box 2> /dev/null; docker logs box 2>&1 > /dev/null', 'out\nerr'],
      ['docker stats --no-stream --format "{{.Name}} {{.PIDs}} {{.MemUsage}}" box', /^box 1 [\d.]+[KM]iB \/ [\d.]+[MG]iB$/],
      ['docker top box', /sleep 1000000/],
      ['docker events --since 30m --until "$(date +%s)" --filter container=box --filter event=start --format "{{.Action}}"', 'start'],
      // Logs are bounded unless somebody says how.
      ['docker inspect --format "{{.HostConfig.LogConfig.Type}} {{.HostConfig.LogConfig.Config}}" box', 'json-file map[max-file:2 max-size:25m]'],
    ]);
  });

  test('health checks and restart policies', async () => {
    const until = (format: string, name: string, value: string): string => `until [ "$(docker inspect --format "${format}" ${name})" = "${value}" ]; do sleep 1; done`;
    await says([
      ['docker run -d --name well --health-cmd "test -e /tmp/ok" --health-interval 1s --health-retries 1 tiny sleep 1000000', id],
      ['docker run -d --name stubborn --restart on-failure:2 tiny sh -c "exit 3"', id],
      [until('{{.State.Health.Status}}', 'well', 'unhealthy'), ''],
      ['docker exec well sh -c "echo > /tmp/ok"', ''],
      [until('{{.State.Health.Status}}', 'well', 'healthy'), ''],
      [until('{{.State.Status}} {{.RestartCount}} {{.State.ExitCode}}', 'stubborn', 'exited 2 3'), ''],
      ['docker rm -f well stubborn', 'well\nstubborn'],
    ]);
  });

  test('limits of memory, processors and processes hold', async () => {
    await says([
      ['docker run --name hog --memory 24m tiny dd if=/dev/zero of=/dev/null bs=64M count=1', '(exit code 137)'],
      ['docker inspect --format "{{.State.OOMKilled}}" hog; docker rm hog', 'true\nhog'],
      ['docker run --rm --memory 96m tiny sh -c "dd if=/dev/zero of=/dev/null bs=64M count=1 2> /dev/null && echo room"', 'room'],
      ['docker run --rm --cpus 0.2 tiny sh -c "i=0; while [ \\$i -lt 60000 ]; do i=\\$((i + 1)); done; cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu.stat"', /^20000 100000\n[^]*nr_throttled [1-9]/],
      ['docker run --rm --pids-limit 8 tiny sh -c "for i in \\$(seq 20); do sleep 3 & done; wait"', /can't fork/],
    ]);
  });

  test('a device that is not there is refused with a clear word', async () => {
    await says([['docker run --rm --gpus all tiny true', /could not select device driver .*gpu[^]*exit code 125/]]);
  });
});

describe('from another machine', () => {
  test('docker context and DOCKER_HOST=ssh://', async () => {
    const own = join(folder, 'client');
    rmSync(own, { recursive: true, force: true });
    mkdirSync(own, { recursive: true });
    // What a user has in ~/.ssh/config.
    const options = ['-i', resolve(testDir, 'id_ed25519'), ...['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR', 'BatchMode=yes', 'IdentitiesOnly=yes'].flatMap((option) => ['-o', option])];
    writeFileSync(join(own, 'ssh'), `#!/bin/sh\nexec ${execFileSync('sh', ['-c', 'command -v ssh'], { encoding: 'utf8' }).trim()} -F /dev/null ${options.join(' ')} "$@"\n`, { mode: 0o755 });
    const host = `ssh://rancher@127.0.0.1:${machine.port(22)}`;
    const docker = async (words: string, before = ''): Promise<string> => {
      const environment = `PATH=${own}:$PATH DOCKER_CONFIG=${own}/config ${before}`;
      const { code, stdout, stderr } = await runProgram('sh', ['-c', `${environment} ${resolve('build/work/root/usr/bin/docker')} ${words}`], machine.limit(60_000), `docker ${words}`);
      return code === 0 ? stdout.trim() : `${stdout}${stderr}`;
    };
    expect(await docker('run --rm tiny echo over-ssh', `DOCKER_HOST=${host}`)).toBe('over-ssh');
    expect(await docker(`context create ranch --docker host=${host}`)).toMatch(/^ranch/);
    expect(await docker('--context ranch ps --format "{{.Names}}"')).toMatch(/^box$/m);
    expect(await docker('--context ranch exec box hostname')).toBe('box');
  });
});

describe('more than one container at once', () => {
  test('the add-on for compose and buildx is one command, and both work for every user', async () => {
    if (!existsSync(addon)) throw new Error(`there is no ${addon} (make addons builds it)`);
    lan.serve(process.execPath, ['-e', 'require("node:http").createServer((request, response) => require("node:fs").createReadStream(process.argv[1]).pipe(response)).listen(8002, process.argv[2])', addon, lanAddress]);
    const compose = 'services:\n  gate: {image: who, command: ["80"], ports: ["8096:80"]}\n  visitor: {image: tiny, command: [sh, -c, "cat /feed/hay; busybox nc gate 80; exec sleep 1000000"], depends_on: [gate], volumes: ["store:/store", "./feed:/feed:ro"]}\nvolumes: {store: {}}\n';
    const dockerfile = 'FROM tiny\nRUN --mount=type=cache,target=/cache echo built > /word && echo > /cache/file\nCMD ["cat", "/word"]\n';
    await machine.ok('mkdir -p ~/farm/feed && echo hay > ~/farm/feed/hay && cat > ~/farm/compose.yml', { input: compose });
    await machine.ok('cat > ~/farm/Dockerfile', { input: dockerfile });
    await says([
      // No registry is reached from here: the image's archive is put where archives are looked for.
      [`sudo mkdir -p ${preload} && sudo wget -qO ${preload}/docker-cli-plugins.tar.zst http://${lanAddress}:8002/`, ''],
      ['sudo ros service enable --now docker-cli-plugins', /enabled/],
      ['for i in $(seq 60); do docker compose version --short 2> /dev/null | grep "^v*2[.]" && break; sleep 1; done', /^v?2\.\d/],
      ['sudo -u docker docker buildx version', /buildx/],
      ['cd ~/farm && docker build -q -t built . && docker run --rm built', /^sha256:[0-9a-f]{64}\nbuilt$/],
      ['cd ~/farm && docker compose up -d > up.log 2>&1 || cat up.log', ''],
      ['cd ~/farm && docker compose ps --format "{{.Service}} {{.State}}" | sort', 'gate running\nvisitor running'],
      ['cd ~/farm && for i in $(seq 30); do docker compose logs --no-log-prefix visitor | grep -q 172 && break; sleep 1; done; docker compose logs --no-log-prefix visitor', /^hay\n172\.[\d.]+$/],
    ]);
    await hears(fromOutside, { [`tcp ${at.v4} 8096`]: outside.v4 });
    // 6 MB at 1 MB a second, and without the limit. (By compose: Docker 26's own command line forgets its --device-write-bps.)
    const write = 'read -r a _ < /proc/uptime; dd if=/dev/zero of=/s/much bs=256k count=24 oflag=direct 2> /dev/null; read -r b _ < /proc/uptime; echo took $$(($${b%.*} - $${a%.*}))';
    const writer = { image: 'tiny', command: ['sh', '-c', write], volumes: ['much:/s'] };
    const slow = { ...writer, blkio_config: { device_write_bps: [{ path: '/dev/vdb', rate: '1mb' }] } };
    await machine.ok('mkdir -p ~/io && cat > ~/io/compose.yaml', { input: JSON.stringify({ services: { writer, slow }, volumes: { much: {} } }) });
    await says([
      ['cd ~/io && docker compose --progress quiet run --rm -T slow', /^took [4-9]$/m],
      ['cd ~/io && docker compose --progress quiet run --rm -T writer', /^took [0-2]$/m],
    ]);
    await says([['cd ~/farm && docker compose down -v > down.log 2>&1 && docker compose ls -aq', '']]);
  });

  soakTest('a swarm of one node, where live-restore is off', async () => {
    await says([
      ['docker rm -f $(docker ps -qa) > /dev/null', ''],
      ['docker swarm init', /live-restore daemon configuration is incompatible with swarm mode[^]*exit code 1/],
      ['sudo ros config set rancher.docker.live_restore false && sudo ros config apply', /applied docker/],
      ['docker swarm init', /^Swarm initialized/],
      ['docker network create -d overlay --attachable field', /^\w{25}$/],
      // Names lead to the tasks, and ports are the node's: the kernel lets no user namespace at its load balancer (docs/isolation.md).
      ['docker service create -d -q --no-resolve-image --name fleet --replicas 2 --network field --endpoint-mode dnsrr who 80', /^\w{25}$/],
      ['docker service create -d -q --no-resolve-image --name door --publish mode=host,published=8095,target=80 who 80', /^\w{25}$/],
      ['echo hay | docker secret create feed -', /^\w{25}$/],
      ['docker service create -d -q --no-resolve-image --name eater --secret feed tiny sh -c "cat /run/secrets/feed; exec sleep 1000000"', /^\w{25}$/],
      ['for i in $(seq 90); do [ "$(docker service ls --format "{{.Name}} {{.Replicas}}" | sort | xargs)" = "door 1/1 eater 1/1 fleet 2/2" ] && break; sleep 1; done; docker service ls --format "{{.Name}} {{.Replicas}}" | sort', 'door 1/1\neater 1/1\nfleet 2/2'],
      ['docker service logs --raw eater', 'hay'],
      ['docker run --rm --network field tiny busybox nc fleet 80', address],
    ]);
    await hears(fromOutside, { [`tcp ${at.v4} 8095`]: outside.v4 });
    await hears(fromConsole, { 'tcp 127.0.0.1 8095': anyAddress, [`tcp ${at.v4} 8095`]: anyAddress });
    await says([
      ['docker service rm fleet door eater', 'fleet\ndoor\neater'],
      ['docker swarm leave --force', 'Node left the swarm.'],
      ['sudo ros config set rancher.docker.live_restore null && sudo ros config apply', /applied docker/],
      ['docker run --rm tiny echo as-before', 'as-before'],
    ]);
  });
});

soakDescribe('the way out', () => {
  const where = '[ "$(docker run --rm --network host tiny busybox readlink /proc/self/ns/net)" = "$(readlink /proc/self/ns/net)" ] && echo shared || echo its own';
  const mayWrite = 'docker run --rm --privileged tiny sh -c "cat /proc/sys/kernel/core_pattern > /tmp/was && cat /tmp/was > /proc/sys/kernel/core_pattern" > /dev/null 2>&1 && echo may || echo may not';
  const isolation = (value: string): Table => [
    [`sudo ros config set rancher.docker.isolation ${value} && sudo ros config apply`, /applied/],
    ['for i in $(seq 120); do docker version > /dev/null 2>&1 && break; sleep 1; done', ''],
  ];

  test('isolation: host is plain Docker on the machine, with a warning; images, containers and volumes go along, there and back', async () => {
    const shared = (told: string): Table => [
      ['docker run --rm -v stall:/s -v ~/x:/x tiny sh -c "cat /s/file; busybox stat -c %u:%g /s/file /x/given"', 'kept\n0:0\n1100:1100'],
      ['docker exec keeper cat /in-its-layer', told],
      ['docker exec keeper sh -c "echo more >> /in-its-layer"', ''],
    ];
    await says([
      ['docker run -d --name keeper --restart unless-stopped -p 8097:80 tiny httpd -f -p 80 -h /www', id],
      ['docker exec keeper sh -c "echo more > /in-its-layer"', ''],
      [where, 'its own'], [mayWrite, 'may not'], ...shared('more'),
      ...isolation('host'),
      [where, 'shared'], [mayWrite, 'may'], ...shared('more\nmore'),
      ['for i in $(seq 30); do wget -qO- http://127.0.0.1:8097/ && break; sleep 1; done 2> /dev/null', 'tiny-says-hello'],
    ]);
    expect(await machine.ssh.login()).toMatch(/isolation/);
    await says([
      ...isolation('plane'),
      [where, 'its own'], [mayWrite, 'may not'], ...shared('more\nmore\nmore'),
      ['for i in $(seq 30); do wget -qO- http://127.0.0.1:8097/ && break; sleep 1; done 2> /dev/null', 'tiny-says-hello'],
      ['docker rm -f keeper', 'keeper'],
    ]);
    expect(await machine.ssh.login()).not.toMatch(/isolation/);
  });
});

test('the machine is as well as before, and the console tells only of the container that was to run out of memory', async () => {
  expect(await notWell(machine)).toEqual([]);
  // Routers are heard although the machine forwards packets.
  expect(await machine.ok('ip -6 route show default')).toMatch(/dev eth1/);
  const known = /dd invoked oom-killer|oom-kill:constraint=CONSTRAINT_MEMCG.*task=dd,/;
  expect(machine.problems().filter((line) => !known.test(line)), `crashes on the console, see ${machine.vm.consoleLog}`).toEqual([]);
});
