/** ssh into a machine behind a forwarded port: one connection for many commands, every wait bounded. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Forward } from './qemu-args.ts';

export interface CommandResult { readonly code: number | null; readonly stdout: string; readonly stderr: string }
export interface CommandOptions {
  readonly timeoutMs?: number;
  readonly input?: string | Buffer;
  /** On a terminal, as for a person: stderr comes with stdout, and lines end in CR LF. */
  readonly terminal?: boolean;
}

export class Ssh {
  readonly #port: number;
  readonly #key: string;
  readonly #user: string;
  readonly #dir = mkdtempSync(join(tmpdir(), 'corral-ssh-'));
  #master: ChildProcess | undefined;

  constructor(target: { readonly port: number; readonly key: string; readonly user: string }) {
    this.#port = target.port;
    this.#key = target.key;
    this.#user = target.user;
  }

  /** Runs a shell command in the machine. A command that fails is a result, one that hangs is an error. */
  async run(command: string, { timeoutMs = 120_000, input, terminal = false }: CommandOptions = {}): Promise<CommandResult> {
    await this.#connect();
    return runProgram('ssh', [...this.#options(), '-o', 'ControlMaster=no', ...(terminal ? ['-tt'] : []), this.#target, '--', command], timeoutMs, `ssh "${command}"`, input);
  }

  /** What somebody who logs in is shown: an interactive login that ends at once, on a connection of its own. */
  async login(): Promise<string> {
    await this.#connect();
    const { stdout } = await runProgram('ssh', ['-S', 'none', ...this.#options(), '-tt', this.#target], 120_000, 'an interactive login', 'exit\n');
    return stdout.replaceAll('\r', '');
  }

  /** Forgets the connection: the machine has been restarted, or its sshd was killed. */
  disconnect(): void {
    this.#master?.kill('SIGKILL');
    this.#master = undefined;
    rmSync(join(this.#dir, 'master'), { force: true });
  }

  close(): void {
    this.disconnect();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  get #target(): string { return `${this.#user}@127.0.0.1`; }

  #options(): string[] {
    const options = {
      StrictHostKeyChecking: 'no', UserKnownHostsFile: '/dev/null', LogLevel: 'ERROR', BatchMode: 'yes', IdentitiesOnly: 'yes',
      ConnectTimeout: '20', ServerAliveInterval: '10', ServerAliveCountMax: '6', ControlPath: join(this.#dir, 'master'),
    };
    return ['-F', '/dev/null', '-p', String(this.#port), '-i', this.#key, ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])];
  }

  /** Starts the shared connection when there is none. Without it commands still work, only slower: so its failure is not an error here. */
  async #connect(): Promise<void> {
    if (this.#master?.exitCode === null && existsSync(join(this.#dir, 'master'))) return;
    this.disconnect();
    const master = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'ssh', ...this.#options(), '-M', '-N', this.#target], { stdio: 'ignore' });
    this.#master = master;
    for (let waitedMs = 0; waitedMs < 30_000 && master.exitCode === null; waitedMs += 50) {
      if (existsSync(join(this.#dir, 'master'))) return;
      await sleep(50);
    }
  }
}

/** This machine's ports that lead to a guest's sshd, and to one where nobody listens (discard): see `waitForBanner`. */
export interface SshPorts { readonly ssh: number; readonly closed: number }

export function sshForwards(ports: SshPorts): Forward[] { return [{ host: ports.ssh, guest: 22 }, { host: ports.closed, guest: 9 }]; }

/**
 * Waits until something answers as an ssh server; returns `Date.now()` of its first word. Gives up when `alive()` says no.
 *
 * Asking must not slow what it measures: every connection that sshd takes costs an emulated machine a second. So the first
 * question is whether the machine is reachable at all, at the closed port, where its kernel refuses at once and for nothing
 * (QEMU would repeat what it could not deliver after seconds only, so there are many short tries); then one connection to
 * sshd at a time, which may take long.
 */
export async function waitForBanner(ports: SshPorts, timeoutMs: number, alive: () => boolean): Promise<number> {
  const deadline = Date.now() + timeoutMs;
  const check = (): void => {
    if (!alive()) throw new Error('the machine ended before ssh answered');
    if (Date.now() > deadline) throw new Error(`ssh did not answer on 127.0.0.1:${ports.ssh} within ${timeoutMs / 1000} s`);
  };
  let reachable = false;
  while (!reachable) {
    check();
    void banner(ports.closed, 2_000).then((answer) => { reachable ||= answer === 'refused'; });
    await sleep(250);
  }
  for (;;) {
    check();
    const answer = await banner(ports.ssh, 30_000);
    if (typeof answer === 'number') return answer;
    await sleep(250);
  }
}

/** QEMU accepts the connection even when nobody listens inside, so only the server's own first words count. */
function banner(port: number, timeoutMs: number): Promise<number | 'refused' | 'late'> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    const finish = (answer: number | 'refused' | 'late'): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => { finish('late'); });
    socket.on('data', (data) => { finish(data.toString('latin1').startsWith('SSH-') ? Date.now() : 'refused'); });
    // ECONNREFUSED is this machine's own word: QEMU does not listen yet. What the guest refuses QEMU has accepted first.
    socket.on('error', (error: NodeJS.ErrnoException) => { finish(error.code === 'ECONNREFUSED' ? 'late' : 'refused'); });
    socket.on('close', () => { finish('refused'); });
  });
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function runProgram(program: string, args: readonly string[], timeoutMs: number, what: string, input?: string | Buffer): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => { stdout += chunk; });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => { stderr += chunk; });
    child.stdin?.on('error', () => undefined); // the other side may end without reading all of it
    child.stdin?.end(input);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      if (timedOut) reject(new Error(`${what} did not end within ${timeoutMs / 1000} s; it had printed: ${stdout}${stderr}`));
      else resolve({ code, stdout, stderr });
    });
  });
}
