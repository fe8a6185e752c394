/** System Docker, the engine under everything: a containerd that holds the containers, and a dockerd that uses it. */
import { mkdir } from 'node:fs/promises';
import { awaitFirstWord } from '../../sys/socket.ts';
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
  args: ['--config', '/etc/containerd/config.toml', '--address', containerdSocket, '--root', '/run/system-docker/containerd/root', '--state', '/run/system-docker/containerd/state'],
  socketPath: containerdSocket,
  pidFile: '/run/system-docker/containerd/containerd.pid',
  writesPidFile: false,
  logFile: '/run/system-docker/containerd.log',
  cgroup: `${paths.systemCgroup}/engine`,
  answers: (timeoutMs: number) => awaitFirstWord(containerdSocket, timeoutMs),
} as const;

export const systemDockerd = {
  name: 'system-docker',
  program: '/usr/sbin/dockerd',
  socketPath: paths.systemSocket,
  pidFile: '/run/system-docker.pid',
  writesPidFile: true,
  logFile: '/var/log/system-docker.log',
  cgroup: `${paths.systemCgroup}/engine`,
  args: [
    '--host', `unix://${paths.systemSocket}`, '--group', 'root', '--containerd', containerdSocket,
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

/** Early: it needs nothing of the configuration or the disk, and takes longer to start than both take to be read. */
export async function launchContainerd(machine: Machine): Promise<void> {
  await mkdir('/run/system-docker/containerd', { recursive: true, mode: 0o711 });
  await machine.containerd.launch();
}

export async function startSystemDocker(machine: Machine): Promise<void> {
  // A daemon that runs knows its images already, and would not see what is written behind its back.
  const runs = await machine.systemDocker.isRunning();
  if (!runs) await attachSystemImages(machine);
  await machine.containerd.start();
  const how = await machine.systemDocker.start();
  machine.timeline.milestone('systemDocker');
  machine.log.info(`engine[system-docker]: ${how}`);
}

export async function stopSystemDocker(machine: Machine): Promise<void> {
  await machine.systemDocker.stop(stopTimeoutMs);
  await machine.containerd.stop(stopTimeoutMs);
}
