/**
 * Configuration as people bring it and change it: a whole RancherOS cloud-config, booted as it is; `ros config` over ssh;
 * changes that apply at once, heal by themselves, and come back; a power cut in the middle.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Ssh } from '../../scripts/qemu-ssh.ts';
import { makeTinyImage } from '../lib/guest.ts';
import { freshDisk, Machine } from '../lib/machine.ts';
import { soakTest } from '../lib/thorough.ts';
import { expectCleanConsole, showConsoleOnFailure } from '../lib/watch.ts';

const disk = 'config';
const cloudConfig = '/var/lib/rancher/conf/cloud-config.yml';
let machine: Machine;
showConsoleOnFailure(() => machine);

/** The disk's drive brings RancherOS's file unmodified; who may log in is said by the drive's metadata. */
function start(name: string): Promise<Machine> {
  return Machine.start({
    name, disk, noReboot: false, rawConfig: readFileSync('test/data/rancheros-1.5.yml', 'utf8'),
    metaData: (key) => ({ hostname: 'not-this-one', public_keys: { tests: key } }),
  });
}

beforeAll(async () => {
  freshDisk(disk);
  machine = await start('config');
  await machine.waitForBoot();
});
afterAll(async () => { await machine?.kill(); });

const slow = { get timeoutMs() { return machine.limit(60_000); } };
const ros = (words: string): Promise<string> => machine.ok(`sudo ros config ${words}`, slow);
async function fails(words: string, input?: string): Promise<string> {
  const { code, stdout, stderr } = await machine.run(`sudo ros config ${words}`, { ...slow, ...(input !== undefined && { input }) });
  expect(code, `exit code of "ros config ${words}": ${stdout}${stderr}`).toBe(1);
  return `${stdout}${stderr}`;
}
const read = (path: string): Promise<string> => machine.ok(`sudo cat ${path}`);
interface Hook { readonly name: string; readonly exitCode: number | null }

describe('a cloud-config of RancherOS v1.5, as it is', () => {
  test('names, files and commands', async () => {
    expect(await machine.ok('hostname')).toBe('ranch-node-1');
    await machine.until('the commands to have run', machine.limit(30_000), async () => (await machine.run('cat /home/rancher/still-running')).stdout.includes('still'));
    expect(await read('/etc/motd.ranch')).toBe('Mind the gate.');
    expect(await machine.ok('/home/rancher/bin/hello && stat -c "%U:%G %a" /home/rancher/bin/hello')).toBe('hello from ranch-node-1\nrancher:rancher 755');
    expect(await read('/opt/encoded')).toBe('secret');
    expect(await machine.ok('stat -c "%U %a" /etc/ranch-octal && sudo cat /etc/ranch-octal')).toBe('root 640\nyes');
    expect(await machine.ok('sudo system-docker exec ntp cat /etc/ranch-ntp')).toBe('for the time keeper');
    expect(await read('/home/rancher/said')).toBe('runcmd says ranch-node-1');
    expect(await read('/var/lib/rancher/bootcmd/ran')).not.toBe('');
    const { hooks } = JSON.parse(await ros('status --json')) as { hooks: readonly Hook[] };
    expect(hooks.filter(({ exitCode }) => exitCode !== 0)).toHaveLength(1);
    expect(await ros('status')).toMatch(/exit code 1/);
  });

  test('mounts, kernel settings and modules', async () => {
    expect(await machine.ok('ls /mnt/ranch')).toContain('bin');
    expect(await machine.ok('findmnt -no FSTYPE,SIZE /mnt/scratch')).toMatch(/^tmpfs\s+1M$/);
    expect(await machine.ok('cat /proc/sys/vm/swappiness /proc/sys/net/core/somaxconn')).toBe('7\n4096');
    expect(await machine.ok('grep -c "^dummy " /proc/modules')).toBe('1');
  });

  test('User Docker and the network', async () => {
    expect(await machine.ok('docker info --format "{{.Labels}} {{.RegistryConfig.Mirrors}}"')).toBe('[ranch=yes] [http://192.0.2.9:5000/]');
    expect(await machine.ok('docker network inspect bridge --format "{{(index .IPAM.Config 0).Subnet}}"')).toBe('10.77.0.0/24');
    expect(await read('/etc/resolv.conf')).toMatch(/nameserver 10\.0\.2\.3/);
    expect(await read('/etc/resolv.conf')).toMatch(/search ranch\.test/);
    expect(await machine.ok('sudo ros service logs ranch-hand')).toContain('howdy');
  });

  test('what is not active yet is said, and nothing else is wrong with it', async () => {
    const { code, stdout } = await machine.run('sudo ros config validate -i /var/lib/rancher/conf/cloud-config.d/boot.yml');
    expect(stdout).toMatch(/rancher\.upgrade: not active yet/);
    expect(stdout).not.toMatch(/unknown key|expected/);
    expect(code).toBe(0);
    const warnings = (JSON.parse(await machine.ok('sudo ros status --json')) as { warnings: readonly string[] }).warnings;
    expect(warnings).toEqual([
      'Option "rancher.system_docker.log_opts" is not used: it is set by the system.',
      'Configuration: runcmd 3 ended with exit code 1; "ros config status" shows what it said.',
    ]);
  });
});

describe('ros config', () => {
  test('get, set, merge and export speak as RancherOS does, and say when something is wrong', async () => {
    expect(await ros('get hostname')).toBe('ranch-node-1');
    expect(await ros('get rancher.sysctl')).toContain('vm.swappiness: ');
    await ros(`set 'rancher.sysctl."vm.swappiness"' 9`);
    await ros('set rancher.shutdown_timeout 50');
    expect(await ros('get rancher.shutdown_timeout')).toBe('50');
    expect(await fails('set rancher.shutdown_timeout soon')).toMatch(/cannot .*rancher\.shutdown_timeout/);
    expect(await fails('get rancher.shutdown_timeot')).toContain('did you mean "rancher.shutdown_timeout"');
    await machine.ok('sudo ros config merge', { input: 'rancher:\n  environment: {MERGED: "1"}\n', ...slow });
    expect(await ros('get rancher.environment.MERGED')).toBe('1');
    expect(await fails('merge', 'rancher:\n  shutdown_timeot: 3\n  ssh: {port: high}\n')).toMatch(/line 3, column \d+: rancher\.ssh\.port/);
    expect(await ros('export')).not.toContain('bm9ib2R5');
    expect(await ros('export --private')).toContain('bm9ib2R5');
    expect(await ros('show --origin')).toMatch(/hostname: ranch-node-1\s+# .*boot\.yml/);
    expect(JSON.parse(await ros('schema'))).toMatchObject({ properties: { rancher: {} } });
    expect(await machine.ok(`sudo stat -c %a ${cloudConfig}`)).toBe('600');
  });

  test('a change is shown before, applied without a reboot, and undone', async () => {
    await machine.ok('tee /tmp/new.yml > /dev/null', { input: '#cloud-config\nhostname: bull-pen\nrancher: {sysctl: {vm.swappiness: "11"}}\nruncmd: [[touch, /tmp/again]]\n' });
    const plan = await ros('plan /tmp/new.yml');
    expect(plan).toMatch(/hostname/);
    expect(await machine.ok('hostname')).toBe('ranch-node-1');
    await ros('apply /tmp/new.yml');
    expect(await machine.ok('hostname && cat /proc/sys/vm/swappiness')).toBe('bull-pen\n11');
    expect(await ros('history')).toMatch(/apply/);
    expect(await ros('diff')).toMatch(/^\+ hostname: bull-pen$/m);
    await ros('undo');
    await ros('apply');
    expect(await machine.ok('hostname && cat /proc/sys/vm/swappiness')).toBe('ranch-node-1\n9');
  });

  test('a change on trial is undone by itself unless it is confirmed', async () => {
    await machine.ok('tee /tmp/trial.yml > /dev/null', { input: 'hostname: on-trial\n' });
    await ros('apply /tmp/trial.yml --try 20s');
    expect(await machine.ok('hostname')).toBe('on-trial');
    await machine.until('the old name', machine.limit(40_000), async () => (await machine.ok('hostname')) === 'ranch-node-1');
    await ros('apply /tmp/trial.yml --try 60s');
    await ros('confirm');
    expect(await ros('get hostname')).toBe('on-trial');
  });

  test('users of cloud-init', async () => {
    await machine.ok('sudo ros config merge', { input: `users:\n  - default\n  - {name: hand, uid: 1500, groups: [docker], shell: /bin/bash, ssh_authorized_keys: ["${readFileSync('build/test/id_ed25519.pub', 'utf8').trim()}"]}\ntimezone: Europe/Vienna\n`, ...slow });
    await ros('apply');
    expect(await machine.ok('id hand')).toMatch(/uid=1500\(hand\).*docker/);
    const hand = new Ssh({ port: machine.port(22), key: 'build/test/id_ed25519', user: 'hand' });
    expect(await hand.run('id -un; docker ps -q | wc -l; date +%z')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^hand\n0\n\+0[12]00\n$/) as string });
    hand.close();
  });
});

describe('what is put into effect', () => {
  test('User Docker over TLS, to who has a certificate, and its containers run on', async () => {
    await makeTinyImage(machine);
    await machine.ok('docker run -d --name lasting tiny sleep 1000000', slow);
    const pid = await machine.ok('docker inspect -f "{{.State.Pid}} {{.State.StartedAt}}" lasting');
    await machine.ok('sudo ros tls generate -s -H localhost', slow);
    await ros('set rancher.docker.tls true');
    expect(await ros('plan')).toMatch(/docker/);
    await ros('apply');
    await machine.ok('sudo ros tls generate', slow);
    expect(await machine.ok('stat -c "%U %a" /home/rancher/.docker/key.pem')).toBe('rancher 600');
    const over = 'docker --tlsverify -H tcp://localhost:2376';
    await machine.until('an answer over TLS', machine.limit(30_000), async () => {
      const { stdout, stderr } = await machine.run(`${over} ps --format "{{.Names}}"`, slow);
      return stdout.trim() === 'lasting' || stderr;
    });
    expect(await machine.ok('docker inspect -f "{{.State.Pid}} {{.State.StartedAt}}" lasting')).toBe(pid);
    const stranger = await machine.run("printf 'GET /version HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet -connect localhost:2376", slow);
    expect(stranger.stdout + stranger.stderr).toMatch(/certificate required/);
    expect(stranger.stdout).not.toContain('ApiVersion');
    expect(await machine.ok('sudo ros tls status', slow)).toMatch(/localhost/);
  });

  test('is edited on a terminal: a text with an error is offered again, the good one is saved', async () => {
    // An error first, a good text when asked again.
    await machine.ok('tee /tmp/editor > /dev/null', { input: 'if [ -e /tmp/once ]; then sed -i "s/^docker: \\[/# by an editor/" "$1"; else echo "docker: [" >> "$1"; touch /tmp/once; fi\n' });
    const { code, stdout } = await machine.run('sudo EDITOR="sh /tmp/editor" ros config edit', { ...slow, terminal: true, input: 'y\n' });
    expect(stdout).toMatch(/error: \S+cloud-config\.yml, line \d+, column \d+: [^]*Edit it again\? \[Yn\]/);
    expect(code, stdout).toBe(0);
    expect(await machine.ok(`sudo cat ${cloudConfig}`)).toMatch(/^# by an editor$/m);
    expect(await machine.ok('ls -d /tmp/ros-edit-* 2> /dev/null || true')).toBe('');
  });

  test('options that the daemon does not take leave it as it is', async () => {
    await ros("set rancher.docker.extra_args '[--no-such-option]'");
    const { code, stdout, stderr } = await machine.run('sudo ros config apply', slow);
    expect(`${code} ${stdout}${stderr}`).toMatch(/^1 [^]*--no-such-option.*does not know it/);
    expect(await machine.ok('docker ps --format "{{.Names}}"')).toBe('lasting');
    await ros('undo --apply');
  });

  test('a network change that cuts the way in heals by itself', async () => {
    await machine.ok('tee /tmp/lost.yml > /dev/null', { input: 'rancher: {network: {interfaces: {eth0: {dhcp: false}}}}\n' });
    const mark = machine.console.mark();
    void machine.run('sudo ros config apply /tmp/lost.yml --try 20s').catch(() => undefined);
    await machine.waitForConsole(/config: applied network/, 30_000, 'the change', mark);
    machine.ssh.disconnect();
    await machine.waitForConsole(/the trial was not confirmed in time/, 40_000, 'the end of the trial', mark);
    await machine.until('the way in', machine.limit(30_000), async () => (await machine.run('ip -4 -o address show dev eth0')).stdout.includes('10.0.2.15'));
    expect(await machine.ok('docker ps --format "{{.Names}}"')).toBe('lasting');
  });
});

soakTest('a power cut in the middle of changes: the old file or the new one, and a change on trial is gone', async () => {
  await ros('apply /tmp/trial.yml').catch(() => '');
  await machine.ok('tee /tmp/cut.yml > /dev/null', { input: 'hostname: cut-off\n' });
  await ros('apply /tmp/cut.yml --try 300s');
  void machine.run('for i in $(seq 50); do sudo ros config set rancher.shutdown_timeout $((30 + i)); done').catch(() => undefined);
  await machine.until('the first of many changes', machine.limit(20_000), async () => Number(await ros('get rancher.shutdown_timeout')) > 30);
  await machine.kill();
  machine = await start('config-cut');
  await machine.waitForBoot();
  expect(await machine.ok('hostname')).toBe('on-trial');
  expect(await ros('get rancher.shutdown_timeout')).toMatch(/^\d+$/);
  expect((await machine.run(`sudo ros config validate -i ${cloudConfig}`)).code).toBe(0);
  expect(await machine.ok('id hand')).toContain('uid=1500');
});

test('the console has seen no crash', () => { expectCleanConsole(machine); });
