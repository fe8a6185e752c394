/** A machine on a network that tells it things: its name, resolver, time, and user-data. Its own clock is years behind. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeTinyImage, notWell } from '../lib/guest.ts';
import { Lan, lanAddress } from '../lib/lan.ts';
import { Machine } from '../lib/machine.ts';
import { serveNfs } from '../lib/nfs.ts';
import { soakTest } from '../lib/thorough.ts';
import { expectCleanConsole, showConsoleOnFailure } from '../lib/watch.ts';

const userData = '#cloud-config\nwrite_files: [{path: /etc/from-the-network, content: hello}]\nruncmd: [touch /home/rancher/ran]\nrancher: {sysctl: {vm.swappiness: 17}}\n';

let lan: Lan;
let machine: Machine;
showConsoleOnFailure(() => machine);

beforeAll(async () => {
  lan = await Lan.create();
  const { extra = [] } = lan.card;
  // No drive: a metadata service that nobody answers for is asked, and a server of this network, which has user-data.
  machine = await Machine.start({
    name: 'network', rawConfig: false, extra: [...extra, '-rtc', 'base=2020-02-02T02:02:02'],
    append: (key) => [`cc.ssh_authorized_keys=["${key}"]`, `rancher.cloud_init.datasources=[ec2,url:http://${lanAddress}:8001/user-data]`],
  });
  await lan.open(machine, { hostname: 'oxbow', domain: 'ranch.test', hosts: { barn: '192.0.2.7' } });
  lan.serve(process.execPath, ['-e', 'require("node:http").createServer((request, response) => response.end(process.argv[1])).listen(8001, process.argv[2])', userData, lanAddress]);
  await machine.waitForBoot();
});
afterAll(async () => {
  await machine?.kill();
  await lan?.[Symbol.asyncDispose]();
});

test('takes user-data from a server, in the background, and puts it into effect', async () => {
  await machine.until('the file', machine.limit(60_000), async () => (await machine.run('cat /etc/from-the-network')).stdout === 'hello');
  await machine.until('the command', machine.limit(30_000), async () => (await machine.run('test -e /home/rancher/ran')).code === 0);
  expect(await machine.ok('cat /proc/sys/vm/swappiness')).toBe('17');
  expect(await machine.ok('sudo ros config status')).toMatch(new RegExp(`url:http://${lanAddress}:8001/user-data`));
});

test('an address of its own in the place of a lease, and back, without a reboot', async () => {
  const addresses = async (): Promise<string> => await machine.ok('ip -4 -o address show dev eth1');
  await machine.until('the lease', machine.limit(30_000), async () => (await addresses()).includes('192.0.2.') || lan.log);
  await machine.ok("sudo ros config set rancher.network.interfaces.eth1 '{address: 192.0.2.5/24}' && sudo ros config apply", { timeoutMs: machine.limit(60_000) });
  await machine.until('the address', machine.limit(20_000), async () => /inet 192\.0\.2\.5\/24/.test(await addresses()) && (await addresses()).split('\n').length === 1 || await addresses());
  expect(await notWell(machine)).toEqual([]);
  await machine.ok('sudo ros config set rancher.network.interfaces.eth1 null && sudo ros config apply', { timeoutMs: machine.limit(60_000) });
  await machine.until('the lease again', machine.limit(30_000), async () => /192\.0\.2\.[5-9]\d/.test(await addresses()) && !/192\.0\.2\.5\//.test(await addresses()) || await addresses());
});

// Ganesha's READ_PLUS (NFS 4.2) answers with zeros: hence 4.1.
soakTest('mounts what a server of the network has, and says so where there is none', async () => {
  const { folder, stop } = await serveNfs(lan);
  await machine.ok(`sudo ros config set mounts '[["${lanAddress}:/data", /mnt/data, nfs4, "vers=4.1"], ["${lanAddress}:/none", /mnt/none, nfs4, ""], [tmpfs, /mnt/scratch, tmpfs, size=1m]]'`);
  const { code, stdout, stderr } = await machine.run('sudo ros config apply', { timeoutMs: machine.limit(90_000) });
  expect(`${code} ${stdout}${stderr}`).toMatch(/^1 [^]*\/mnt\/none/);
  expect(await machine.ok('cat /mnt/data/hello')).toBe('from the server');
  await makeTinyImage(machine);
  // User Docker runs since before: what is mounted below its shares comes all the same, with the owners one expects where the file system can.
  await machine.ok('docker run --rm -v /mnt:/mnt tiny sh -c "echo from a container > /mnt/data/answer; echo mine > /mnt/scratch/file"', { timeoutMs: machine.limit(60_000) });
  expect(readFileSync(join(folder, 'answer'), 'utf8')).toBe('from a container\n');
  expect(await machine.ok('stat -c "%U %s" /mnt/scratch/file')).toBe('root 5');
  expect(await machine.ok('sudo ros service logs --tail 20 docker')).toMatch(/\/mnt\/data: its file system knows no idmapping/);
  await machine.ok('sudo ros config set mounts null && sudo ros config apply', { timeoutMs: machine.limit(90_000) });
  expect((await machine.run('mountpoint -q /mnt/data')).code).not.toBe(0);
  await machine.until('the mount to be gone in user containers, too', machine.limit(10_000), async () => {
    const { stdout } = await machine.run('docker run --rm -v /mnt:/mnt tiny cat /mnt/scratch/file', { timeoutMs: machine.limit(60_000) });
    return stdout === '' || stdout;
  });
  await stop();
});

test('takes an address, the host name and the resolver from DHCP', async () => {
  await machine.until('the lease', machine.limit(30_000), async () => (await machine.run('ip -4 -o address show dev eth1')).stdout.includes('192.0.2.') || lan.log);
  await machine.until('the name', machine.limit(10_000), async () => await machine.ok('hostname') === 'oxbow' || await machine.ok('hostname'));
  expect(await machine.ok('cat /etc/hostname')).toBe('oxbow');
  expect(await machine.ok('cat /etc/resolv.conf')).toMatch(/^search ranch\.test$/m);
  expect(await machine.ok('cat /etc/resolv.conf')).toContain(`nameserver ${lanAddress}`);
  expect(await machine.ok('getent hosts barn')).toMatch(/^192\.0\.2\.7\s+barn\.ranch\.test/);
});

test('steps a clock that is years behind to the time of the network', async () => {
  const behind = async (): Promise<number> => Math.abs(Date.now() / 1000 - Number(await machine.ok('date +%s')));
  await machine.until('the right time', machine.limit(30_000), async () => await behind() < 5 || `${await behind()} s off; ${lan.log.slice(-500)}`);
  // The step is not an outage: everything is as well as it was, and the uptime has not jumped.
  expect(await notWell(machine)).toEqual([]);
  expect(Number((await machine.ok('cat /proc/uptime')).split('.')[0])).toBeLessThan(3600);
  expect(await machine.ok('sudo ros service list')).not.toMatch(/\d+d/);
});

test('user containers resolve names by it, too', async () => {
  await makeTinyImage(machine);
  // busybox's nslookup also wants an IPv6 address and ends with 1 without one.
  expect((await machine.run('docker run --rm tiny nslookup barn.ranch.test', { timeoutMs: machine.limit(30_000) })).stdout).toContain('192.0.2.7');
});

test('the console has seen no crash', () => { expectCleanConsole(machine); });
