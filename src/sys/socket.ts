/** Unix sockets: waiting for one without asking again and again (its file's appearance is an event), and for life behind one. */
import { watch } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, dirname } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { RosError } from '../lib/errors.ts';
import { exists } from './files.ts';

/** Between two looks, in case an event was lost: the directory may be replaced by a mount. */
const lookEveryMs = 2000;

/** Resolves when there is a file at `path`; rejects after `timeoutMs`, or when `giveUp` resolves before. */
export async function awaitSocket(path: string, clock: Clock, timeoutMs: number, giveUp: Promise<unknown> = new Promise(() => undefined)): Promise<void> {
  const deadlineMs = clock.uptimeMs() + timeoutMs;
  let ended = false;
  void giveUp.then(() => { ended = true; });
  await mkdir(dirname(path), { recursive: true });
  while (!(await exists(path))) {
    if (ended) return; // who gave up knows why
    if (clock.uptimeMs() > deadlineMs) throw new RosError('ERR_ROS_TIMEOUT', `cannot wait for socket "${path}": it is not there after ${timeoutMs / 1000} s`);
    const watcher = watch(dirname(path));
    const appeared = new Promise<void>((resolve) => {
      watcher.on('change', (_kind, name) => { if (name === basename(path)) resolve(); });
      watcher.on('error', () => { resolve(); });
    });
    if (!(await exists(path))) await Promise.race([appeared, giveUp, clock.sleep(lookEveryMs)]);
    watcher.close();
  }
}

/**
 * Resolves when whoever listens at `path` says something, whatever it is; rejects after `timeoutMs`. For servers that speak
 * first, as those of gRPC do: HTTP/2 settings. A connection alone proves nothing: the kernel makes it for a process that hangs.
 */
export function awaitFirstWord(path: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const fail = (cause: string): void => { reject(new RosError('ERR_ROS_SOCKET', `cannot talk to socket "${path}": ${cause}`)); };
    socket.setTimeout(timeoutMs, () => { socket.destroy(); fail(`silent for ${timeoutMs / 1000} s`); });
    socket.once('data', () => { socket.destroy(); resolve(); });
    socket.once('error', (error) => { fail(error.message); });
    socket.once('close', () => { fail('closed without a word'); });
  });
}
