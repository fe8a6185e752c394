/** The machine's consoles, for a person who stands before one: the screen and the serial lines that the kernel was given. */
import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:fs';
import { open, writeFile, type FileHandle } from 'node:fs/promises';
import { readTextFile } from './files.ts';

/** tty0 is whichever screen is shown; people and gettys use the first. */
async function consoleDevices(): Promise<string[]> {
  const active = (await readTextFile('/sys/class/tty/console/active', 4096).catch(() => undefined))?.trim().split(/\s+/) ?? [];
  const names = [...new Set(active.map((name) => (name === 'tty0' ? 'tty1' : name)))].filter((name) => name !== '');
  return names.length === 0 ? ['/dev/console'] : names.map((name) => `/dev/${name}`);
}

/** Those that can be opened: a serial port that the kernel was given may not be there. They never become the supervisor's own terminal. */
async function openConsoles(): Promise<FileHandle[]> {
  const opened = await Promise.all((await consoleDevices()).map((device) => open(device, constants.O_RDWR | constants.O_NOCTTY).catch(() => undefined)));
  return opened.filter((console) => console !== undefined);
}

async function withConsoles<T>(use: (consoles: readonly FileHandle[]) => Promise<T>): Promise<T> {
  const consoles = await openConsoles();
  try { return await use(consoles); } finally { await Promise.all(consoles.map((console) => console.close().catch(() => undefined))); }
}

/** Writes on every console, also where the kernel's log is kept off them. Never rejects. */
export async function tellConsoles(text: string): Promise<void> {
  await withConsoles(async (consoles) => { await Promise.all(consoles.map((console) => console.write(text).catch(() => undefined))); });
}

const printk = '/proc/sys/kernel/printk';

/** Keeps the kernel's log, and so ours, off the consoles while somebody types there. Returns how to let it on again. */
export async function quietConsoles(): Promise<() => Promise<void>> {
  const before = (await readTextFile(printk, 64).catch(() => undefined))?.trim();
  await writeFile(printk, '1').catch(() => undefined);
  return async () => { if (before !== undefined) await writeFile(printk, before.split(/\s+/)[0] ?? '7').catch(() => undefined); };
}

/** `read` restores the terminal by itself, also when it is told to end. */
const asking = `trap 'exit 1' TERM
printf '%s' "$1"
if [ "$2" = hidden ]; then IFS= read -rst "$3" answer; else IFS= read -rt "$3" answer; fi || exit 1
[ "$2" != hidden ] || echo
printf '%s' "$answer" >&3`;

export interface Question { readonly prompt: string; readonly isHidden: boolean; readonly timeoutMs: number }

/** Asks on all consoles for a line; the first that is entered counts. Undefined when there is none in time. */
export function askConsoles({ prompt, isHidden, timeoutMs }: Question): Promise<string | undefined> {
  return withConsoles(async (consoles) => {
    const children: ChildProcess[] = [];
    const answers = consoles.map(({ fd }) => new Promise<string>((resolve, reject) => {
      const child = spawn('/bin/sh', ['-c', asking, 'sh', prompt, isHidden ? 'hidden' : 'shown', String(Math.ceil(timeoutMs / 1000))], { stdio: [fd, fd, fd, 'pipe'], env: { PATH: '/usr/bin:/bin' } });
      children.push(child);
      let answer = '';
      child.stdio[3]?.on('data', (chunk: Buffer) => { answer += chunk.toString('utf8'); });
      child.on('error', reject);
      child.on('close', (code) => { if (code === 0) resolve(answer); else reject(new Error('no answer')); });
    }));
    try {
      return await Promise.any(answers).catch(() => undefined);
    } finally {
      for (const child of children) child.kill('SIGTERM');
      await Promise.allSettled(answers);
    }
  });
}

const nobodyMs = 1000;

/**
 * A shell on each console after `text`, or `program` in its place; ends when somebody leaves one of them, and the others with it.
 * False: there is no console to have one on.
 */
export function consoleShells(text: string, program: readonly string[] = ['/bin/sh', '-l']): Promise<boolean> {
  return withConsoles(async (consoles) => {
    if (consoles.length === 0) return false;
    const letOn = await quietConsoles();
    await Promise.all(consoles.map((console) => console.write(text).catch(() => undefined)));
    const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', TERM: 'linux', SUSHELL: '/bin/sh' };
    const shells = consoles.map(({ fd }) => spawn('/bin/setsid', ['-c', ...program], { stdio: [fd, fd, fd], cwd: '/', env: environment }));
    const startedAt = performance.now();
    // One that ends at once had nobody before it: a serial port that is not there.
    const ends = shells.map((shell) => new Promise<void>((resolve, reject) => {
      shell.on('error', reject);
      shell.on('exit', () => { if (performance.now() - startedAt > nobodyMs) resolve(); else reject(new Error('no terminal')); });
    }));
    try {
      await Promise.any(ends).catch(() => undefined);
    } finally {
      // A hangup, as from a line that is cut: what the shell runs goes with it.
      for (const { pid } of shells) if (pid !== undefined) try { process.kill(-pid, 'SIGHUP'); } catch { /* it has gone */ }
      await letOn();
    }
    return true;
  });
}
