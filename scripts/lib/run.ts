/** Runs the host's programs. Their output is shown only when they fail, so that a good build stays readable. */
import { spawn } from 'node:child_process';
import { BuildError } from './error.ts';

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** argv[0], where a program looks at its own name */
  readonly argv0?: string;
  /** a program that takes longer hangs, and is ended: a build must not wait for ever */
  readonly timeoutMs?: number;
}

/** Longer than anything here takes on a busy machine: downloading everything, compressing the root image. */
const TIMEOUT_MS = 30 * 60_000;

/** Lines of a failed program's output that are worth showing: the end of it says why. */
const SHOWN_LINES = 25;

/** A locale or a user's settings must not change what a tool writes. */
const environment = { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC', NODE_OPTIONS: '', DEBIAN_FRONTEND: 'noninteractive' };

/** Runs a program to its end; resolves to its standard output. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const output: Buffer[] = [];
  const said: Buffer[] = [];
  const status = await new Promise<number | string>((done) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...environment, ...options.env },
      argv0: options.argv0,
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdout.on('data', (chunk: Buffer) => { output.push(chunk); });
    child.stderr.on('data', (chunk: Buffer) => { said.push(chunk); });
    child.on('error', (error) => { done(error.message); });
    child.on('close', (code, signal) => { done(code ?? (child.killed ? `no end after ${timeoutMs / 60_000} minutes` : signal ?? 'gone')); });
    child.stdin.on('error', () => { /* a program that does not read its input is no failure */ });
    child.stdin.end(options.input ?? '');
  });
  const text = Buffer.concat(output).toString();
  if (status === 0) return text;
  const tail = `${text}\n${Buffer.concat(said).toString()}`.trim().split('\n').slice(-SHOWN_LINES).join('\n  ');
  const cause = typeof status === 'number' ? `exit code ${status}` : status;
  throw new BuildError(`cannot run program "${program}": ${cause}\n  $ ${[program, ...args].join(' ').slice(0, 400)}\n  ${tail}`);
}

/** Does the work for every item, two at a time: the build machine has two cores. */
export async function forEachParallel<T>(items: readonly T[], work: (item: T) => Promise<void>, width = 2): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
