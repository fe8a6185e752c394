/** System Docker: the engine under everything. */
import { mkdir, rm } from 'node:fs/promises';
import { tryRun } from '../../sys/exec.ts';
import { exists } from '../../sys/files.ts';
import { paths, type Machine } from '../machine.ts';
import { imagesStamp } from './system-images.ts';

export const systemDockerd = {
  program: '/usr/sbin/dockerd',
  pidFile: '/run/system-docker.pid',
  logFile: '/var/log/system-docker.log',
  cgroup: `${paths.systemCgroup}/engine`,
  args: [
    '--host', `unix://${paths.systemSocket}`, '--group', 'root',
    '--data-root', paths.systemData, '--exec-root', '/run/system-docker', '--pidfile', '/run/system-docker.pid',
    // System containers use the host's network or none: no bridge, no NAT, nothing in the host's firewall.
    '--bridge', 'none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false', '--userland-proxy=false',
    // Containers outlive the daemon: its death must cost nothing but the time to start it again.
    '--live-restore',
    '--storage-driver', 'overlay2', '--exec-opt', 'native.cgroupdriver=cgroupfs', '--cgroup-parent', '/system',
    '--log-level', 'warn',
  ],
} as const;

const stopTimeoutMs = 20_000;

export async function startSystemDocker(machine: Machine): Promise<void> {
  await dropInterruptedLoad(machine);
  const how = await machine.systemDocker.start();
  machine.timeline.milestone('systemDocker');
  machine.log.info(`engine[system-docker]: ${how}`);
}

/**
 * A data root without a stamp is that of a first boot which never came to the end of loading: its layers may be cut
 * short by a power failure, and Docker would take them for whole. Nothing of worth is in it yet, so it starts anew.
 */
async function dropInterruptedLoad(machine: Machine): Promise<void> {
  const running = await exists(paths.systemSocket) && await machine.systemEngine.ping(1000).then(() => true, () => false);
  if (running || (await exists(imagesStamp)) || !(await exists(`${paths.systemData}/overlay2`))) return;
  machine.log.warn('engine[system-docker]: the last boot ended before its images were loaded, starting with an empty data root');
  for (const name of ['overlay2', 'image', 'containers', 'containerd', 'volumes', 'buildkit', 'network', 'plugins', 'runtimes', 'swarm', 'tmp']) {
    await rm(`${paths.systemData}/${name}`, { recursive: true, force: true });
  }
  await mkdir(paths.systemData, { recursive: true });
  await tryRun('sync', []);
}

export async function stopSystemDocker(machine: Machine): Promise<void> {
  await machine.systemDocker.stop(stopTimeoutMs);
}
