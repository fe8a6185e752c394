/** Commands of the machine's owner: with a process group and a cgroup of their own, and the end of what they print. */
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { causeOf } from '../lib/errors.ts';

export interface JobOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** Killed with all that it has started and that has not left its group. */
  readonly timeoutMs: number;
  readonly tailBytes: number;
  /** Not the supervisor's own, which is protected and goes with it; made when it is not there. */
  readonly cgroup: string;
}

export interface JobResult {
  /** As a shell tells it: 128 and the signal's number for one that was killed; -1 when it did not start or took too long. */
  readonly exitCode: number;
  readonly output: string;
}

/** How long what it has left running may hold the output open after its end. */
const closeMs = 300;
const enter = '{ echo 0 >"$1/cgroup.procs"; echo 0 >/proc/self/oom_score_adj; } 2>/dev/null; shift; exec "$@"';
const shellOfSignal: Readonly<Record<string, number>> = { SIGHUP: 129, SIGINT: 130, SIGKILL: 137, SIGSEGV: 139, SIGPIPE: 141, SIGTERM: 143 };

/** Never rejects. What the command leaves in the background goes on, and may print: nobody waits for it. */
export async function runJob(command: readonly string[], { environment, timeoutMs, tailBytes, cgroup }: JobOptions): Promise<JobResult> {
  await mkdir(cgroup).catch(() => undefined);
  return new Promise((resolve) => {
    let kept = Buffer.alloc(0);
    let late = false;
    const child = spawn('/bin/sh', ['-c', enter, 'sh', cgroup, ...command], {
      detached: true, stdio: ['ignore', 'pipe', 'pipe'], cwd: '/', env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', ...environment },
    });
    const text = (): string => kept.toString('utf8');
    const timer = setTimeout(() => {
      late = true;
      try { process.kill(-(child.pid ?? 0), 'SIGKILL'); } catch { child.kill('SIGKILL'); }
    }, timeoutMs);
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { kept = Buffer.concat([kept, chunk]).subarray(-tailBytes); });
    child.on('error', (error) => { clearTimeout(timer); resolve({ exitCode: -1, output: causeOf(error) }); });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      const finish = (): void => {
        clearTimeout(closing);
        child.unref();
        resolve(late ? { exitCode: -1, output: `${text()}\nnot done after ${timeoutMs / 1000} s, killed`.trim() } : { exitCode: code ?? shellOfSignal[signal ?? ''] ?? 128, output: text() });
      };
      const closing = setTimeout(finish, closeMs);
      child.on('close', finish);
    });
  });
}
