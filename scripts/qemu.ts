/**
 * A running machine: QEMU started from a `MachineSpec`, its serial console followed, its power button and its end.
 * QEMU dies with this process (also when that is killed): no machine is ever left behind.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { chooseAccel, qemuProgram } from './qemu-accel.ts';
import { qemuArgs, type Accel, type MachineSpec } from './qemu-args.ts';
import { SerialConsole } from './qemu-console.ts';
import { Qmp } from './qemu-qmp.ts';

export interface Ended { readonly code: number | null; readonly signal: NodeJS.Signals | null }

export class Vm {
  readonly spec: MachineSpec;
  readonly accel: Accel;
  readonly console = new SerialConsole();
  readonly consoleLog: string;
  /** `Date.now()` when QEMU was started. */
  readonly startedAt = Date.now();
  /** Settles when QEMU is gone, however it went. */
  readonly ended: Promise<Ended>;
  readonly #process: ChildProcess;
  readonly #dir: string;
  #qmp: Promise<Qmp> | undefined;
  #end: Ended | undefined;
  #stderr = '';

  private constructor(spec: MachineSpec, accel: Accel, consoleLog: string) {
    this.spec = spec;
    this.accel = accel;
    this.consoleLog = consoleLog;
    this.#dir = mkdtempSync(join(tmpdir(), 'corral-vm-'));
    mkdirSync(dirname(consoleLog), { recursive: true });
    const terminal = spec.serial === 'terminal';
    this.#process = spawn('setpriv', ['--pdeathsig', 'KILL', '--', qemuProgram(), ...qemuArgs(spec, accel, { consoleLog, qmpSocket: this.#qmpSocket })], {
      // Its own process group: Ctrl-C here must reach this process only, which then presses the power button.
      detached: !terminal,
      stdio: terminal ? 'inherit' : [spec.serial === 'pipe' ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    });
    this.#process.stdin?.on('error', () => undefined); // typing at a machine that has just ended
    this.#process.stdout?.setEncoding('utf8').on('data', (chunk: string) => { this.console.push(chunk); });
    this.#process.stderr?.setEncoding('utf8').on('data', (chunk: string) => { this.#stderr += chunk; });
    this.ended = new Promise((resolve) => {
      const finish = (ended: Ended): void => {
        if (this.#end !== undefined) return;
        this.#end = ended;
        rmSync(this.#dir, { recursive: true, force: true });
        this.console.end(this.end);
        resolve(ended);
      };
      this.#process.on('error', (error) => { this.#stderr += error.message; finish({ code: null, signal: null }); });
      // "close", not "exit": the console's last words are read first.
      this.#process.on('close', (code, signal) => { finish({ code, signal }); });
    });
  }

  static async start(spec: MachineSpec, consoleLog: string): Promise<Vm> {
    for (const file of [spec.kernel, spec.initrd, spec.netBoot?.folder, ...spec.drives.map((drive) => drive.file)]) {
      if (file !== undefined && !existsSync(file)) throw new Error(`cannot start the machine: there is no ${file} (make image builds it)`);
    }
    return new Vm(spec, await chooseAccel(spec.kernel ?? 'build/vmlinuz'), consoleLog);
  }

  get pid(): number | undefined { return this.#process.pid; }
  get running(): boolean { return this.#end === undefined; }
  /** How the machine ended, in words; '' while it runs. */
  get end(): string {
    if (this.#end === undefined) return '';
    return `the machine ended (${this.#end.signal ?? `QEMU's exit code ${this.#end.code}`})${this.#stderr === '' ? '' : `, QEMU said: ${this.#stderr.trim()}`}`;
  }
  /** What QEMU itself complained about. */
  get stderr(): string { return this.#stderr; }
  get #qmpSocket(): string { return join(this.#dir, 'qmp'); }

  /** Types at the serial console. */
  type(text: string): void { this.#process.stdin?.write(text); }

  async qmp(): Promise<Qmp> {
    this.#qmp ??= Qmp.connect(this.#qmpSocket).catch((error: unknown) => { throw new Error(`${error instanceof Error ? error.message : String(error)}${this.running ? '' : `: ${this.end}`}`, { cause: error }); });
    return this.#qmp;
  }

  async powerButton(): Promise<void> { await (await this.qmp()).execute('system_powerdown'); }

  /** The power cord: the machine is gone in the middle of whatever it did. */
  async kill(): Promise<Ended> {
    if (this.running) this.#process.kill('SIGKILL');
    return this.ended;
  }

  /** Waits until the machine has ended by itself. */
  async awaitEnd(timeoutMs: number, what: string): Promise<Ended> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`the machine did not end within ${timeoutMs / 1000} s (${what}). The console's last lines:\n${this.console.tail()}`));
      }, timeoutMs);
    });
    try {
      return await Promise.race([this.ended, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
