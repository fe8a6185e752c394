/**
 * A machine under test: the built image in QEMU, driven over ssh, the serial console and the power button, never reaching
 * outside. Every wait is bounded and says what it waits for; its failure shows the end of the console.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { chooseAccel } from '../../scripts/qemu-accel.ts';
import type { Accel, MachineSpec } from '../../scripts/qemu-args.ts';
import { corralMachine, image, type CorralOptions } from '../../scripts/qemu-corral.ts';
import { consoleProblems } from '../../scripts/qemu-console.ts';
import { ext4Problems, freePort, sshKey } from '../../scripts/qemu-host.ts';
import { sleep, Ssh, waitForBanner, type CommandOptions, type CommandResult } from '../../scripts/qemu-ssh.ts';
import { Vm, type Ended } from '../../scripts/qemu.ts';
import type { BootReport } from '../../src/api/types.ts';
import { configDrive as makeDrive, type ConfigDrive } from './config-drive.ts';
import { emulationFactor } from './timing.ts';

export const testDir = 'build/test';
const keyFile = join(testDir, 'id_ed25519');

export interface MachineOptions extends Omit<CorralOptions, 'append' | 'config' | 'disk' | 'forwards' | 'serial'> {
  /** Names the console log and the other files of this machine in build/test. */
  readonly name: string;
  /** A state disk by name; use `freshDisk` first, or one that an earlier machine has left. */
  readonly disk?: string;
  /** Cloud-config after the line that lets the tests in. A whole user_data, taken as it is, with `rawConfig`. */
  readonly config?: string;
  readonly rawConfig?: string | false;
  /** Further kernel parameters; they may say who may log in. */
  readonly append?: readonly string[] | ((key: string) => readonly string[]);
  /** What the drive says of the machine itself, as OpenStack does: `{ hostname, public_keys }`. Of a CD only. */
  readonly metaData?: (key: string) => object;
  /** What the cloud-config comes on; a CD when absent. */
  readonly configDrive?: ConfigDrive;
  /** Ports of the machine that the test reaches through `machine.port(n)`. */
  readonly ports?: readonly number[];
  /** Another machine than the one that QEMU starts the build's kernel in (test/lib/media.ts). */
  readonly change?: (spec: MachineSpec) => MachineSpec;
  /** Typed at GRUB's menu as soon as it shows. */
  readonly menuKeys?: string;
  /** Programs at random addresses under emulation, too, as the machine has them everywhere else; slow (`fixedAddresses`). */
  readonly randomAddresses?: boolean;
}

/**
 * Under emulation a program at an address of its own costs about three times the start of one at a fixed address, as if it were
 * translated anew each time; User Docker answers a third later (`make measure`, and with APPEND=norandmaps). Not given to KVM.
 */
const fixedAddresses: Readonly<Record<Accel['kind'], readonly string[]>> = { tcg: ['norandmaps'], kvm: [] };

/**
 * QEMU 7.2's emulation of two processors rarely lets one run an instruction that the other has just patched, and the kernel
 * dies of a breakpoint that is there no more. Before init has run nothing of ours has happened: the machine is started again.
 * (Seen once in some 150 boots, at "sched_clock: Marking stable".) More rarely still QEMU itself dies of a segmentation fault.
 */
const emulatorCrashed = 'the machine ended (SIGSEGV)';
const startsAtMost = 3;

function emulatorsFault(vm: Vm): boolean { return vm.accel.kind === 'tcg' && (/Oops: int3/.test(vm.console.text) || vm.end.includes(emulatorCrashed)); }

async function reachedInit(vm: Vm): Promise<boolean> {
  return vm.console.waitFor(/Run \/init as init process/, 60_000, 'the kernel to run init').then(() => true, () => false);
}

export class Machine {
  readonly vm: Vm;
  readonly ssh: Ssh;
  readonly #ports: ReadonlyMap<number, number>;
  /** Where on the console the present boot began. */
  #bootMark = 0;

  private constructor(vm: Vm, ports: ReadonlyMap<number, number>) {
    this.vm = vm;
    this.#ports = ports;
    this.ssh = new Ssh({ port: this.port(22), key: keyFile, user: 'rancher' });
  }

  static async start(options: MachineOptions): Promise<Machine> {
    const { name, disk, config = '', rawConfig, metaData, configDrive = 'iso', ports = [], append = [], change = (same) => same, menuKeys, randomAddresses = false, ...rest } = options;
    const { kind: accel } = await chooseAccel(image.kernel);
    const key = sshKey(keyFile);
    const userData = rawConfig ?? `#cloud-config\nssh_authorized_keys:\n  - ${key}\n${config}`;
    const forwards = new Map<number, number>();
    for (const guest of [22, 9, ...ports]) forwards.set(guest, await freePort());
    mkdirSync(testDir, { recursive: true });
    const given = userData === false ? {} : await makeDrive(configDrive, userData, join(testDir, name), metaData?.(key));
    const spec = change(corralMachine({
      // A panic must end the test, not begin another boot; tests that reboot say so.
      noReboot: true,
      ...rest,
      append: ['loglevel=7', ...(randomAddresses ? [] : fixedAddresses[accel]), ...(typeof append === 'function' ? append(key) : append)],
      forwards: [...forwards].map(([guest, host]) => ({ guest, host })),
      ...given,
      extra: [...(rest.extra ?? []), ...(given.extra ?? [])],
      // The host keeps every write when QEMU is killed, so flushing its own disk would only cost time.
      ...(disk === undefined ? {} : { disk: { file: diskFile(disk), cache: 'unsafe' as const } }),
    }));
    for (let attempt = 1; ; attempt += 1) {
      const vm = await Vm.start(spec, join(testDir, `${name}.console.log`));
      if (menuKeys !== undefined) void vm.console.waitFor(/GNU GRUB/, 60_000, 'the boot menu').then(() => { vm.type(menuKeys); }, () => undefined);
      if (await reachedInit(vm) || attempt === startsAtMost || !emulatorsFault(vm)) return new Machine(vm, forwards);
      console.log(`${name}: the emulator broke the kernel before init ran (int3 left behind by a code patch, or a crash of QEMU itself), started again`);
      await vm.kill();
    }
  }

  get console(): Vm['console'] { return this.vm.console; }

  /** A limit as it holds natively, for the accelerator that this machine runs on. */
  limit(nativeMs: number): number {
    return nativeMs * (this.vm.accel.kind === 'tcg' ? emulationFactor : 1);
  }

  /** The port on this machine's 127.0.0.1 that leads to `guest`. */
  port(guest: number): number {
    const host = this.#ports.get(guest);
    if (host === undefined) throw new Error(`port ${guest} is not forwarded: name it in "ports"`);
    return host;
  }

  waitForConsole(pattern: RegExp, nativeMs: number, what: string, from = this.#bootMark): Promise<RegExpExecArray> {
    return this.console.waitFor(pattern, this.limit(nativeMs), what, from);
  }

  /** Until a login as rancher works. */
  async waitForSsh(nativeMs = 60_000): Promise<void> {
    const limit = this.limit(nativeMs);
    const deadline = Date.now() + limit;
    try {
      await waitForBanner({ ssh: this.port(22), closed: this.port(9) }, limit, () => this.vm.running);
      await this.until('a login as rancher over ssh', deadline - Date.now(), async () => {
        const { code, stderr } = await this.ssh.run('true');
        return code === 0 || stderr.trim();
      });
    } catch (error) {
      throw new Error(`${String(error)}\nThe console's last lines:\n${this.console.tail()}`, { cause: error });
    }
  }

  /** Until this boot has reached every milestone (system services healthy, User Docker ready), as `ros boot` tells. */
  async waitForBoot(nativeMs = 90_000): Promise<BootReport> {
    const deadline = Date.now() + this.limit(nativeMs);
    await this.waitForSsh(nativeMs);
    let report: BootReport | undefined;
    await this.until('systemHealthy and userDocker in "ros boot"', Math.max(deadline - Date.now(), 1_000), async () => {
      const answer = await this.run('sudo ros boot --json');
      if (answer.code !== 0) return `exit code ${answer.code}: ${answer.stderr.trim()}`;
      report = JSON.parse(answer.stdout) as BootReport;
      return report.bootMs.systemHealthy !== undefined && report.bootMs.userDocker !== undefined || JSON.stringify(report.bootMs);
    });
    if (report === undefined) throw new Error('no boot report');
    return report;
  }

  run(command: string, options?: CommandOptions): Promise<CommandResult> { return this.ssh.run(command, options); }

  /** The output of a command that must succeed. */
  async ok(command: string, options?: CommandOptions): Promise<string> {
    const { code, stdout, stderr } = await this.run(command, options);
    if (code !== 0) throw new Error(`"${command}" ended with exit code ${code}:\n${stdout}${stderr}`);
    return stdout.trim();
  }

  /**
   * Asks again and again until it is so; the limit is as given, not stretched. An error or a text (why not) counts as not
   * yet; the last one is told when the time is over. Returns the ms it took.
   */
  async until(what: string, limitMs: number, check: () => Promise<boolean | string>): Promise<number> {
    const begin = Date.now();
    let last: unknown;
    while (Date.now() - begin < limitMs) {
      if (!this.vm.running) throw new Error(`waited for ${what}: ${this.vm.end}. The console's last lines:\n${this.console.tail()}`);
      try {
        const answer = await check();
        if (answer === true) return Date.now() - begin;
        last = answer === false ? undefined : answer;
      } catch (error) {
        last = error;
      }
      await sleep(300);
    }
    throw new Error(`${what} did not come within ${limitMs / 1000} s${last === undefined ? '' : `, the last try: ${String(last)}`}\nThe console's last lines:\n${this.console.tail()}`);
  }

  async bootReport(): Promise<BootReport> {
    return JSON.parse(await this.ok('sudo ros boot --json')) as BootReport;
  }

  /** Asks the machine to reboot and waits until the kernel starts again. Needs `noReboot: false`. */
  async reboot(command = 'sudo reboot'): Promise<void> {
    const mark = this.console.mark();
    await this.run(command).catch(() => undefined); // the connection may go before the answer comes
    this.ssh.disconnect();
    await this.waitForConsole(/Linux version /, 40_000, 'the kernel to start again', mark);
    this.#bootMark = mark;
  }

  /** Presses the power button and waits until the machine is off. */
  async powerOff(nativeMs = 40_000): Promise<Ended> {
    await this.vm.powerButton();
    const ended = await this.vm.awaitEnd(this.limit(nativeMs), 'after the power button');
    this.ssh.close();
    return ended;
  }

  /** The power cord. */
  async kill(): Promise<void> {
    await this.vm.kill();
    this.ssh.close();
  }

  /** For the end of a test, whatever its outcome. */
  async [Symbol.asyncDispose](): Promise<void> { await this.kill(); }

  /** Lines on the console that no healthy machine prints, in all boots so far. */
  problems(): string[] { return consoleProblems(this.console.text); }
}

export function diskFile(name: string): string { return join(testDir, `${name}.disk.raw`); }

/** Removes the disk, so that the next machine that uses the name gets a blank one. */
export function freshDisk(name: string): string {
  mkdirSync(testDir, { recursive: true });
  rmSync(diskFile(name), { force: true });
  return name;
}

/** What is wrong with the filesystem on a state disk whose machine is off; '' when it is clean. */
export function diskProblems(name: string): string { return ext4Problems(diskFile(name)); }
