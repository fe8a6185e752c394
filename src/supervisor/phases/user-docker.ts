/** User Docker: its container brings it up; here it is only awaited. */
import { readlink, symlink, unlink } from 'node:fs/promises';
import { waitFor } from '../../lib/wait.ts';
import { awaitSocket } from '../../sys/socket.ts';
import { paths, type Machine } from '../machine.ts';

const readyTimeoutMs = 180_000;
const link = '/run/docker.sock';

export async function awaitUserDocker(machine: Machine): Promise<void> {
  await linkSocket();
  await awaitSocket(paths.userSocket, machine.clock, readyTimeoutMs);
  // The daemon listens early and answers when it is ready, so one ping mostly does.
  await waitFor(() => machine.userEngine.ping(60_000), { clock: machine.clock, what: 'User Docker to answer', timeoutMs: readyTimeoutMs, pauseMs: 500 });
  machine.timeline.milestone('userDocker');
}

/** /var/run/docker.sock is where every client looks; the socket itself lies in a directory that User Docker can write to. */
async function linkSocket(): Promise<void> {
  if ((await readlink(link).catch(() => undefined)) === paths.userSocket) return;
  await unlink(link).catch(() => undefined);
  await symlink(paths.userSocket, link);
}
