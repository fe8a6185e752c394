/** The mounts that a process sees, with what each shows: more than /proc/mounts says. */
import { readTextFile } from './files.ts';

const limit = 4 * 1024 * 1024;

export interface MountPoint {
  /** `major:minor` of the file system. */
  readonly device: string;
  /** The folder of the file system that is mounted here. */
  readonly root: string;
  readonly point: string;
  /** Of this mount, without those of the file system as a whole. */
  readonly options: readonly string[];
  readonly type: string;
}

/** Of a process; undefined when it has gone. */
export async function mountPoints(pid: number | 'self'): Promise<MountPoint[] | undefined> {
  const text = await readTextFile(`/proc/${pid}/mountinfo`, limit).catch(() => undefined);
  return text === undefined || text === '' ? undefined : parseMountinfo(text);
}

/** Parses /proc/PID/mountinfo: six fields, any number of tags, a dash, three fields. */
export function parseMountinfo(text: string): MountPoint[] {
  return text.split('\n').filter((line) => line !== '').map((line) => {
    const fields = line.split(' ').map(unescapeOctal);
    const [, , device = '', root = '', point = '', options = ''] = fields;
    return { device, root, point, options: options.split(','), type: fields[fields.indexOf('-', 6) + 1] ?? '' };
  });
}

/** The mount in force at a path: of those that cover it the longest, and of several at one point the last. */
export function mountAt(path: string, mounts: readonly MountPoint[]): MountPoint | undefined {
  let found: MountPoint | undefined;
  for (const mount of mounts) if (isBelow(path, mount.point) && (found === undefined || mount.point.length >= found.point.length)) found = mount;
  return found;
}

/** Whether a path is another one or lies below it. */
export function isBelow(path: string, folder: string): boolean { return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`); }

/** Where a path lies: in which file system, and under which name there. */
export function placeOf(path: string, mounts: readonly MountPoint[]): { readonly device: string; readonly path: string } | undefined {
  const mount = mountAt(path, mounts);
  if (mount === undefined) return undefined;
  const rest = mount.point === '/' ? path : path.slice(mount.point.length);
  return { device: mount.device, path: `${mount.root === '/' ? '' : mount.root}${rest}` || '/' };
}

/** Blanks and the like are octal there. */
function unescapeOctal(field: string): string { return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))); }
