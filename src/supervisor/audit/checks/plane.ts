/** The line between the two planes: root of a user container is nobody on the machine. */
import { isBelow, placeOf, type MountPoint } from '../../../sys/mountinfo.ts';
import { fail, listed, nothing, pass, unknown, weight, type Check } from '../check.ts';
import type { DaemonFacts } from '../facts.ts';

const back = 'sudo ros config set rancher.docker.isolation plane, then sudo ros config apply';
const noDaemon = unknown('User Docker does not run');
/** Below are the machine's own ids. */
const firstPlaneId = 100_000;
/** What no user container may see a file of. */
const systemFolders = ['/var/lib/rancher', '/var/lib/system-docker', '/var/log', '/run/ros', '/run/system-docker', '/etc', '/usr/bin/ros'] as const;
/** Files of these the plane is given on purpose. */
const given = ['/var/etc/docker', '/run/ros/user-engine', '/run/etc', '/etc/containerd'] as const;

/** Below /sys/fs/cgroup, and what is wrong with a value. `max` is no limit; a kernel says 0 where nothing is kept. */
export const floors: Readonly<Record<string, (value: string) => boolean>> = {
  'user/pids.max': (value) => value !== 'max',
  'user/memory.max': (value) => value !== 'max',
  'system/memory.min': (value) => value !== '0',
  'init/memory.min': (value) => value !== '0',
};

export const planeChecks: readonly Check[] = [
  {
    id: 'plane.isolation', title: 'User Docker is told to be isolated', weight: weight.vital, looked: 'ISOLATION in the environment of the container docker, which is rancher.docker.isolation',
    judge: ({ plane: { isolation } }) => (isolation === undefined ? noDaemon : isolation === 'plane' ? pass('plane') : fail(`${isolation}: root of a privileged user container is root of this machine`, back)),
  },
  {
    id: 'plane.namespaces', title: 'User Docker has namespaces of its own', weight: weight.vital, looked: '/proc/PID/ns of User Docker\'s dockerd and of the supervisor, which are the machine\'s',
    judge: ({ plane: { daemon } }) => {
      if (daemon === undefined) return noDaemon;
      return nothing(daemon.shared.map((kind) => `process ${daemon.pid} shares the machine's ${kind} namespace`), 'fail', `process ${daemon.pid} shares none: user, mnt, net, pid, ipc, uts, cgroup`, back);
    },
  },
  {
    id: 'plane.ids', title: 'Root of a user container is nobody on the machine', weight: weight.vital, looked: '/proc/PID/uid_map and gid_map of User Docker\'s dockerd',
    judge: ({ plane: { daemon } }) => {
      if (daemon === undefined) return noDaemon;
      const wrong = (['uidMap', 'gidMap'] as const).filter((name) => !mapsAway(daemon[name]));
      return nothing(wrong.map((name) => `${name === 'uidMap' ? 'uid' : 'gid'}s "${daemon[name].trim().replaceAll(/\s+/g, ' ')}" are the machine's own`), 'fail', `"${daemon.uidMap.trim().replaceAll(/\s+/g, ' ')}"`, back);
    },
  },
  {
    id: 'plane.processes', title: 'No process of the user plane is the machine\'s root', weight: weight.vital, looked: '/proc/PID/ns/user of every process below the control group /user/plane',
    judge: ({ plane: { processes, rootProcesses } }) => (processes === 0 ? noDaemon : nothing(rootProcesses.map(({ pid, name }) => `process ${pid} (${name})`), 'fail', `${processes} processes, each in another user namespace than the machine's`, back)),
  },
  {
    id: 'plane.files', title: 'The user plane does not see the system\'s files', weight: weight.vital, looked: '/proc/PID/mountinfo of User Docker\'s dockerd',
    judge: ({ plane: { daemon }, mounts }) => {
      if (daemon === undefined) return noDaemon;
      const seen = exposed(daemon, mounts);
      return nothing(seen.map(({ folder, point }) => `${folder} by way of ${point}`), 'fail', `${daemon.mounts.length} mounts, none of them shows ${listed(systemFolders)}`, back);
    },
  },
  {
    id: 'plane.floors', title: 'User containers cannot take all memory and processes', weight: weight.important, looked: `/sys/fs/cgroup: ${Object.keys(floors).join(', ')}`,
    judge: ({ plane: { floors: values } }) => {
      const wrong = Object.entries(floors).filter(([name, isGood]) => !isGood(values[name] ?? 'absent') || values[name] === undefined).map(([name]) => `${name} is ${values[name] ?? 'not there'}`);
      return nothing(wrong, 'fail', listed(Object.entries(values).map(([name, value]) => `${name} ${value ?? ''}`)), 'a restart of the service docker sets them: sudo ros service restart docker');
    },
  },
];

/** Whether no id inside is one of the machine's own. Lines `inside outside count`. */
export function mapsAway(map: string): boolean {
  const lines = map.split('\n').filter((line) => line.trim() !== '');
  return lines.length > 0 && lines.every((line) => Number(line.trim().split(/\s+/)[1]) >= firstPlaneId);
}

/** Folders of the system of which a mount of the plane shows something. What counts is the place in the file system, whatever it is called in the plane. */
function exposed({ mounts: planeMounts }: DaemonFacts, own: readonly MountPoint[]): { readonly folder: string; readonly point: string }[] {
  const allowed = given.flatMap((folder) => placeOf(folder, own) ?? []);
  return systemFolders.flatMap((folder) => {
    const place = placeOf(folder, own);
    if (place === undefined) return [];
    const seen = planeMounts.find(({ device, root }) => device === place.device && (isBelow(place.path, root) || isBelow(root, place.path))
      && !allowed.some((one) => one.device === device && isBelow(root, one.path)));
    return seen === undefined ? [] : [{ folder, point: seen.point }];
  });
}
