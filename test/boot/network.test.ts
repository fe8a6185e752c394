/** A machine on a network that tells it things: its name, resolver and time. Its own clock is years behind. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeTinyImage, notWell } from '../lib/guest.ts';
import { Lan, lanAddress } from '../lib/lan.ts';
import { Machine } from '../lib/machine.ts';
import { expectCleanConsole, showConsoleOnFailure } from '../lib/watch.ts';

let lan: Lan;
let machine: Machine;
showConsoleOnFailure(() => machine);

beforeAll(async () => {
  lan = await Lan.create();
  const { extra = [] } = lan.card;
  machine = await Machine.start({ name: 'network', extra: [...extra, '-rtc', 'base=2020-02-02T02:02:02'] });
  await lan.open(machine, { hostname: 'oxbow', domain: 'ranch.test', hosts: { barn: '192.0.2.7' } });
  await machine.waitForBoot();
});
afterAll(async () => {
  await machine?.kill();
  await lan?.[Symbol.asyncDispose]();
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
