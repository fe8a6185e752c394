/** The state disk in all that befalls it, and the shell for when nothing else works. As few boots as will do. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { MachineStatus } from '../../src/api/types.ts';
import { sleep } from '../../scripts/qemu-ssh.ts';
import { diskFile, freshDisk, Machine, testDir } from '../lib/machine.ts';
import { soakTest } from '../lib/thorough.ts';
import { expectCleanConsole, showConsoleOnFailure } from '../lib/watch.ts';

let machine: Machine | undefined;
showConsoleOnFailure(() => machine);

const mib = 2 ** 20;
const startMib = 8;
/** As the installer leaves it, but smaller. */
const installedMib = 1024;

test('a disk that grew: its partition and filesystem follow; two of the same label: one is taken, and said which; a full one still boots; a failing one is told', async () => {
  const disk = installedDisk('grows');
  qemuImg('resize', '-q', '-f', 'raw', diskFile(disk), '3G');
  const twin = freshDisk('twin');
  execFileSync('truncate', ['-s', '256M', diskFile(twin)]);
  filesystem('mke2fs', '-q', '-t', 'ext4', '-L', 'RANCHER_STATE', diskFile(twin));
  await using grows = await Machine.start({ name: 'grows', disk, noReboot: false, configDrive: 'fw_cfg', config: 'hostname: fallback\n', extra: drive(diskFile(twin)) });
  machine = grows;
  await grows.waitForSsh(90_000);

  expect(Number(await grows.ok('sudo cat /sys/class/block/vdb2/size')) * 512).toBeGreaterThan(2900 * mib);
  expect(Number(await grows.ok('df -B1 --output=size /state | tail -n 1'))).toBeGreaterThan(2600 * mib);
  expect(await grows.ok('cat /state/home/rancher/kept')).toBe('was here before');
  const status = await statusOf(grows);
  expect(status.state).toMatchObject({ kind: 'disk', device: '/dev/vdb2' });
  expect(status.warnings.join('\n')).toMatch(/2 devices are LABEL=RANCHER_STATE: took \/dev\/vdb2, for it is the first by name; not used: \/dev\/vd[c-e]/);
  expect(await grows.ssh.login()).toMatch(/! .*took \/dev\/vdb2/);

  await grows.ok('sudo ros config set hostname kept');
  // As full as it gets: what is reserved for the system, too.
  await grows.run('sudo dd if=/dev/zero of=/state/home/rancher/fill bs=1M; sudo sync', { timeoutMs: grows.limit(60_000) });
  expect(await grows.ok('df --output=avail /state | tail -n 1')).toBe('0');
  await grows.reboot();
  await grows.waitForSsh(90_000);
  const full = await statusOf(grows);
  expect(full.state).toMatchObject({ kind: 'disk', device: '/dev/vdb2' });
  expect(full.warnings.join('\n')).toMatch(/The state disk is full: the system's own containers are in RAM/);
  expect(await grows.ok('hostname')).toBe('kept');
  await grows.ok('sudo rm /home/rancher/fill');
  expect(Number(await grows.ok('df -B1 --output=avail /state | tail -n 1'))).toBeGreaterThan(1000 * mib);

  await grows.ok("echo broken | sudo tee /sys/fs/ext4/vdb2/trigger_fs_error");
  await grows.until('the warning that the disk has failed', grows.limit(45_000), async () => (await statusOf(grows)).warnings.some((warning) => /state disk \/dev\/vdb2 has met errors/.test(warning)));
  expect(await grows.ssh.login()).toMatch(/! The state disk \/dev\/vdb2 has met errors/);
  await grows.waitForBoot(); // until then nobody may listen to the power button
  await grows.powerOff();
  expect(sfdisk('--verify', diskFile(disk))).toMatch(/No errors detected/);
});

soakTest('rancher.recovery: a shell on the serial console behind the password; left, the boot goes on: with a disk that can only be read, from RAM', async () => {
  // The one of the test before: with an error in it, and the host name on it.
  const disk = 'grows';
  await using ill = await Machine.start({
    name: 'recovery', append: ['rancher.recovery=true', 'rancher.password=correct-horse', 'rancher.state.dev=LABEL=RANCHER_STATE'], extra: drive(diskFile(disk), 'readonly=on'),
  });
  machine = ill;
  await ill.waitForConsole(/This is the recovery shell/, 60_000, 'the greeting of the recovery shell');
  // What is typed before a question, or faster than a person does, is thrown away by who asks.
  const enter = async (text: string): Promise<void> => { await sleep(ill.limit(500)); ill.vm.type(text); };
  await ill.waitForConsole(/Give root password/i, 20_000, 'the question for the password');
  await enter('wrong\n');
  const refused = await ill.waitForConsole(/Login incorrect/i, 20_000, 'the refusal');
  await ill.waitForConsole(/Give root password/i, 20_000, 'the question again', refused.index);
  await enter('correct-horse\n');
  await sleep(ill.limit(500));
  const answer = async (command: string, pattern: RegExp, what: string): Promise<void> => {
    const mark = ill.console.mark();
    ill.vm.type(`${command}\n`);
    await ill.waitForConsole(pattern, 30_000, what, mark);
  };
  await answer('echo "$(id -un), mounted: $(grep -c "^/dev/.* /state " /proc/mounts)"', /root, mounted: 0/, 'root\'s shell');
  await answer('echo "seen: $(ps | grep -c "[c]orrect-horse")"', /seen: 0/, 'the password in no process\' arguments');
  await answer('udhcpc -qni eth0; ip -4 -o address show eth0', /inet 10\.0\.2\.15/, 'an address from the network');
  await answer('blkid -t LABEL=RANCHER_STATE -o device', /\/dev\/vd[b-d]2/, 'the state partition');
  ill.vm.type('exit\n');

  await ill.waitForBoot(); // all of it, for the power button at the end
  const status = await statusOf(ill);
  expect(status.state).toMatchObject({ kind: 'ram', note: expect.stringMatching(/cannot use state partition "\/dev\/vd[b-d]2": it is write-protected; its configuration is used, and its files can be read in \/mnt\/state/) as string });
  expect(await ill.ok('hostname')).toBe('kept');
  expect(await ill.ok('cat /mnt/state/home/rancher/kept')).toBe('was here before');
  expect(await ill.ssh.login()).toMatch(/RAM: nothing survives/);
  await ill.powerOff();
  expectCleanConsole(ill);
});

soakTest('partitions of the maker and for booting: the maker says that only data is kept, and it is', async () => {
  const file = diskFile(freshDisk('maker'));
  execFileSync('truncate', ['-s', '1G', file]);
  execFileSync('sfdisk', ['-q', file], { env: environment, input: 'label: gpt\nstart=16384, size=131072\nstart=147456, size=131072\nstart=278528\n' });
  const [oem, boot, state] = [16384, 147456, 278528].map((sector) => sector * 512);
  const make = (label: string, offset = 0, megabytes = 64): void => { filesystem('mke2fs', '-q', '-t', 'ext4', '-L', label, '-E', `offset=${offset}`, file, `${megabytes}M`); };
  make('RANCHER_OEM', oem);
  make('RANCHER_BOOT', boot);
  make('RANCHER_STATE', state, 800);
  const config = `${testDir}/oem-config.yml`;
  writeFileSync(config, '#cloud-config\nhostname: made\nrancher:\n  state: { mode: data, data_directories: [/home], dev: LABEL=RANCHER_STATE }\n');
  filesystem('debugfs', '-w', '-R', `write ${config} oem-config.yml`, `${file}?offset=${oem}`);
  filesystem('debugfs', '-w', '-R', `write ${config} grub.cfg`, `${file}?offset=${boot}`);

  await using made = await Machine.start({ name: 'maker', extra: drive(file) });
  machine = made;
  await made.waitForBoot();
  expect(await made.ok('hostname')).toBe('made');
  expect((await statusOf(made)).state).toEqual({ kind: 'ram', device: '/dev/vdc3', directories: ['/home', '/var/lib/user-docker'] });
  expect(await made.ssh.login()).toMatch(/state +in RAM; on \/dev\/vdc3: \/home, \/var\/lib\/user-docker[^]*! Only \/home, \/var\/lib\/user-docker survive a reboot/);
  const isKept = async (folder: string): Promise<boolean> => (await made.run(`sudo touch ${folder}/probe && sudo test -e /state${folder}/probe`)).code === 0;
  expect(await isKept('/home/rancher')).toBe(true);
  expect(await isKept('/var/lib/user-docker')).toBe(true);
  expect(await isKept('/var/lib/rancher/conf')).toBe(false);
  expect(await made.ok('sudo nsenter -t 1 -m ls /boot')).toContain('grub.cfg');
  await made.powerOff();
  expectCleanConsole(made);
});

/** A GPT disk with the state partition last, as `ros install` makes it. */
function installedDisk(name: string): string {
  const file = diskFile(freshDisk(name));
  execFileSync('truncate', ['-s', `${installedMib}M`, file]);
  execFileSync('sfdisk', ['-q', file], { env: environment, input: `label: gpt\nstart=2048, size=2048, name=bios\nstart=${startMib * 2048}, name=RANCHER_STATE\n` });
  const offset = startMib * mib;
  filesystem('mke2fs', '-q', '-t', 'ext4', '-L', 'RANCHER_STATE', '-E', `offset=${offset}`, file, `${installedMib - startMib - 2}M`);
  const kept = `${testDir}/kept`;
  writeFileSync(kept, 'was here before\n');
  for (const command of ['mkdir home', 'mkdir home/rancher', `write ${kept} home/rancher/kept`]) filesystem('debugfs', '-w', '-R', command, `${file}?offset=${offset}`);
  return name;
}

const environment = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
function filesystem(program: string, ...args: string[]): void { execFileSync(program, args, { env: environment, stdio: 'pipe' }); }
function sfdisk(...args: string[]): string { return execFileSync('sfdisk', args, { env: environment, encoding: 'utf8', stdio: 'pipe' }); }
function qemuImg(...args: string[]): void { execFileSync('qemu-img', args); }
function drive(file: string, more?: string): string[] { return ['-drive', `file=${file},if=virtio,format=raw,cache=unsafe${more === undefined ? '' : `,${more}`}`]; }
async function statusOf(of: Machine): Promise<MachineStatus> { return JSON.parse(await of.ok('sudo ros status --json')) as MachineStatus; }
