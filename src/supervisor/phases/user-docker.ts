/** User Docker: its container brings it up; here it is only awaited. */
import { readlink, symlink, unlink } from 'node:fs/promises';
import { causeOf } from '../../lib/errors.ts';
import { waitFor } from '../../lib/wait.ts';
import { awaitSocket } from '../../sys/socket.ts';
import { applyFloors, setWeights, watchSpace } from '../floors.ts';
import { preloadUserImages } from './preload.ts';
import { paths, type Machine } from '../machine.ts';
import { watchOutOfMemory } from '../out-of-memory.ts';
import { adoptIsolation } from '../plane-mode.ts';
import { prepareUserDocker, settleUserDocker } from '../user-engine.ts';

const readyTimeoutMs = 180_000;
const retryMs = 5000;
const loginFirstMs = 15_000;
const link = '/run/docker.sock';

/** What its daemon is to be started with, for the plane to find. Never throws: without it, the daemon has what the system sets. */
export async function handOutUserDockerOptions(machine: Machine): Promise<void> {
  watchOutOfMemory(machine);
  await applyFloors(machine);
  await prepareUserDocker(machine).catch((error: unknown) => { machine.log.error(`user-docker: ${causeOf(error)}`); });
}

export async function awaitUserDocker(machine: Machine): Promise<void> {
  await linkSocket();
  let isReady = false;
  let starting: Promise<void> | undefined;
  // Its start is one long chain of small programs, the longest of the boot; everything else has others to run beside. But first
  // come sshd and the way to it, which are shorter.
  await setWeights(machine, 'login');
  void untilLogin(machine).then(() => { if (!isReady) starting = setWeights(machine, 'starting'); });
  try {
    await untilReady(machine);
  } finally {
    isReady = true;
    await starting; // else the last to write wins, and the system would stay behind the user plane
    await setWeights(machine, 'running');
    adoptIsolation(machine);
    void watchSpace(machine);
  }
}

/** Never rejects: where there is no network, User Docker does not wait for it long. */
async function untilLogin({ services }: Machine): Promise<void> {
  await services.until(() => services.isReady('console') && services.isReady('network'), loginFirstMs, () => 'no login').catch(() => undefined);
}

/**
 * The services of the user scope, from the moment User Docker answers: at boot, and again whenever its event stream has
 * ended. Never throws.
 */
export async function keepUserServices(machine: Machine): Promise<void> {
  if (underWay.has(machine)) return; // a try that fails also tells that the stream has ended
  underWay.add(machine);
  try { await untilUserServices(machine); } finally { underWay.delete(machine); }
}

const underWay = new WeakSet<Machine>();

async function untilUserServices(machine: Machine): Promise<void> {
  const { services, userEngine, clock, log } = machine;
  for (;;) {
    try {
      await awaitSocket(paths.userSocket, clock, readyTimeoutMs);
      await waitFor(() => userEngine.ping(60_000), { clock, what: 'User Docker to answer', timeoutMs: readyTimeoutMs, pauseMs: 500 });
      await preloadUserImages(machine);
      await services.engineUp('user');
      return;
    } catch (error) {
      log.warn(`user-docker: ${causeOf(error)}`);
    }
    await clock.sleep(retryMs);
  }
}

async function untilReady(machine: Machine): Promise<void> {
  await awaitSocket(paths.userSocket, machine.clock, readyTimeoutMs);
  // The daemon listens early and answers when it is ready, so one ping mostly does.
  await waitFor(() => machine.userEngine.ping(60_000), { clock: machine.clock, what: 'User Docker to answer', timeoutMs: readyTimeoutMs, pauseMs: 500 });
  machine.timeline.milestone('userDocker');
  void settleUserDocker(machine);
  void keepUserServices(machine);
}

/** /var/run/docker.sock is where every client looks; the socket itself lies in a directory that User Docker can write to. */
async function linkSocket(): Promise<void> {
  if ((await readlink(link).catch(() => undefined)) === paths.userSocket) return;
  await unlink(link).catch(() => undefined);
  await symlink(paths.userSocket, link);
}
