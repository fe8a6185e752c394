/** Machines that lack something: a configuration one can read, a network, a disk, memory. They boot, work, and say so. */
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { MachineStatus } from '../../src/api/types.ts';
import { makeTinyImage, notWell } from '../lib/guest.ts';
import { freshDisk, Machine, diskFile, testDir } from '../lib/machine.ts';
import { SerialShell } from '../lib/serial-shell.ts';
import { expectCleanConsole, showConsoleOnFailure } from '../lib/watch.ts';

let machine: Machine | undefined;
showConsoleOnFailure(() => machine);

describe('garbage as cloud-config', () => {
  test('boots, keeps the last good one, and says so at login', async () => {
    const disk = freshDisk('garbage');
    {
      await using good = await Machine.start({ name: 'garbage-before', disk, config: 'hostname: goodname\n' });
      machine = good;
      await good.waitForBoot();
      expect(await good.ok('hostname')).toBe('goodname');
      await good.powerOff();
    }
    await using bad = await Machine.start({ name: 'garbage', disk, rawConfig: '#cloud-config\nhostname: [never closed\n\tssh_authorized_keys: {{{\n\0\xff' });
    machine = bad;
    await bad.waitForBoot(); // lets the tests in: so the key of the last good configuration is still there
    expect(await bad.ok('hostname')).toBe('goodname');
    expect(await notWell(bad)).toEqual([]);
    const status = JSON.parse(await bad.ok('sudo ros status --json')) as MachineStatus;
    expect(status.warnings.join('\n')).toMatch(/config/i);
    expect(await bad.ssh.login()).toMatch(/! .*config/i);
    expectCleanConsole(bad);
  });
});

describe('no network card', () => {
  test('boots to a login on the console, and both Dockers are up', async () => {
    await using alone = await Machine.start({ name: 'alone', net: 'none', disk: freshDisk('alone'), append: ['rancher.password=correct-horse'] });
    machine = alone;
    const shell = await SerialShell.logIn(alone, 'rancher', 'correct-horse', 90_000);
    expect((await shell.run('id -un')).stdout).toMatch(/\brancher\b/);
    expect((await shell.run('sudo wait-for-docker || sudo ros wait-for-docker', 90_000)).code).toBe(0);
    expect((await shell.run('docker ps')).code).toBe(0);
    const system = await shell.run('sudo system-docker ps --format "{{.Names}}"');
    expect(system.stdout.split('\n')).toEqual(expect.arrayContaining(['console', 'docker', 'network', 'syslog', 'udev']));
    // The screen and the keyboard: a person types there, and the file appears.
    const running = async (program: string): Promise<void> => {
      await alone.until(`${program} on tty1`, alone.limit(20_000), async () => (await shell.run(`pgrep -t tty1 -x ${program}`)).code === 0);
    };
    await typeOnKeyboard(alone, 'rancher\n');
    await running('login');
    await typeOnKeyboard(alone, 'correct-horse\n');
    await running('bash');
    await typeOnKeyboard(alone, 'tty > typed\n');
    await alone.until('the file typed on tty1', alone.limit(10_000), async () => (await shell.run('cat typed')).stdout.includes('/dev/tty1'));
    await alone.powerOff();
    expectCleanConsole(alone);
  });

  test('autologin on the serial console gives a shell without a question', async () => {
    await using alone = await Machine.start({ name: 'autologin', net: 'none', append: ['rancher.autologin=ttyS0'] });
    machine = alone;
    const shell = await SerialShell.open(alone, 90_000);
    expect((await shell.run('id -un')).stdout).toMatch(/\brancher\b/);
    alone.vm.type('sudo ros halt\n');
    await alone.waitForConsole(/reboot: System halted/, 60_000, 'the end of the halt');
    expectCleanConsole(alone);
  });
});

describe('no state disk', () => {
  test('runs from RAM and says so at login', async () => {
    await using memory = await Machine.start({ name: 'ram', config: 'hostname: raft\n' });
    machine = memory;
    await memory.waitForBoot();
    expect(await memory.ok('hostname')).toBe('raft');
    expect(await memory.ssh.login()).toMatch(/RAM/);
    const status = JSON.parse(await memory.ok('sudo ros status --json')) as MachineStatus;
    expect(status.state.kind).toBe('ram');
    await makeTinyImage(memory);
    expect(await memory.ok('docker run --rm tiny echo works', { timeoutMs: memory.limit(30_000) })).toBe('works');
    await memory.powerOff();
    expectCleanConsole(memory);
  });

  test('never formats a disk that is not blank', async () => {
    const disk = freshDisk('foreign');
    mkdirSync(testDir, { recursive: true });
    writeFileSync(diskFile(disk), 'somebody else\'s data');
    truncateSync(diskFile(disk), 64 * 1024 * 1024);
    await using careful = await Machine.start({ name: 'foreign', disk });
    machine = careful;
    await careful.waitForBoot();
    expect((JSON.parse(await careful.ok('sudo ros status --json')) as MachineStatus).state.kind).toBe('ram');
    expect(await careful.ssh.login()).toMatch(/RAM/);
    await careful.kill();
    const after = readFileSync(diskFile(disk));
    expect(after.subarray(0, 20).toString()).toBe('somebody else\'s data');
    expect(after.subarray(20).every((byte) => byte === 0)).toBe(true);
    expectCleanConsole(careful);
  });
});

describe('512 MB of memory', () => {
  test('boots and runs a user container', async () => {
    await using small = await Machine.start({ name: 'small', memoryMb: 512, disk: freshDisk('small') });
    machine = small;
    await small.waitForBoot(120_000);
    expect(await notWell(small)).toEqual([]);
    await makeTinyImage(small);
    expect(await small.ok('docker run --rm tiny echo works', { timeoutMs: small.limit(60_000) })).toBe('works');
    console.log(`MEM=512: ${(await small.ok('grep -E "MemTotal|MemAvailable" /proc/meminfo')).replaceAll('\n', ', ')}`);
    expectCleanConsole(small);
  });
});

/** Types on the machine's own keyboard, which is tty1's. */
async function typeOnKeyboard(machine: Machine, text: string): Promise<void> {
  const qmp = await machine.vm.qmp();
  for (const key of text) {
    const names = key === '>' ? ['shift', 'dot'] : [{ '\n': 'ret', ' ': 'spc', '-': 'minus' }[key] ?? key];
    await qmp.execute('send-key', { keys: names.map((data) => ({ type: 'qcode', data })), 'hold-time': 20 });
  }
}
