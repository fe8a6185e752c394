/** The only place that starts programs. */
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { causeOf, RosError } from '../lib/errors.ts';

export interface RunOptions {
  /** The program is killed after this long. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly input?: string;
  /** `NAME=value`, besides the usual. */
  readonly environment?: readonly string[];
}

export interface RunResult { readonly code: number; readonly stdout: string; readonly stderr: string }

const outputLimit = 1024 * 1024;
const programPath = '/usr/sbin:/usr/bin:/sbin:/bin';

/** Runs a program to its end and gives what it printed; a non-zero exit is a result, not an error. Default limit 30 s. */
export function tryRun(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: programPath, HOME: '/', LC_ALL: 'C', ...variables(options.environment) }, ...(options.signal && { signal: options.signal }) });
    const output = { stdout: '', stderr: '' };
    let timedOut = false;
    const timer = setTimeout(() => { timedOut = true; child.kill('SIGKILL'); }, timeoutMs);
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => { if (output[name].length < outputLimit) output[name] += text; });
    }
    child.stdin.on('error', () => undefined); // a program that does not read its input is no error of ours
    child.stdin.end(options.input ?? '');
    child.on('error', (error) => { clearTimeout(timer); reject(new RosError('ERR_ROS_EXEC', `cannot run program "${program}": ${causeOf(error)}`, { cause: error })); });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (timedOut) { reject(new RosError('ERR_ROS_TIMEOUT', `cannot run program "${program}": not done after ${timeoutMs / 1000} s`)); return; }
      resolve({ code: code ?? 128, stdout: output.stdout, stderr: code === null ? `${output.stderr}killed by ${signal}` : output.stderr });
    });
  });
}

/** Runs a program that must succeed; its last words are the cause of the error. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await tryRun(program, args, options);
  if (result.code !== 0) {
    const said = (result.stderr || result.stdout).trim().split('\n').slice(-3).join('; ');
    throw new RosError('ERR_ROS_EXEC', `cannot run program "${program}": exit code ${result.code}${said === '' ? '' : `: ${said}`}`);
  }
  return result.stdout;
}

/** As `run`, for a program that not every image has. */
export async function runTool(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return run(program, args, options).catch((error: unknown) => { throw missing(program, error); });
}

/** As `tryRun`, for a program that not every image has. */
export async function tryTool(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return tryRun(program, args, options).catch((error: unknown) => { throw missing(program, error); });
}

function missing(program: string, error: unknown): unknown {
  const { code } = (error instanceof Error ? error.cause : undefined) as NodeJS.ErrnoException | undefined ?? {};
  return code === 'ENOENT' ? new RosError('ERR_ROS_NO_PROGRAM', `cannot run program "${program}": this image does not have it`, { hint: 'the bare-metal image does', cause: error }) : error;
}

export interface DaemonOptions {
  /** Appended to; the daemon holds it open itself, so it goes on when we are gone. */
  readonly logFile: string;
  /** The cgroup that the daemon moves itself into before it starts, so that no child of its is ever elsewhere. */
  readonly cgroup: string;
  /** Written by the process itself, before it becomes the program: there is no moment at which it runs and is not there. */
  readonly pidFile?: string;
  /** `NAME=value`, besides the usual. */
  readonly environment?: readonly string[];
  readonly onExit: (reason: string, killed: boolean) => void;
}

/** Starts a program in a session of its own that outlives the supervisor. Returns its pid. */
export async function spawnDaemon(program: string, args: readonly string[], options: DaemonOptions): Promise<number> {
  const log = await open(options.logFile, 'a', 0o640);
  try {
    // Into its cgroup first, so that no child of its is ever elsewhere. PID 1 sets no limits: the kernel's 4096 files
    // would reach every container. The supervisor's own protection from the OOM killer is not for what it starts.
    const script = 'echo 0 > "$1/cgroup.procs"; echo -500 > /proc/self/oom_score_adj; ulimit -n 1048576; [ -z "$2" ] || echo $$ > "$2"; shift 2; exec "$@"';
    const child = spawn('/bin/sh', ['-c', script, 'sh', options.cgroup, options.pidFile ?? '', program, ...args], {
      detached: true, stdio: ['ignore', log.fd, log.fd], cwd: '/', env: { PATH: programPath, HOME: '/', ...variables(options.environment) },
    });
    return await new Promise((resolve, reject) => {
      child.on('error', (error) => { reject(new RosError('ERR_ROS_EXEC', `cannot start daemon "${program}": ${causeOf(error)}`, { cause: error })); });
      child.on('spawn', () => { resolve(child.pid ?? 0); });
      child.on('exit', (code, signal) => { options.onExit(signal === null ? `exited with code ${code}` : `killed by ${signal}`, signal !== null); });
      child.unref();
    });
  } finally {
    await log.close();
  }
}

function variables(pairs: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(pairs.map((pair): [string, string] => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}
