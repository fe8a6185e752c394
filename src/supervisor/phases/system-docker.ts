/** System Docker: the engine under everything. */
import { paths, type Machine } from '../machine.ts';
import { attachSystemImages } from './system-images.ts';

export const systemDockerd = {
  program: '/usr/sbin/dockerd',
  socketPath: paths.systemSocket,
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
  // A daemon that runs knows its images already, and would not see what is written behind its back.
  const runs = await machine.systemDocker.isRunning();
  if (!runs) await attachSystemImages(machine);
  const how = await machine.systemDocker.start();
  machine.timeline.milestone('systemDocker');
  machine.log.info(`engine[system-docker]: ${how}`);
}

export async function stopSystemDocker(machine: Machine): Promise<void> {
  await machine.systemDocker.stop(stopTimeoutMs);
}
