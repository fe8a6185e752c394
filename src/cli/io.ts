/** What a command touches of the process it runs in: a value, so that tests can bring their own. */
import { causeOf, RosError } from '../lib/errors.ts';

export interface Output {
  readonly isTty: boolean;
  write(text: string): Promise<void>;
}

export interface Input {
  readonly isTty: boolean;
  /** All of it; fails when it is longer than `limit` bytes. */
  read(limit: number): Promise<string>;
  /** The next line; undefined when there is none. */
  readLine(): Promise<string | undefined>;
}

export interface Io {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Of the terminal. */
  readonly columns: number;
  readonly euid: number;
  /** Aborted by Ctrl-C, and when nobody reads stdout any more. */
  readonly signal: AbortSignal;
  readonly now: () => Date;
  readonly controlSocketPath: string;
  readonly dockerSocketPath: string;
  /** The version this program was built as. */
  readonly version: string;
  /** Signals process 1, which ends the machine even when the supervisor does not answer. */
  readonly signalInit: (signal: NodeJS.Signals) => Promise<void>;
  /** Runs another program on the same terminal to its end; its exit code. */
  readonly runProgram: (program: string, args: readonly string[], env: NodeJS.ProcessEnv) => Promise<number>;
  readonly environment: NodeJS.ProcessEnv;
}

/** The process as it is. Installs handlers for SIGINT and SIGTERM: streams end cleanly. */
export async function processIo(version: string): Promise<Io> {
  const { controlSocketPath } = await import('../api/types.ts');
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => { controller.abort(); });
  }
  return {
    stdin: inputFrom(controller.signal),
    stdout: outputTo(process.stdout, controller),
    stderr: outputTo(process.stderr, controller),
    columns: process.stdout.columns ?? process.stderr.columns ?? 100,
    euid: process.geteuid?.() ?? 0,
    signal: controller.signal,
    now: () => new Date(),
    controlSocketPath,
    dockerSocketPath: '/var/run/docker.sock',
    version,
    signalInit,
    runProgram: async (program, args, env) => (await import('./run-program.ts')).runProgram(program, args, env),
    environment: process.env,
  };
}

/** Waits for a slow reader; a reader that went away (`ros logs | head`) ends the command instead of crashing it. */
function outputTo(stream: NodeJS.WriteStream, controller: AbortController): Output {
  let isGone = false;
  stream.on('error', () => { isGone = true; controller.abort(); });
  return {
    isTty: stream.isTTY === true,
    write: (text) => new Promise((resolve) => {
      if (isGone) { resolve(); return; }
      stream.write(text, () => { resolve(); });
    }),
  };
}

/** `process.stdin` is touched only when it is read: to open it takes time, and keeps the process alive. */
function inputFrom(signal: AbortSignal): Input {
  return {
    get isTty() { return process.stdin.isTTY === true; },
    async read(limit) {
      const { readBounded } = await import('./read-bounded.ts');
      signal.addEventListener('abort', () => { process.stdin.destroy(); });
      return readBounded(process.stdin, limit);
    },
    async readLine() {
      const { createInterface } = await import('node:readline');
      const reader = createInterface({ input: process.stdin, signal });
      try {
        const next = await reader[Symbol.asyncIterator]().next();
        return next.done === true ? undefined : next.value;
      } finally {
        reader.close();
      }
    },
  };
}

/** Refuses when process 1 is not the machine's: in a container of its own PID namespace a signal would hit a stranger. */
async function signalInit(signal: NodeJS.Signals): Promise<void> {
  const { readFile } = await import('node:fs/promises');
  try {
    const name = (await readFile('/proc/1/comm', 'utf8')).trim();
    if (name !== 'init') throw new Error(`it is "${name}", not the machine's init`);
    process.kill(1, signal);
  } catch (error) {
    throw new RosError('ERR_ROS_SIGNAL', `cannot signal process 1: ${causeOf(error)}`, { cause: error, hint: 'run it with sudo, on the machine itself' });
  }
}
