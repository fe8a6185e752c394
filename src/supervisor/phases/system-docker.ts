/** System Docker, the engine under everything: a containerd that holds the containers, and a dockerd that uses it. */
import { mkdir, rename, rm } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { plainSet, systemDockerChoice, type EngineChoice, type EngineSet, type Settings } from '../../config/index.ts';
import { causeOf, RosError } from '../../lib/errors.ts';
import { exists } from '../../sys/files.ts';
import { awaitFirstWord } from '../../sys/socket.ts';
import { keepAsGood, lastGood, shortCause, tellEngine, trySet, unusedOptions, validateWith } from '../engine-sets.ts';
import { paths, type Machine } from '../machine.ts';
import { attachSystemImages } from './system-images.ts';

const containerdSocket = '/run/system-docker/containerd/containerd.sock';

/**
 * Not dockerd's own: this one outlives dockerd, starts beside the first phases, and has settings of ours, which are in
 * image/root/etc/containerd (docs/adr/0006). What it stores is in /run: dockerd tells it everything anew in every boot.
 */
export const systemContainerd = {
  name: 'containerd',
  program: '/usr/bin/containerd',
  args: () => ['--config', '/etc/containerd/config.toml', '--address', containerdSocket, '--root', '/run/system-docker/containerd/root', '--state', '/run/system-docker/containerd/state'],
  socketPath: containerdSocket,
  pidFile: '/run/system-docker/containerd/containerd.pid',
  writesPidFile: false,
  logFile: '/run/system-docker/containerd.log',
  cgroup: `${paths.systemCgroup}/engine`,
  answers: (timeoutMs: number) => awaitFirstWord(containerdSocket, timeoutMs),
} as const;

/** `set`: what it is started with besides, asked for at every start. */
export const systemDockerd = (set: () => EngineSet) => ({
  name: 'system-docker',
  program: '/usr/sbin/dockerd',
  socketPath: paths.systemSocket,
  pidFile: '/run/system-docker.pid',
  writesPidFile: true,
  logFile: '/var/log/system-docker.log',
  cgroup: `${paths.systemCgroup}/engine`,
  args: () => [...systemFlags, ...set().flags],
  environment: () => set().environment,
}) as const;

const systemFlags: readonly string[] = [
  '--host', `unix://${paths.systemSocket}`, '--group', 'root', '--containerd', containerdSocket,
  '--data-root', paths.systemData, '--exec-root', '/run/system-docker', '--pidfile', '/run/system-docker.pid',
  // The usual file, /etc/docker/daemon.json, is User Docker's: a word in it could keep this one from starting.
  '--config-file', '/dev/null',
  // System containers use the host's network or none: no bridge, no NAT, nothing in the host's firewall.
  '--bridge', 'none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false', '--userland-proxy=false',
  // Containers outlive the daemon: its death must cost nothing but the time to start it again.
  '--live-restore',
  '--storage-driver', 'overlay2', '--exec-opt', 'native.cgroupdriver=cgroupfs', '--cgroup-parent', '/system',
  '--log-level', 'warn',
];

const stopTimeoutMs = 20_000;

/** Early: it needs nothing of the configuration or the disk, and takes longer to start than both take to be read. */
export async function launchContainerd(machine: Machine): Promise<void> {
  await mkdir('/run/system-docker/containerd', { recursive: true, mode: 0o711 });
  await machine.containerd.launch();
}

export async function startSystemDocker(machine: Machine): Promise<void> {
  // A daemon that runs knows its images already, and would not see what is written behind its back.
  const runs = await machine.systemDocker.isRunning();
  await Promise.all([chooseSet(machine, runs), ...(runs ? [] : [attachSystemImages(machine)])]);
  await machine.containerd.start();
  const how = await startWithSomeSet(machine);
  machine.timeline.milestone('systemDocker');
  machine.log.info(`engine[system-docker]: ${how}`);
}

/** One that runs has the last set that worked, whatever the configuration says by now. */
async function chooseSet(machine: Machine, runs: boolean): Promise<void> {
  const choice = systemDockerChoice(machine.settings);
  const last = await lastGood('system-docker') ?? plainSet;
  const tried = runs ? { ...choice, set: last } : await trySet(choice, last, plainSet, validateWith(() => systemFlags));
  machine.systemDockerSet = tried.set;
  tellEngine(machine, 'system-docker', tried);
}

/** With the set of the configuration, else with the last that worked, else with none: the machine needs this engine more than its options. */
async function startWithSomeSet(machine: Machine, mayHeal = true): Promise<'adopted' | 'started'> {
  const wanted = machine.systemDockerSet;
  const sets = [wanted, await lastGood('system-docker') ?? plainSet, plainSet].filter((set, index, all) => all.findIndex((other) => isDeepStrictEqual(other, set)) === index);
  let failure: unknown;
  for (const set of sets) {
    machine.systemDockerSet = set;
    try {
      const how = await machine.systemDocker.start();
      if (set === wanted) await keepAsGood('system-docker', set, plainSet).catch((error: unknown) => { machine.log.warn(`engine[system-docker]: ${causeOf(error)}`); });
      else tellEngine(machine, 'system-docker', { refused: systemDockerChoice(machine.settings).refused, problem: shortCause(causeOf(failure), wanted) });
      return how;
    } catch (error) {
      failure ??= error;
      machine.log.error(`engine[system-docker]: ${shortCause(causeOf(error), set)}`);
    }
  }
  if (!mayHeal || !await setAsideBuildCache(machine)) throw failure;
  machine.systemDockerSet = wanted;
  return startWithSomeSet(machine, false);
}

/**
 * BuildKit writes its databases without waiting for the disk, and what a power cut leaves of them can make dockerd panic at every
 * start. It is only a cache.
 */
async function setAsideBuildCache(machine: Machine): Promise<boolean> {
  const cache = `${paths.systemData}/buildkit`;
  if (!await exists(cache)) return false;
  await rm(`${cache}.damaged`, { recursive: true, force: true });
  await rename(cache, `${cache}.damaged`);
  machine.log.warn(`engine[system-docker]: does not start: build cache set aside to ${cache}.damaged`);
  return true;
}

/** Brings the running engine to what `after` says; what it does not start with is undone. */
export async function applySystemDocker(machine: Machine, _before: Settings, after: Settings): Promise<void> {
  const choice = systemDockerChoice(after);
  const now = machine.systemDockerSet;
  const tried = await trySet(choice, now, plainSet, validateWith(() => systemFlags));
  tellEngine(machine, 'system-docker', tried);
  if (tried.problem !== undefined) throw notTaken(tried.problem);
  if (!isDeepStrictEqual(tried.set, now)) await changeOver(machine, choice, tried.set);
  const unused = unusedOptions(choice, tried);
  if (unused !== undefined) throw notTaken(unused);
}

async function changeOver(machine: Machine, choice: EngineChoice, set: EngineSet): Promise<void> {
  const now = machine.systemDockerSet;
  machine.systemDockerSet = set;
  try {
    await machine.systemDocker.restart();
  } catch (error) {
    // Set before anything is awaited: the next start, which is under way, takes it.
    machine.systemDockerSet = now;
    const problem = shortCause(causeOf(error), set);
    tellEngine(machine, 'system-docker', { refused: choice.refused, problem });
    await machine.systemDocker.nextStart();
    throw notTaken(problem);
  }
  await keepAsGood('system-docker', set, plainSet);
}

function notTaken(problem: string): RosError {
  return new RosError('ERR_ROS_ENGINE_OPTIONS', `cannot use the options of "rancher.system_docker": ${problem}`, { hint: 'System Docker goes on with those that work; its log is /var/log/system-docker.log' });
}

export async function stopSystemDocker(machine: Machine): Promise<void> {
  await machine.systemDocker.stop(stopTimeoutMs);
  await machine.containerd.stop(stopTimeoutMs);
}
