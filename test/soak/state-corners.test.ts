/** What few machines ask of their state, each in a boot of its own: too long for every run (`make soak`). */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { MachineStatus } from '../../src/api/types.ts';
import { sleep } from '../../scripts/qemu-ssh.ts';
import { diskFile, freshDisk, Machine } from '../lib/machine.ts';
import { bootMetal } from '../lib/metal.ts';
import { expectCleanConsole, showConsoleOnFailure } from '../lib/watch.ts';

let machine: Machine | undefined;
showConsoleOnFailure(() => machine);

const timeout = 1_200_000;
const environment = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
const runs = (program: string, ...args: string[]): void => { execFileSync(program, args, { env: environment, stdio: 'pipe' }); };
const drive = (file: string): string[] => ['-drive', `file=${file},if=virtio,format=raw,cache=unsafe`];
const stateOf = async (of: Machine): Promise<MachineStatus['state']> => (JSON.parse(await of.ok('sudo ros status --json')) as MachineStatus).state;

function blank(name: string, size = '512M'): string {
  const file = diskFile(freshDisk(name));
  runs('truncate', '-s', size, file);
  return file;
}

/** No faster than a person: what is typed before a question is thrown away by who asks. */
async function enter(on: Machine, text: string): Promise<void> {
  await sleep(on.limit(500));
  on.vm.type(`${text}\n`);
}

test('required: without it the boot stops at an offer of a shell, where it can be made; then it goes on', async () => {
  await using stops = await Machine.start({ name: 'soak-required', append: ['rancher.state.required=true', 'rancher.state.dev=LABEL=RANCHER_STATE'], extra: drive(blank('soak-required')) });
  machine = stops;
  const { index } = await stops.waitForConsole(/press Enter for a shell/, 60_000, 'the offer of a shell');
  expect(stops.console.text.slice(0, index)).toContain('cannot find state partition "LABEL=RANCHER_STATE"');
  await enter(stops, '');
  await stops.waitForConsole(/This is the recovery shell/, 30_000, 'the shell');
  const mark = stops.console.mark();
  await enter(stops, 'mke2fs -q -t ext4 -L RANCHER_STATE $(ls /dev/vd[b-z] | tail -n 1) && echo "ma""de"; exit');
  await stops.waitForConsole(/made/, 30_000, 'the filesystem', mark);
  await stops.waitForBoot();
  expect(await stateOf(stops)).toMatchObject({ kind: 'disk', device: expect.stringMatching(/^\/dev\/vd[b-z]$/) as string });
  expectCleanConsole(stops);
}, timeout);

test('script and directory: the one brings the partition to light, the other is the folder that is used of it', async () => {
  const file = blank('soak-script');
  runs('mke2fs', '-q', '-t', 'ext4', '-L', 'UNSEEN', file);
  await using found = await Machine.start({
    name: 'soak-script', extra: drive(file),
    config: 'rancher:\n  state:\n    dev: LABEL=SEEN\n    directory: this/machine\n    script: |\n      device=$(blkid -t LABEL=UNSEEN -o device)\n      tune2fs -L SEEN "$device"\n',
  });
  machine = found;
  await found.waitForBoot();
  expect(await stateOf(found)).toMatchObject({ kind: 'disk' });
  await found.ok('touch ~/kept && sync');
  await found.powerOff();
  expect(execFileSync('debugfs', ['-R', 'ls -p /this/machine/home/rancher', file], { env: environment, encoding: 'utf8', stdio: 'pipe' })).toContain('/kept/');
  expectCleanConsole(found);
}, timeout);

test('wait: a disk that comes late is waited for', async () => {
  const file = blank('soak-late');
  runs('mke2fs', '-q', '-t', 'ext4', '-L', 'RANCHER_STATE', file);
  await using late = await Machine.start({
    name: 'soak-late', append: ['rancher.state.wait=true', 'rancher.state.dev=LABEL=RANCHER_STATE'],
    extra: ['-device', 'virtio-scsi-pci,id=bus', '-drive', `if=none,id=late,file=${file},format=raw,cache=unsafe`],
  });
  machine = late;
  await late.waitForConsole(/waiting up to 30 s for LABEL=RANCHER_STATE/, 60_000, 'the wait');
  await (await late.vm.qmp()).execute('device_add', { driver: 'scsi-hd', bus: 'bus.0', drive: 'late' });
  await late.waitForBoot();
  expect(await stateOf(late)).toMatchObject({ kind: 'disk', device: '/dev/sda' });
  expectCleanConsole(late);
}, timeout);

test('mode ram leaves the disk alone; resize_device grows a partition of another', async () => {
  const state = blank('soak-ram');
  runs('mke2fs', '-q', '-t', 'ext4', '-L', 'RANCHER_STATE', state);
  const before = readFileSync(state);
  const grows = blank('soak-resize'); // /dev/vdb: the second after the root image
  execFileSync('sfdisk', ['-q', grows], { env: environment, input: 'label: gpt\nstart=2048, size=131072\n' });
  runs('mke2fs', '-q', '-t', 'ext4', '-L', 'DATA', '-E', `offset=${2 ** 20}`, grows, '64M');
  await using ram = await Machine.start({ name: 'soak-ram', disk: 'soak-resize', append: ['rancher.state.mode=ram', 'rancher.resize_device=/dev/vdb'], extra: drive(state) });
  machine = ram;
  await ram.waitForBoot();
  expect(await stateOf(ram)).toEqual({ kind: 'ram' });
  const grown = await ram.ok('lsblk -bnro NAME,LABEL,SIZE | grep DATA');
  expect(Number(grown.split(' ')[2]), grown).toBeGreaterThan(500 * 2 ** 20);
  await ram.powerOff();
  const superblock = execFileSync('dumpe2fs', ['-h', `${grows}?offset=${2 ** 20}`], { env: environment, encoding: 'utf8', stdio: 'pipe' });
  const [count, size] = ['Block count', 'Block size'].map((name) => Number(new RegExp(`^${name}: +(\\d+)$`, 'm').exec(superblock)?.[1]));
  expect((count ?? 0) * (size ?? 0), superblock).toBeGreaterThan(480 * 2 ** 20);
  expect(readFileSync(state).equals(before), 'the disk is as it was').toBe(true);
  expectCleanConsole(ram);
}, timeout);

test('an encrypted partition is opened with a key file from another device, and nobody is asked', async () => {
  const [encrypted, keys] = [blank('soak-luks'), blank('soak-keys', '64M')];
  runs('mke2fs', '-q', '-t', 'ext4', '-L', 'KEYS', keys);
  {
    await using maker = await bootMetal('soak-luks-maker', [encrypted, keys], ['rancher.recovery=true']);
    await maker.see(/This is the recovery shell/, 90_000);
    await maker.do('mkdir -p /tmp/keys && mount /dev/vdc /tmp/keys && head -c 64 /dev/urandom > /tmp/keys/state.key');
    await maker.do('cryptsetup luksFormat --batch-mode --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file /tmp/keys/state.key /dev/vdb');
    await maker.do('cryptsetup open --key-file /tmp/keys/state.key /dev/vdb made && mkfs.ext4 -q -L RANCHER_STATE /dev/mapper/made');
    await maker.do('cryptsetup close made && umount /tmp/keys && sync');
  }
  await using taker = await bootMetal('soak-luks-taker', [encrypted, keys], ['rancher.state.dev=LABEL=RANCHER_STATE', 'rancher.state.cryptsetup', 'rancher.state.luks.key_file=LABEL=KEYS:/state.key']);
  await taker.see(/state: on \/dev\/(?:mapper\/\S+|dm-\d+)/, 90_000);
  expect(taker.vm.console.text).not.toMatch(/Passphrase for/);
}, timeout);
