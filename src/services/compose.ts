/** What Compose and RancherOS files may say that a container's settings do not have: looked up, resolved, made plain. Pure. */
import { dirname, resolve } from 'node:path';
import { RosError } from '../lib/errors.ts';

/**
 * RancherOS's volume containers, which service files name in `volumes_from`. Here they are no containers but what they
 * stood for, at the places where this system keeps it.
 */
const volumeSets: Readonly<Record<string, readonly string[]>> = {
  'command-volumes': ['/usr/bin/ros:/usr/bin/ros:ro', '/usr/bin/docker:/usr/bin/system-docker:ro'],
  'system-volumes': [
    '/dev:/host/dev', '/var/etc/docker:/etc/docker', '/run/etc/hosts:/etc/hosts', '/run/etc/resolv.conf:/etc/resolv.conf',
    '/etc/ssl/certs/ca-certificates.crt:/etc/ssl/certs/ca-certificates.crt:ro', '/usr/lib/modules:/lib/modules:ro', '/run:/run',
    '/usr/share/ros:/usr/share/ros:ro', '/var/lib/rancher:/var/lib/rancher', '/var/log:/var/log', '/run:/var/run',
  ],
  'container-data-volumes': ['/var/lib/user-docker:/var/lib/docker'],
  'user-volumes': ['/home:/home', '/opt:/opt', '/var/lib/kubelet:/var/lib/kubelet'],
  'media-volumes': ['/media:/media:shared', '/mnt:/mnt:shared'],
};
const allSets = Object.keys(volumeSets);

/** The volumes of RancherOS's sets among `names`, and the names of real services that are left. */
export function expandVolumesFrom(names: readonly string[]): { readonly volumes: readonly string[]; readonly from: readonly string[] } {
  const sets = names.flatMap((name) => (name === 'all-volumes' ? allSets : Object.hasOwn(volumeSets, name) ? [name] : []));
  return { volumes: sets.flatMap((name) => volumeSets[name] ?? []), from: names.filter((name) => name !== 'all-volumes' && !Object.hasOwn(volumeSets, name)) };
}

/**
 * `environment` with the values of `rancher.environment` in their places: `X` takes X's value and is dropped when there is
 * none, `X*` takes every name that begins so. In a map an entry without a value is such a bare name.
 */
export function fillEnvironment(environment: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (Array.isArray(environment)) return environment.flatMap((entry: unknown) => (typeof entry === 'string' && !entry.includes('=') ? named(entry, variables) : [entry]));
  if (typeof environment !== 'object' || environment === null) return environment;
  return Object.fromEntries(Object.entries(environment).flatMap(([name, value]): [string, unknown][] => {
    if (value !== null) return [[name, value]];
    return variables[name] === undefined ? [] : [[name, variables[name]]];
  }));
}

function named(entry: string, variables: Readonly<Record<string, string>>): string[] {
  const names = entry.endsWith('*') ? Object.keys(variables).filter((name) => name.startsWith(entry.slice(0, -1))).sort() : [entry];
  return names.filter((name) => variables[name] !== undefined).map((name) => `${name}=${variables[name]}`);
}

export interface FileReference { readonly source: string; readonly target?: string | undefined }

/**
 * `configs` or `secrets` of a service as read-only binds. The files of `declared` are looked for beside the service file
 * and must not lie outside its folder: a service file from elsewhere cannot ask for any file of the machine.
 */
export function fileBinds(kind: 'configs' | 'secrets', wanted: readonly FileReference[], declared: Readonly<Record<string, string>>, origin: string): string[] {
  const folder = dirname(resolve('/', origin));
  return wanted.map(({ source, target }) => {
    const file = declared[source];
    if (file === undefined) throw new RosError('ERR_ROS_MANIFEST', `${kind}: "${source}" is not among the ${kind} of the file`);
    const path = resolve(folder, file);
    if (!path.startsWith(`${folder}/`)) throw new RosError('ERR_ROS_MANIFEST', `${kind}: the file "${file}" of "${source}" is outside of "${folder}"`);
    return `${path}:${target === undefined ? defaultTarget(kind, source) : resolve(kind === 'secrets' ? '/run/secrets' : '/', target)}:ro`;
  });
}

function defaultTarget(kind: 'configs' | 'secrets', name: string): string { return kind === 'secrets' ? `/run/secrets/${name}` : `/${name}`; }
