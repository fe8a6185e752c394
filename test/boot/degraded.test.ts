/** Machines that lack something: a configuration one can read, a network, a disk, memory. They boot, work, and say so. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { MachineStatus } from '../../src/api/types.ts';
import { makeTinyImage, notWell } from '../lib/guest.ts';
import { typeOnKeyboard } from '../lib/keyboard.ts';
import { freshDisk, Machine, diskFile } from '../lib/machine.ts';
import { SerialShell } from '../lib/serial-shell.ts';
import { soakDescribe } from '../lib/thorough.ts';
import { expectCleanConsole, showConsoleOnFailure } from '../lib/watch.ts';

let machine: Machine | undefined;
showConsoleOnFailure(() => machine);

/** The disk of the machine without a network, which then meets garbage. */
const brought = 'degraded';

describe('no network card', () => {
  test('boots to a shell on the serial console and a login on the screen, and both Dockers are up', async () => {
    // Its configuration is in a drive whose driver comes late, while containers are being started: nothing of it is lost.
    await using alone = await Machine.start({
      name: 'alone', net: 'none', configDrive: 'nocloud-cd', disk: freshDisk(brought), append: ['rancher.autologin=ttyS0', 'rancher.password=correct-horse'],
      config: 'hostname: goodname\nwrite_files: [{path: /etc/brought, content: by-a-drive}]\n',
    });
    machine = alone;
    const shell = await SerialShell.open(alone, 90_000);
    expect((await shell.run('id -un')).stdout).toMatch(/\brancher\b/);
    expect((await shell.run('sudo wait-for-docker || sudo ros wait-for-docker', 90_000)).code).toBe(0);
    expect((await shell.run('docker ps')).code).toBe(0);
    // A login and User Docker come before the rest of the system.
    await alone.until('the system containers', alone.limit(30_000), async () => {
      const running = (await shell.run('sudo system-docker ps --format "{{.Names}}"')).stdout.split(/\r?\n/);
      return ['console', 'docker', 'network', 'syslog', 'udev'].every((name) => running.includes(name)) || running.join(' ');
    });
    for (const [what, command, answer] of [['the name', 'hostname', 'goodname'], ['the file', 'cat /etc/brought', 'by-a-drive']] as const) {
      await alone.until(`${what} from the drive`, alone.limit(10_000), async () => (await shell.run(command)).stdout.includes(answer));
    }
    // The screen and the keyboard: a person reads what is asked for, types it, and the file appears. Not a key sooner: login drops
    // what was typed before its question. (The kernel may have written behind the first one.)
    const onScreen = async (what: string, text: RegExp): Promise<void> => {
      await alone.until(`${what} on the screen`, alone.limit(20_000), async () => {
        const screen = (await shell.run('sudo cat /dev/vcs1')).stdout; // its cells, without line ends
        return text.test(screen) || screen.replaceAll(/\s+/g, ' ');
      });
    };
    await onScreen('a login prompt', /goodname login: /);
    await typeOnKeyboard(alone.vm, 'rancher\n');
    await onScreen('the question for the password', /Password: {8}/);
    await typeOnKeyboard(alone.vm, 'correct-horse\n');
    await onScreen('a shell', /\]\$ {8}/);
    await typeOnKeyboard(alone.vm, 'tty > typed\n');
    await alone.until('the file typed on tty1', alone.limit(10_000), async () => (await shell.run('cat typed')).stdout.includes('/dev/tty1'));
    alone.vm.type('sudo ros halt\n');
    await alone.waitForConsole(/reboot: System halted/, 60_000, 'the end of the halt');
    expectCleanConsole(alone);
  });
});

describe('garbage as cloud-config, with 512 MB of memory', () => {
  test('boots, keeps the last good one, says so at login, and runs a user container', async () => {
    await using bad = await Machine.start({ name: 'garbage', disk: brought, memoryMb: 512, rawConfig: '#cloud-config\nhostname: [never closed\n\tssh_authorized_keys: {{{\n\0\xff' });
    machine = bad;
    await bad.waitForBoot(120_000); // lets the tests in: so the key of the last good configuration is still there
    expect(await bad.ok('hostname')).toBe('goodname');
    expect(await notWell(bad)).toEqual([]);
    const status = JSON.parse(await bad.ok('sudo ros status --json')) as MachineStatus;
    expect(status.warnings.join('\n')).toMatch(/config/i);
    expect(await bad.ssh.login()).toMatch(/! .*config/i);
    await makeTinyImage(bad);
    expect(await bad.ok('docker run --rm tiny echo works', { timeoutMs: bad.limit(60_000) })).toBe('works');
    console.log(`MEM=512: ${(await bad.ok('grep -E "MemTotal|MemAvailable" /proc/meminfo')).replaceAll('\n', ', ')}`);
    expectCleanConsole(bad);
  });
});

soakDescribe('no state disk', () => {
  test('runs from RAM and says so at login, and formats no disk that is not blank', async () => {
    const disk = freshDisk('foreign');
    writeFileSync(diskFile(disk), 'somebody else\'s data');
    truncateSync(diskFile(disk), 64 * 1024 * 1024);
    await using memory = await Machine.start({ name: 'ram', disk, configDrive: 'smbios', config: 'hostname: raft\n' });
    machine = memory;
    await memory.waitForBoot();
    expect(await memory.ok('hostname')).toBe('raft');
    expect(await memory.ssh.login()).toMatch(/RAM/);
    const status = JSON.parse(await memory.ok('sudo ros status --json')) as MachineStatus;
    expect(status.state.kind).toBe('ram');
    await makeTinyImage(memory);
    expect(await memory.ok('docker run --rm tiny echo works', { timeoutMs: memory.limit(30_000) })).toBe('works');
    await memory.powerOff();
    const after = readFileSync(diskFile(disk));
    expect(after.subarray(0, 20).toString()).toBe('somebody else\'s data');
    expect(after.subarray(20).every((byte) => byte === 0)).toBe(true);
    expectCleanConsole(memory);
  });
});
