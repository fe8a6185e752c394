/** Installations that few machines get: too long for every run (`make soak`). Each is made from the ISO, then started by a firmware. */
import { execFileSync } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import type { Bus } from '../../scripts/qemu-args.ts';
import { makeTinyImage } from '../lib/guest.ts';
import { diskFile, freshDisk, Machine } from '../lib/machine.ts';
import { disksLeftAlone, firmware, medium, startFrom } from '../lib/media.ts';
import { expectCleanConsole, showConsoleOnFailure } from '../lib/watch.ts';

let machine: Machine | undefined;
showConsoleOnFailure(() => machine);
afterEach(async () => { await machine?.kill(); }); // one that did not get up

const timeout = 1_800_000;
const mib = 2 ** 20;
const environment = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
const runs = (program: string, ...args: string[]): void => { execFileSync(program, args, { env: environment, stdio: 'pipe' }); };

async function fromIso(disk: string, config: string): Promise<Machine> {
  machine = await Machine.start({ name: `${disk}-maker`, disk, config, memoryMb: 1024, menuKeys: disksLeftAlone, change: startFrom({ firmware: firmware('bios', disk), drive: { file: medium('iso'), format: 'raw', bus: 'cd' } }) });
  await machine.waitForBoot();
  expect(await machine.ok('cat /proc/cmdline')).toContain(' rancher.state.dev=none');
  return machine;
}

async function fromDisk(disk: string, kind: 'bios' | 'uefi', bus: Bus): Promise<Machine> {
  machine = await Machine.start({ name: disk, rawConfig: false, memoryMb: 1024, change: startFrom({ firmware: firmware(kind, disk), drive: { file: diskFile(disk), format: 'raw', bus, cache: 'unsafe' } }) });
  await machine.waitForBoot();
  return machine;
}

test('noformat: onto partitions of one\'s own, by their labels; what was on the state partition stays', async () => {
  const disk = freshDisk('soak-noformat');
  const file = diskFile(disk);
  runs('truncate', '-s', '2G', file);
  const parts = [{ start: 1, size: 128 }, { start: 129, size: 512 }, { start: 641, size: 1300 }] as const;
  execFileSync('sfdisk', ['-q', file], { env: environment, input: `label: gpt\n${parts.map(({ start, size }, index) => `start=${start * 2048}, size=${size * 2048}, ${['type=U', 'name=CORRAL_A', 'name=mine'][index] ?? ''}`).join('\n')}\n` });
  runs('mkfs.vfat', '-F', '32', '-s', '1', '-n', 'CORRAL_BOOT', '--offset', String(parts[0].start * 2048), file, String(parts[0].size * 1024));
  runs('mke2fs', '-q', '-t', 'ext4', '-L', 'RANCHER_STATE', '-E', `offset=${parts[2].start * mib}`, file, `${parts[2].size}M`);
  for (const command of ['mkdir home', 'mkdir home/rancher', 'write package.json home/rancher/kept']) runs('debugfs', '-w', '-R', command, `${file}?offset=${parts[2].start * mib}`);
  {
    await using cd = await fromIso(disk, 'hostname: my-own\n');
    const said = await cd.ok('sudo ros install -t noformat -d /dev/vda -f --no-reboot 2>&1', { timeoutMs: cd.limit(180_000) });
    console.log(said.split('\n').slice(-3).join('\n'));
    await cd.powerOff();
    expectCleanConsole(cd);
  }
  await using own = await fromDisk(disk, 'uefi', 'ahci');
  expect(await own.ok('hostname')).toBe('my-own');
  expect(await own.ok('cat ~/kept')).toContain('"name": "corralos"');
  expect(await own.ok('sudo nsenter -t 1 -m findmnt -no SOURCE /state')).toMatch(/^\/dev\/sda3$/m);
  expectCleanConsole(own);
}, timeout);

test('syslinux: an MBR, for old machines; --save takes the images of services along', async () => {
  const disk = freshDisk('soak-mbr');
  {
    await using cd = await fromIso(disk, 'hostname: old-one\nrancher:\n  services:\n    mine:\n      image: mine:1\n      command: sleep 100000\n      labels: {io.rancher.os.scope: system}\n');
    await makeTinyImage(cd, 'sudo system-docker');
    await cd.ok('sudo system-docker tag tiny mine:1');
    await cd.ok('sudo ros install -t syslinux -d /dev/vda -f --save --no-reboot', { timeoutMs: cd.limit(180_000) });
    await cd.powerOff();
    expectCleanConsole(cd);
  }
  expect(execFileSync('sfdisk', ['--dump', diskFile(disk)], { env: environment, encoding: 'utf8' })).toMatch(/^label: dos$/m);
  await using old = await fromDisk(disk, 'bios', 'ahci');
  expect(await old.ok('hostname')).toBe('old-one');
  await old.until('the service to run from the image that came along', old.limit(60_000), async () => (await old.run('sudo system-docker ps --format "{{.Names}} {{.Image}}"')).stdout.includes('mine mine:1'));
  expectCleanConsole(old);
}, timeout);
