/** Builds the shim and runs it as PID 1 of a PID namespace; its log and its children's output are one stream of lines. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const sources = join(import.meta.dirname, '../../../initramfs');
const parts = (...names: string[]): string[] => names.map((name) => join(sources, name));

/** The product's binary, with the flags of initramfs/README.md. */
export function buildProduct(directory: string): string {
  return build(join(directory, 'init'), parts('init.c', 'boot.c', 'root.c', 'verity.c', 'end.c', 'log.c'));
}

/** The same with the tests' boot.c. */
export function buildForTests(directory: string): string {
  return build(join(directory, 'init-under-test'), [...parts('init.c', 'end.c', 'log.c'), join(import.meta.dirname, 'boot.c')]);
}

function build(output: string, inputs: string[]): string {
  const flags = ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-Os', '-static', '-s', '-Wl,-z,noseparate-code'];
  execFileSync('musl-gcc', [...flags, '-o', output, ...inputs], { stdio: 'inherit' });
  return output;
}

export interface Options {
  /** A bash script; it gets `alive`, `say WORDS` and `hear SECONDS` (sets `heard`) for the socket. */
  readonly supervisor: string;
  /** A bash script: the rescue shell. */
  readonly shell?: string;
  /** Run as root of the namespace's mounts before the shim. */
  readonly before?: string;
  /** Times in ms and paths: see boot.c beside this. */
  readonly env?: Readonly<Record<string, string>>;
}

const socketWords = `#!/bin/bash
alive() { echo alive >&3; }
say() { echo "$*" >&3; }
hear() { read -t "$1" -u 3 heard; }
`;

export interface Ending {
  readonly code: number | null;
  /** reboot(2) in a PID namespace: SIGHUP for a restart, SIGINT for power-off and halt. */
  readonly signal: NodeJS.Signals | null;
}

export class Shim implements AsyncDisposable {
  readonly directory: string;
  readonly lines: string[] = [];
  readonly ended: Promise<Ending>;
  readonly #process: ChildProcess;
  #next = 0;
  #wake: () => void = () => undefined;
  #over = false;

  constructor(binary: string, options: Options) {
    this.directory = mkdtempSync(join(tmpdir(), 'shim-'));
    const program = (name: string, script: string): string => {
      const path = join(this.directory, name);
      writeFileSync(path, socketWords + script, { mode: 0o755 });
      return path;
    };
    const env = {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      FROM_THE_KERNEL: 'must not reach a child',
      SUPERVISOR: program('ros', options.supervisor),
      ...(options.shell === undefined ? {} : { RESCUE_SHELL: program('busybox', options.shell) }),
      ...options.env,
    };
    // The kernel hands PID 1 no descriptors; whatever runs the tests may leave some open.
    const closeAll = 'for fd in /proc/$$/fd/*; do fd=${fd##*/}; (( fd < 3 )) || eval "exec $fd>&-"; done';
    // Ignored signals are inherited, and a CI's runner may ignore any: RTMIN is one that musl's signal(3) refuses to reset.
    const run = `cd ${this.directory}; ${options.before ?? ':'}; ${closeAll}; trap '' HUP PIPE RTMIN; exec ${binary}`;
    const isolated = ['--fork', '--pid', '--kill-child', '--mount-proc', '/bin/bash', '-c', run];
    this.#process = spawn('unshare', isolated, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const stream = this.#process.stderr;
    if (!stream) throw new Error('cannot read the log of the shim');
    createInterface(stream).on('line', (text) => {
      this.lines.push(text);
      this.#wake();
    });
    this.ended = new Promise((resolve) => {
      this.#process.on('exit', (code, signal) => {
        this.#over = true;
        this.#wake();
        resolve({ code, signal });
      });
    });
  }

  /** The next line (after those already returned) that matches; in the words of the log when it does not come. */
  async line(pattern: RegExp, withinMs = 15_000): Promise<RegExpExecArray> {
    const until = performance.now() + withinMs;
    for (;;) {
      for (; this.#next < this.lines.length; ) {
        const match = pattern.exec(this.lines[this.#next++] ?? '');
        if (match) return match;
      }
      const leftMs = until - performance.now();
      if (leftMs <= 0 || this.#over) {
        const log = this.lines.join('\n');
        const state = this.#over ? ', which has ended' : '';
        throw new Error(`cannot find ${pattern} in the log of the shim${state}:\n${log}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = (): void => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** PID 1, as this side sees it. */
  get pid(): number {
    const pid = this.#process.pid;
    const child = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    if (!child) throw new Error('cannot find the shim: unshare has no child');
    return Number(child);
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
  }

  file(name: string): string {
    return join(this.directory, name);
  }

  /** The states (R, S, Z, ...) of PID 1's children by pid, as this side sees them. */
  children(): Map<number, string> {
    const parent = this.pid;
    const found = new Map<number, string>();
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      let stat: string;
      try {
        stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      } catch {
        continue; // it has gone in between
      }
      const [state = '?', ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (Number(ppid) === parent) found.set(Number(name), state);
    }
    return found;
  }

  /** Keeps the namespace of its mounts beyond its end: tells whether something is mounted there. */
  mounts(): Disposable & { readonly at: (name: string) => boolean } {
    const namespace = openSync(`/proc/${this.pid}/ns/mnt`, 'r');
    const at = (name: string): boolean => {
      const enter = [`--mount=/proc/${process.pid}/fd/${namespace}`, 'mountpoint', '-q', this.file(name)];
      return spawnSync('nsenter', enter).status === 0;
    };
    return { at, [Symbol.dispose]: () => { closeSync(namespace); } };
  }

  /** Sends it to the supervisor from outside. */
  signalSupervisor(name: NodeJS.Signals): void {
    const [pid, ...others] = this.children().keys();
    if (pid === undefined || others.length > 0) throw new Error('cannot tell which child is the supervisor');
    process.kill(pid, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL'); // --kill-child takes the namespace with it
    await this.ended;
    rmSync(this.directory, { recursive: true, force: true });
  }
}
