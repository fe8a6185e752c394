/** What a command touches of the process it runs in: a value, so that tests can bring their own. */
import { causeOf, RosError } from '../lib/errors.ts';

export interface Output { write(text: string): Promise<void> }

export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Whether stdout is a terminal. */
  readonly isTty: boolean;
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
}

/** The process as it is. Installs handlers for SIGINT and SIGTERM: streams end cleanly. */
export async function processIo(version: string): Promise<Io> {
  const { controlSocketPath } = await import('../api/types.ts');
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => { controller.abort(); });
  }
  return {
    stdout: outputTo(process.stdout, controller),
    stderr: outputTo(process.stderr, controller),
    isTty: process.stdout.isTTY === true,
    columns: process.stdout.columns ?? 100,
    euid: process.geteuid?.() ?? 0,
    signal: controller.signal,
    now: () => new Date(),
    controlSocketPath,
    dockerSocketPath: '/var/run/docker.sock',
    version,
    signalInit,
  };
}

/** Waits for a slow reader; a reader that went away (`ros logs | head`) ends the command instead of crashing it. */
function outputTo(stream: NodeJS.WriteStream, controller: AbortController): Output {
  let isGone = false;
  stream.on('error', () => { isGone = true; controller.abort(); });
  return {
    write: (text) => new Promise((resolve) => {
      if (isGone) { resolve(); return; }
      stream.write(text, () => { resolve(); });
    }),
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
