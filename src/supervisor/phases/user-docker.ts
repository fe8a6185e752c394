/** User Docker: its container brings it up; here it is only awaited. */
import { readlink, symlink, unlink, writeFile } from 'node:fs/promises';
import { causeOf } from '../../lib/errors.ts';
import { waitFor } from '../../lib/wait.ts';
import { awaitSocket } from '../../sys/socket.ts';
import { paths, type Machine } from '../machine.ts';

const readyTimeoutMs = 180_000;
const link = '/run/docker.sock';

/** The user plane's share of the processors, of 100 each that the system and the supervisor have. */
const weight = { starting: 400, running: 100 } as const;

export async function awaitUserDocker(machine: Machine): Promise<void> {
  await linkSocket();
  // Its start is one long chain of small programs, the longest of the boot; everything else has others to run beside.
  await setWeight(machine, weight.starting);
  try {
    await untilReady(machine);
  } finally {
    await setWeight(machine, weight.running);
  }
}

async function untilReady(machine: Machine): Promise<void> {
  await awaitSocket(paths.userSocket, machine.clock, readyTimeoutMs);
  // The daemon listens early and answers when it is ready, so one ping mostly does.
  await waitFor(() => machine.userEngine.ping(60_000), { clock: machine.clock, what: 'User Docker to answer', timeoutMs: readyTimeoutMs, pauseMs: 500 });
  machine.timeline.milestone('userDocker');
}

async function setWeight({ log }: Machine, value: number): Promise<void> {
  await writeFile(`${paths.userCgroup}/cpu.weight`, String(value)).catch((error: unknown) => { log.warn(`user-docker: cannot set its share of the processors: ${causeOf(error)}`); });
}

/** /var/run/docker.sock is where every client looks; the socket itself lies in a directory that User Docker can write to. */
async function linkSocket(): Promise<void> {
  if ((await readlink(link).catch(() => undefined)) === paths.userSocket) return;
  await unlink(link).catch(() => undefined);
  await symlink(paths.userSocket, link);
}
