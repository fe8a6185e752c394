/** The launcher's parts that need no machine: the command line, the console as text, the guest of the KVM probe. */
import { describe, expect, test } from 'vitest';
import { qemuArgs, tcgArgs, type MachineSpec } from '../../scripts/qemu-args.ts';
import { consoleProblems, SerialConsole } from '../../scripts/qemu-console.ts';
import { parseSize } from '../../scripts/qemu-host.ts';
import { initramfsSaying } from '../../scripts/qemu-probe-guest.ts';

const spec: MachineSpec = {
  kernel: 'vmlinuz', initrd: 'initrd', append: ['a=1', 'b'], memoryMb: 512, cpus: 1, drives: [], net: 'none', forwards: [], serial: 'pipe',
};
const args = (change: Partial<MachineSpec>): string =>
  qemuArgs({ ...spec, ...change }, { kind: 'tcg', args: tcgArgs(7) }, { consoleLog: 'log', qmpSocket: 'qmp' }).join(' ');

describe('the command line of QEMU', () => {
  test('has disks in the order given, read-only ones as such, and commas in names doubled', () => {
    const line = args({ drives: [{ file: 'root,1', format: 'raw', readOnly: true }, { file: 'state', format: 'qcow2' }] });
    expect(line).toMatch(/file=root,,1,format=raw,id=disk0\S*readonly=on .*file=state,format=qcow2,id=disk1/);
    expect(line.match(/readonly=on/g)).toHaveLength(1);
  });

  test('lets a restricted machine reach nothing, and only 127.0.0.1 reach it', () => {
    expect(args({ net: 'restrict', forwards: [{ host: 2222, guest: 22 }] })).toContain('restrict=on,hostfwd=tcp:127.0.0.1:2222-:22');
    expect(args({ net: 'user' })).toContain('restrict=off');
    expect(args({ net: 'none' })).not.toContain('netdev');
  });

  test('spares old emulators the instruction that crashes their guests', () => {
    expect(tcgArgs(7).join(' ')).toContain('cx16=off');
    expect(tcgArgs(10).join(' ')).not.toContain('cx16');
  });
});

describe('the serial console', () => {
  test('finds what came in pieces, and what was there before it was asked', async () => {
    const serial = new SerialConsole();
    const found = serial.waitFor(/ready (\d+)/, 1_000, 'readiness');
    for (const piece of ['boot\nrea', 'dy 4', '\n']) serial.push(piece);
    expect((await found)[0]).toBe('ready 4');
    await expect(serial.waitFor(/boot/, 1_000, 'the past')).resolves.toBeDefined();
    await expect(serial.waitFor(/boot/, 20, 'the past again', serial.mark())).rejects.toThrow('waited on the console for the past again: not within 0.02 s');
  });

  test('tells at once, with its last lines, when the machine ends', async () => {
    const serial = new SerialConsole();
    serial.push('last words\n');
    const waiting = serial.waitFor(/never/, 60_000, 'what never comes');
    serial.end('the machine ended');
    await expect(waiting).rejects.toThrow(/what never comes: the machine ended.*\nlast words/);
  });

  test('knows a crash from ordinary lines', () => {
    const crashes = [
      'Kernel panic - not syncing: x', 'BUG: kernel NULL pointer dereference', 'ros[7]: segfault at 0 ip 0', 'Out of memory: Killed process 9 (dockerd)',
      'rcu: INFO: rcu_preempt detected stalls on CPUs/tasks', 'watchdog: BUG: soft lockup - CPU#0 stuck for 22s!', 'EXT4-fs error (device vdb)',
    ];
    const fine = ['Booting the kernel', 'EXT4-fs (vdb): mounted filesystem', 'rcu: Hierarchical RCU implementation.', 'panic=10 on the command line', 'debug: oops-free'];
    expect(consoleProblems([...crashes, ...fine].join('\r\n'))).toEqual(crashes);
  });
});

test('sizes are read as people write them', () => {
  expect([parseSize('512'), parseSize('1K'), parseSize('8G')]).toEqual([512, 1024, 8 * 1024 ** 3]);
  expect(() => parseSize('8 gigs')).toThrow('cannot read the size "8 gigs"');
});

test('the guest of the KVM probe is a cpio archive with a program in it', () => {
  const archive = initramfsSaying('word');
  expect(archive.subarray(0, 6).toString()).toBe('070701');
  expect(archive.includes(Buffer.from([0x7f, 0x45, 0x4c, 0x46]))).toBe(true);
  expect(archive.length % 4).toBe(0);
});
