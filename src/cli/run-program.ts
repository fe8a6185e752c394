/** Another program in the place of ours: on the same terminal, with the same input and output. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { causeOf, RosError } from '../lib/errors.ts';

/**
 * Runs it to its end and gives its exit code, 128 and the signal's number when one ended it. Ctrl-C is the terminal's word
 * to both: it is for the program to act on. (`process.execve` would leave it pipes that do not block, and signals ignored.)
 */
export function runProgram(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env });
    const relay = (signal: NodeJS.Signals): void => { child.kill(signal); };
    const ignore = (): void => undefined;
    const end = (): void => {
      for (const name of ['SIGTERM', 'SIGHUP'] as const) process.removeListener(name, relay);
      for (const name of ['SIGINT', 'SIGQUIT'] as const) process.removeListener(name, ignore);
    };
    for (const name of ['SIGTERM', 'SIGHUP'] as const) process.on(name, relay);
    for (const name of ['SIGINT', 'SIGQUIT'] as const) process.on(name, ignore);
    child.on('error', (error) => { end(); reject(new RosError('ERR_ROS_EXEC', `cannot run program "${program}": ${reasonOf(error)}`, { cause: error })); });
    child.on('close', (code, signal) => { end(); resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])); });
  });
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'there is no such program';
  return error.code === 'EACCES' ? 'it may not be run' : causeOf(error);
}
