/**
 * `ros service` as an administrator uses it, over ssh: own files, repositories, a real registry, both engines, schedules,
 * archives to preload, and what a power cut leaves. One machine, in the order of a life.
 */
import { execFileSync } from 'node:child_process';
import { zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod/mini';
import { reference } from '../../src/api/reference.ts';
import type { Catalog, ServiceStatus } from '../../src/api/types.ts';
import { makeTinyImage } from '../lib/guest.ts';
import { Lan } from '../lib/lan.ts';
import { freshDisk, Machine } from '../lib/machine.ts';
import { breakOffNext, hasBrokenOff, login, registry, repositoryUrl, serveRegistry, serveRepository, type Server } from '../lib/service-lan.ts';
import { soakTest } from '../lib/thorough.ts';
import { expectCleanConsole, showConsoleOnFailure } from '../lib/watch.ts';

const disk = 'services';
const file = '/var/lib/rancher/conf/web.yml';
let lan: Lan;
let machine: Machine;
let repository: Server;
showConsoleOnFailure(() => machine);

/** It is due every ten seconds now, and not half a year later: what the machine then makes up for is no run that is due anyway. */
const today = new Date();
const months = [today.getUTCMonth(), (today.getUTCMonth() + 1) % 12].map((month) => month + 1);
const halfAYearOn = new Date(today.getTime() + 183 * 86_400_000).toISOString().slice(0, 19);

const config = `rancher:
  system_docker: {insecure_registry: ["${registry}"]}
  docker: {insecure_registry: ["${registry}"]}
  registry_auths: {"${registry}": {username: ${login.username}, password: ${login.password}}}
  repositories: {lan: {url: "${repositoryUrl}"}}
  environment: {GREETING: howdy, CRON_EXAMPLE_SCHEDULE: "*/10 * * * ${months.join(',')} *"}
  http_load_retries: 1
  services: {cron-example: {labels: {io.corral.cron.catch-up: "true"}}}
`;

/** Two services in the repository: one for System Docker, one for the users' engine. */
const offered = {
  greeter: `greeter: {image: "${registry}/tiny:1", command: [sh, -c, "echo $\${GREETING}; exec sleep 1000000"], environment: [GREETING], net: none, labels: {io.rancher.os.scope: system}}\n`,
  tenant: `tenant: {image: "${registry}/tiny:1", command: [sleep, "1000000"]}\n`,
  broken: 'broken: {image: x, privledged: true}\n',
  absent: `absent: {image: "${registry}/nothing:1", labels: {io.rancher.os.scope: system}}\n`,
};

beforeAll(async () => {
  lan = await Lan.create();
  machine = await Machine.start({ name: 'services', disk: freshDisk(disk), config, noReboot: false, ...lan.card });
  await lan.open(machine, { hostname: 'corral', domain: 'ranch.test', hosts: {} });
  await serveRegistry(lan);
  repository = serveRepository(lan, offered);
  await machine.waitForBoot();
  await makeTinyImage(machine, 'sudo system-docker');
  await machine.until('the address in the network', machine.limit(30_000), async () => (await machine.run('ip -4 -o address show dev eth1')).stdout.includes('192.0.2.'));
  await machine.ok(`echo ${login.password} | sudo system-docker login --username ${login.username} --password-stdin ${registry} && sudo system-docker tag tiny ${registry}/tiny:1 && sudo system-docker push -q ${registry}/tiny:1 && sudo system-docker rmi ${registry}/tiny:1 && sudo system-docker logout ${registry}`, { timeoutMs: machine.limit(60_000) });
});
afterAll(async () => {
  await machine?.kill();
  await lan?.[Symbol.asyncDispose]();
});

const slow = { get timeoutMs() { return machine.limit(60_000); } };
const ros = (words: string): Promise<string> => machine.ok(`sudo ros service ${words}`, slow);
async function fails(words: string): Promise<string> {
  const { code, stdout, stderr } = await machine.run(`sudo ros service ${words}`, slow);
  expect(code, `exit code of "ros service ${words}": ${stdout}${stderr}`).toBe(1);
  return stderr;
}
async function service(name: string): Promise<ServiceStatus | undefined> {
  return (JSON.parse(await ros('list --json')) as ServiceStatus[]).find((one) => one.name === name);
}
/** From the console, by the machine's own address: a port of the system's is not the user plane's. */
async function serves(url: string, text: string): Promise<void> {
  await machine.until(`"${text}" from ${url}`, machine.limit(15_000), async () => {
    const { stdout, stderr } = await machine.run(`wget -qO- ${url}`);
    return stdout.includes(text) || stderr;
  });
}
async function writeService(text: string): Promise<void> { await machine.ok(`sudo tee ${file} > /dev/null`, { input: text }); }

const web = (body: string): string => `web:\n  image: tiny\n  net: host\n  labels: {io.rancher.os.scope: system}\n${body}`;
const good = web('  command: [sh, -c, "echo serving; exec httpd -f -p 8085 -h /www"]\n  stop_signal: SIGKILL\n');

test('an own service: written, judged, enabled, started, read, asked why, updated, given up', async () => {
  await writeService(good.replace('command', 'comand'));
  expect((await machine.run(`sudo ros service validate ${file}`)).stdout).toContain(`${file}: line 5, column 3: web.comand: unknown key; did you mean "command"?`);
  expect(await fails(`enable ${file}`)).toContain('did you mean "command"?');
  expect(await service('web')).toBeUndefined();

  await writeService(good);
  expect(await ros(`validate ${file}`)).toBe(`${file}: 1 service: web (system)`);
  const begin = Date.now();
  expect(await ros(`enable ${file}`)).toContain('it starts at the next boot, or now with "ros service up web"');
  console.log(`ros service enable: ${((Date.now() - begin) / 1000).toFixed(1)} s (${machine.vm.accel.kind})`);
  expect(await service('web')).toMatchObject({ enabled: true, state: 'stopped' });
  expect(await ros('up web')).toContain('started web: running');
  await serves('http://127.0.0.1:8085/', 'tiny-says-hello');
  expect(await ros('logs web')).toContain('serving');
  expect(await ros('show web --origin')).toMatch(new RegExp(`image: tiny\\s+# ${file}`));

  await writeService(web('  command: [sh, -c, "echo out of hay; exit 7"]\n'));
  await machine.run('sudo ros service up web', slow); // what it says depends on how soon the container ends
  const why = await ros('why web');
  expect(why).toMatch(/exited with code 7/);
  expect(why).toContain('out of hay');
  await machine.until('backoff in "why"', machine.limit(10_000), async () => /in backoff .*next try in/s.test(await ros('why web')) || await ros('why web'));
  await writeService(good);
  await ros('up web');
});

test('an update to an image that does not work puts the old one back, and one that does stays', async () => {
  const before = await service('web');
  const said = await fails('update web corralos/syslog:$(. /etc/os-release; echo v${VERSION_ID#v})');
  expect(said).toContain('cannot update service "web"');
  expect(said).toContain('it is as before, running from "tiny"');
  expect(await service('web')).toMatchObject({ state: 'running', image: 'tiny' });
  await serves('http://127.0.0.1:8085/', 'tiny-says-hello');
  expect(await fails(`update web ${registry}/nothing:1`)).toMatch(/cannot pull image .*(not found|unknown)/);
  expect(before?.image).toBe('tiny');
  await ros(`update web ${registry}/tiny:1`);
  expect(await service('web')).toMatchObject({ state: 'running', image: `${registry}/tiny:1` });
  expect(await ros('show web --origin')).toMatch(/image: \S+tiny:1\s+# rancher.service_images/);
});

test('a killed service is back in seconds, and the others do not notice', async () => {
  const others = async (): Promise<unknown> => (JSON.parse(await ros('list --json')) as ServiceStatus[]).filter(({ name }) => name !== 'web').map(({ name, pid }) => [name, pid]);
  const before = await others();
  await ros('kill web');
  const tookMs = await machine.until('web to run again', machine.limit(10_000), async () => {
    const now = await service('web');
    return now?.state === 'running' && now.restarts > 0;
  });
  console.log(`killed service: runs again ${(tookMs / 1000).toFixed(1)} s later (${machine.vm.accel.kind})`);
  expect(await others()).toEqual(before);
  expect(await ros('why web')).toContain('killed by signal 9');
});

test('a file of the machine may not be any file, and a cycle is refused by the names of its members', async () => {
  expect(await fails('enable /etc/passwd')).toContain('it is outside of "/var/lib/rancher/conf"');
  await machine.ok('sudo ln -sf /etc/passwd /var/lib/rancher/conf/link.yml');
  expect(await fails('enable /var/lib/rancher/conf/link.yml')).toContain('it is outside of "/var/lib/rancher/conf"');
  await machine.ok('sudo tee /var/lib/rancher/conf/cycle.yml > /dev/null', { input: 'hen: {image: tiny, depends_on: [egg], labels: {io.rancher.os.scope: system}}\negg: {image: tiny, depends_on: [hen], labels: {io.rancher.os.scope: system}}\n' });
  expect(await fails('enable /var/lib/rancher/conf/cycle.yml')).toMatch(/cannot order services "egg", "hen": they wait for each other/);
  expect(await service('hen')).toBeUndefined();
});

test('disable keeps it until the next boot, down removes it, delete forgets it', async () => {
  expect(await ros('disable web')).toContain('it runs until the machine boots again');
  expect(await service('web')).toMatchObject({ enabled: false, state: 'running' });
  await ros('down web');
  expect(await machine.ok('sudo system-docker ps --all --format "{{.Names}}"')).not.toContain('web');
  await ros('delete web');
  expect(await service('web')).toBeUndefined();
  expect(await machine.ok('sudo cat /var/lib/rancher/conf/cloud-config.yml')).not.toContain('web');
});

test('a repository over http: listed, enabled with a pull from a registry that wants a login, on either engine', async () => {
  const { catalog } = JSON.parse(await ros('list --all --update --json')) as { catalog: Catalog };
  expect(catalog.services.filter(({ repository: from }) => from === 'lan').map(({ name }) => name).sort()).toEqual(['absent', 'broken', 'greeter', 'tenant']);
  expect(await fails('enable broken')).toMatch(/privledged: unknown key; did you mean "privileged"/);
  expect(await fails('enable absent')).toMatch(/cannot pull image "192\.0\.2\.1:5000\/nothing:1"/);
  expect(await machine.ok('sudo cat /var/lib/rancher/conf/cloud-config.yml')).not.toMatch(/absent|broken/);

  const { stdout, stderr } = await machine.run('sudo ros service enable greeter tenant --now', slow);
  expect(stdout).toContain('enabled and started greeter');
  expect(stderr).toMatch(/pulling 192\.0\.2\.1:5000\/tiny:1: /);
  expect(await ros('logs greeter')).toContain('howdy');
  expect(await service('tenant')).toMatchObject({ scope: 'user', state: 'running' });
  expect(await machine.ok('docker ps --format "{{.Names}}"')).toBe('tenant');
  expect(await machine.ok('sudo system-docker ps --format "{{.Names}}"')).not.toContain('tenant');
  expect(await machine.ok('sudo ros logs')).not.toContain(login.password);
});

test('an image that is pinned is what it is pinned to', async () => {
  const digest = /sha256:[0-9a-f]{64}/.exec(await machine.ok(`sudo system-docker inspect --format "{{.RepoDigests}}" ${registry}/tiny:1`))?.[0] ?? '';
  const pinned = (sum: string): string => `web: {image: "${registry}/tiny@${sum}", command: [sleep, "1000000"], net: none, labels: {io.rancher.os.scope: system}}\n`;
  await writeService(pinned(digest.replace(/.$/, (last) => (last === '0' ? '1' : '0'))));
  expect(await fails(`enable ${file}`)).toMatch(/cannot pull image/);
  await writeService(pinned(digest));
  await ros(`enable ${file} --now`);
  expect(await service('web')).toMatchObject({ state: 'running', image: `${registry}/tiny@${digest}` });
  await ros('delete web');
});

test('a pull that breaks off in the midst of a layer goes on', async () => {
  const large = `${registry}/large:1`;
  await machine.ok(`set -e; head -c 6M /dev/urandom > /tmp/large; tar -C /tmp -c large | sudo system-docker import - ${large}; echo ${login.password} | sudo system-docker login --username ${login.username} --password-stdin ${registry}; sudo system-docker push -q ${large}; sudo system-docker rmi ${large}; sudo system-docker logout ${registry}`, slow);
  await writeService(`web: {image: "${large}", command: /large, net: none, labels: {io.rancher.os.scope: system}}\n`);
  breakOffNext();
  await ros(`enable ${file}`);
  expect(hasBrokenOff()).toBe(true);
  expect(Number(await machine.ok(`sudo system-docker image inspect --format "{{.Size}}" ${large}`))).toBeGreaterThanOrEqual(6 * 2 ** 20);
  await ros('delete web');
});

test('what was fetched once is there without the network, and its age is told', async () => {
  await repository.stop();
  expect(await ros('list --all')).toMatch(/repository lan: http:\/\/192\.0\.2\.1:8000 \(fetched .* ago\)/);
  const { code, stdout } = await machine.run('sudo ros service list --all --update', slow);
  expect(code).toBe(1);
  expect(stdout).toContain('greeter');
  expect(stdout).toMatch(/used is the copy of/);
});

test('the repository that comes with the system works without any network', async () => {
  const { catalog } = JSON.parse(await ros('list --all --json')) as { catalog: Catalog };
  expect(catalog.services.filter(({ repository: from }) => from === 'core').map(({ name }) => name).sort()).toEqual(['cron-example', 'docker-cli-plugins', 'nfs-client', 'node-exporter', 'open-iscsi', 'qemu-guest-agent', 'registry-mirror']);
  await ros('enable node-exporter --now');
  await serves('http://127.0.0.1:9100/metrics', 'node_load1');
  await ros('delete node-exporter');
});

test('a scheduled service runs at its times, and says when it did', async () => {
  await ros('enable cron-example --now');
  await machine.until('a run of cron-example', 150_000, async () => {
    const { schedule } = await service('cron-example') ?? {};
    return schedule?.lastResult === 'ok' && schedule.nextRunAt !== undefined || JSON.stringify(schedule ?? {});
  });
  expect(await ros('ps')).toMatch(/cron-example/);
});

/** What a question cannot be without. */
const questions: Readonly<Record<string, string>> = { '/v1/device': '?spec=LABEL=RANCHER_STATE', '/v1/config/value': '?key=rancher.ssh.port' };

test('the answers of the control API are as its reference says', async () => {
  // Only where "ros install" has been: asked about by media.test.ts.
  const elsewhere = '/v1/boot/parameters';
  expect((await machine.run(`sudo ros api ${elsewhere}`, slow)).stderr).toMatch(/no disk of this machine has a boot partition/);
  const paths = Object.keys(reference).flatMap((route) => (route.startsWith('GET ') && !route.endsWith(elsewhere) ? [route.slice(4)] : []));
  const asked = paths.map((path) => `ros api '${path.replace(':name', 'greeter')}${questions[path] ?? ''}' < /dev/null`).join(' && echo "$end" && ');
  const end = '-- end of an answer --';
  const answers = (await machine.ok('sudo sh -s', { input: `end="${end}"\n${asked}\n`, timeoutMs: machine.limit(120_000) })).split(`${end}\n`);
  expect(answers).toHaveLength(paths.length);
  for (const [index, path] of paths.entries()) {
    const route = `GET ${path}`;
    const { answer, lines } = reference[route] ?? {};
    const text = answers[index]?.trim() ?? '';
    if (answer !== undefined) expect(z.safeParse(answer, JSON.parse(text)).error?.issues, `${route}: ${text.slice(0, 500)}`).toBeUndefined();
    for (const line of lines === undefined ? [] : text.split('\n').filter((one) => one !== '')) {
      expect((lines ?? []).some((schema) => z.safeParse(schema, JSON.parse(line)).success), `${route}: ${line}`).toBe(true);
    }
  }
  const validated = JSON.parse(await machine.ok(`sudo ros api POST /v1/services/validate --data '{"text": "a: {imag: x}", "origin": "x"}'`)) as unknown;
  expect(validated).toMatchObject({ problems: [expect.stringContaining('did you mean "image"?') as string] });
});

test('after a reboot: what is enabled runs, archives have been loaded once, and a broken one is named', async () => {
  const system = '/var/lib/rancher/preload/system-docker';
  const pack: Readonly<Record<string, (tar: Buffer) => Buffer>> = {
    'plain.tar': (tar) => tar, 'zst.tar.zst': (tar) => zstdCompressSync(tar),
    'xz.tar.xz': (tar) => execFileSync('xz', ['-0'], { input: tar, maxBuffer: 64 * 1024 * 1024 }), 'broken.tar': () => Buffer.from('nonsense'),
  };
  for (const [name, packed] of Object.entries(pack)) {
    const image = `${name.split('.')[0]}:1`;
    const tar = Buffer.from(await machine.ok(`sudo system-docker tag tiny ${image} && sudo system-docker save ${image} | base64 && sudo system-docker rmi ${image} > /dev/null`, slow), 'base64');
    await machine.ok(`sudo mkdir -p ${system} && base64 -d | sudo tee ${system}/${name} > /dev/null`, { input: packed(tar).toString('base64'), ...slow });
  }
  await machine.ok(`sudo mkdir -p /var/lib/rancher/preload/docker && sudo cp ${system}/plain.tar /var/lib/rancher/preload/docker/`);
  await ros('enable node-exporter');
  await ros('disable node-exporter');
  await machine.reboot();
  await machine.waitForBoot();
  await machine.until('greeter and tenant to run', machine.limit(60_000), async () => {
    const states = [(await service('greeter'))?.state, (await service('tenant'))?.state];
    return states.every((state) => state === 'running') || states.join(', ');
  });
  expect(await service('node-exporter')).toBeUndefined();
  const wanted = ['plain:1', 'xz:1', 'zst:1'];
  await machine.until('the archives to be loaded', machine.limit(60_000), async () => {
    const images = (await machine.ok('sudo system-docker images --format "{{.Repository}}:{{.Tag}}"')).split('\n');
    return wanted.every((name) => images.includes(name)) && (await machine.ok('docker images --format "{{.Repository}}:{{.Tag}}"')).includes('plain:1') || images.join(' ');
  });
  expect(await machine.ok('ls /var/lib/rancher/preload/system-docker')).not.toContain('broken.tar.done');
  expect(await machine.ok('sudo ros status')).toMatch(/Cannot load archive "\/var\/lib\/rancher\/preload\/system-docker\/broken\.tar"/);
});

test('the console has seen no crash', () => { expectCleanConsole(machine); });

soakTest('a power cut in the middle of an update leaves the old service; a scheduled run that was missed is made up for', async () => {
  await makeTinyImage(machine, 'sudo system-docker');
  await machine.ok('sudo system-docker tag tiny next:1');
  void machine.run('sudo ros service update greeter next:1', slow).catch(() => undefined);
  // The new container runs already, and is proving itself.
  await machine.until('the new container', machine.limit(30_000), async () => (await machine.ok('sudo system-docker ps --format "{{.Image}}"')).includes('next:1'));
  await machine.kill();
  // It comes back half a year later, and no network tells it the time.
  machine = await Machine.start({ name: 'services-cut', disk, config, extra: ['-rtc', `base=${halfAYearOn}`] });
  await machine.waitForBoot();
  await machine.until('greeter to run', machine.limit(60_000), async () => (await service('greeter'))?.state === 'running');
  expect(await service('greeter')).toMatchObject({ image: `${registry}/tiny:1`, enabled: true });
  expect(await machine.ok('sudo system-docker ps --all --format "{{.Names}} {{.Image}}"')).not.toContain('next:1');
  await machine.until('the scheduled run that was missed', machine.limit(60_000), async () =>
    (await machine.ok('sudo ros logs')).includes('schedule[cron-example]: makes up for a run that was missed'));
});
