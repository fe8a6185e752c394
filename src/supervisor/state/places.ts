/** What is kept on the state partition, and how that is told. Pure. */
import type { StateSetting } from '../../config/index.ts';
import { isBelow } from '../../sys/mountinfo.ts';
import type { StateInfo } from '../machine.ts';

/** A directory that is a folder of the state partition, bind-mounted to its place, or else in RAM. */
export interface Place { readonly path: string; readonly mode: number; readonly isKept: boolean }

export const systemDocker = '/var/lib/system-docker';

/** What survives a reboot, as RancherOS kept it. */
const persistent: readonly Omit<Place, 'isKept'>[] = [
  { path: '/home', mode: 0o755 },
  { path: '/opt', mode: 0o755 },
  { path: '/var/lib/rancher', mode: 0o755 },
  { path: '/var/lib/rancher/conf', mode: 0o700 },
  { path: systemDocker, mode: 0o710 },
  { path: '/var/lib/user-docker', mode: 0o710 },
  { path: '/var/lib/kubelet', mode: 0o755 },
  { path: '/var/log', mode: 0o755 },
  { path: '/var/etc/docker', mode: 0o755 },
];
/** The images, volumes and containers of the machine's user. */
const dataAlways = '/var/lib/user-docker';

/** What users and their containers fill; the rest is the system's. */
export const ofUsers: readonly string[] = ['/home', '/opt', dataAlways];

/** Of the files that a disk can hold: nine of ten, and some thousands are enough for the system on a large one. */
export function filesOfUsers(files: number): number { return files - Math.min(Math.floor(files / 10), 65_536); }

/** Every place there has to be, in an order in which they can be made. */
export function placesOf({ mode, dataDirectories }: Pick<StateSetting, 'mode' | 'dataDirectories'>): Place[] {
  const kept = mode === 'data' ? [dataAlways, ...dataDirectories] : [];
  const isKept = (path: string): boolean => mode === 'disk' || (mode === 'data' && kept.some((folder) => isBelow(path, folder)));
  const known = persistent.map((place): Place => ({ ...place, isKept: isKept(place.path) }));
  const chosen = kept.filter((path) => !known.some((place) => place.path === path)).map((path): Place => ({ path, mode: 0o755, isKept: true }));
  return [...known, ...chosen].sort((a, b) => a.path.split('/').length - b.path.split('/').length);
}

/** Those that need a mount of their own: a folder of one that is kept comes along with it. */
export function mountedPlaces(places: readonly Place[]): Place[] {
  const kept = places.filter((place) => place.isKept);
  return kept.filter(({ path }) => !kept.some((other) => other.path !== path && isBelow(path, other.path)));
}

/** What System Docker needs to start its containers, which are made anew from the root image. */
const systemNeedsBytes = 32 * 2 ** 20;

/** Whether a disk has no room for that: then it is in RAM for this boot, so that there is a console to clean up from. */
export function isFull({ bfree, bsize, files, ffree }: { readonly bfree: number; readonly bsize: number; readonly files: number; readonly ffree: number }): boolean {
  return bfree * bsize < systemNeedsBytes || (files > 0 && ffree < 1000);
}

/** Whether what lies at a path survives a reboot. */
export function keeps({ kind, directories }: StateInfo, path: string): boolean {
  return kind === 'disk' || (directories ?? []).some((folder) => isBelow(path, folder));
}

/** What is said at login of a machine that forgets; undefined when it keeps everything. */
export function forgetsSentence({ kind, device, directories, note }: StateInfo): string | undefined {
  if (kind === 'disk') return undefined;
  const why = note === undefined ? '' : ` (${note})`;
  if (directories !== undefined) return `Only ${directories.join(', ')} survive${directories.length === 1 ? 's' : ''} a reboot, on ${device ?? 'the state disk'}: everything else of this machine is in RAM.${why}`;
  return `This machine runs from RAM: nothing survives a reboot, neither configuration nor images, containers, volumes, homes and logs.${why}`;
}
