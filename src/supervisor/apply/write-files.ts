/**
 * `write_files`: into containers before each of their starts, and into the running ones when the configuration changes. A
 * service with a read-only root gets its files as mounts instead (`withMountedFiles`).
 */
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { FileSetting, Settings } from '../../config/index.ts';
import type { Engine } from '../../engine/engine.ts';
import { causeOf } from '../../lib/errors.ts';
import { readTextFile } from '../../sys/files.ts';
import { packTar, type TarEntry } from '../../sys/tar-pack.ts';
import type { ServiceDefinition } from '../../services/definition.ts';
import { paths, type Machine } from '../machine.ts';
import { ownerIds } from './accounts.ts';
import type { Part } from './part.ts';

/** The files of services with a read-only root, a folder each. */
const mountedRoot = join(paths.run, 'files');
/** What a file is appended to must not be larger. */
const appendLimit = 4 * 1024 * 1024;
const accountsLimit = 1024 * 1024;
const pathsShown = 5;
/** Links in the console; what makes them. */
const machineFiles: Readonly<Record<string, string | undefined>> = { '/etc/hostname': '`hostname`', '/etc/resolv.conf': '`rancher.network.dns`', '/etc/localtime': '`timezone`' };

export const filesPart: Part = {
  name: 'write_files', keys: ['write_files'], effect: 'now',
  of: ({ writeFiles }) => writeFiles,
  what(before, after) {
    const changed = after.writeFiles.filter((file) => !before.writeFiles.some((other) => isDeepStrictEqual(file, other)));
    const named = changed.map(({ path, container }) => (container === 'console' ? path : `${path} (${container})`));
    const gone = before.writeFiles.filter(({ path, container }) => !after.writeFiles.some((other) => other.path === path && other.container === container));
    return `write_files: ${[...named.slice(0, pathsShown), ...(named.length > pathsShown ? [`${named.length - pathsShown} more`] : []), ...gone.map(({ path }) => `${path} stays as it is`)].join(', ') || 'their order'}`;
  },
  boot: (_machine, { writeFiles }) => writeMounted(writeFiles),
  async apply(machine, before, after) {
    await writeMounted(after.writeFiles);
    const changed = new Set(after.writeFiles.filter((file) => machine.unfinished[filesPart.name] !== undefined || !before.writeFiles.some((other) => isDeepStrictEqual(file, other))).map(({ container }) => container));
    const failures: string[] = [];
    for (const name of changed) {
      if (!machine.services.has(name)) { failures.push(noService(name)); continue; }
      const { containerId, started, definition, plane } = machine.services.runner(name, 'write files into');
      if (containerId === undefined || !started) continue;
      if (definition.readOnly) { failures.push(...await mountedProblems(machine, after, name)); continue; }
      failures.push(...await putFiles(plane.engine, containerId, name, after.writeFiles));
    }
    if (failures.length > 0) throw new Error(failures.join('; '));
  },
};

/** The files of a container, put into it. Answers what failed, in words; one that cannot be put does not keep the others out. */
export async function putFiles(engine: Engine, id: string, name: string, files: readonly FileSetting[]): Promise<string[]> {
  const meant = files.filter(({ container }) => container === name);
  if (meant.length === 0) return [];
  const failures: string[] = [];
  const entries: TarEntry[] = [];
  const accounts = lazyAccounts(engine, id, name);
  for (const file of meant) {
    try {
      if (name === 'console' && file.path === '/etc/hosts') continue; // the machine's (hostname.ts)
      const instead = name === 'console' ? machineFiles[file.path] : undefined;
      if (instead !== undefined) throw new Error(`it is the machine's, and made by ${instead}`);
      const entry = await fileEntry(file, accounts, (path) => engine.readFile(id, path, appendLimit));
      if (entry !== undefined) entries.push(entry);
    } catch (error) {
      failures.push(cannot(file, error));
    }
  }
  if (entries.length === 0) return failures;
  try {
    await engine.putFiles(id, packTar(entries));
  } catch {
    // One that cannot be there keeps all others away: one by one, then.
    for (const entry of entries) await engine.putFiles(id, packTar([entry])).catch((error: unknown) => { failures.push(cannot({ path: entry.path, container: name }, error)); });
  }
  return failures;
}

type Accounts = () => Promise<{ readonly passwd: string; readonly group: string }>;

/** Read when a name is asked for: most files are root's. The console's may be on their way into it. */
function lazyAccounts(engine: Engine, id: string, name: string): Accounts {
  let read: ReturnType<Accounts> | undefined;
  const one = async (file: 'passwd' | 'group'): Promise<string> => (name === 'console' ? await readTextFile(join(paths.console, 'accounts', file), accountsLimit) : undefined)
    ?? (await engine.readFile(id, `/etc/${file}`, accountsLimit))?.toString('utf8') ?? '';
  return () => (read ??= Promise.all([one('passwd'), one('group')]).then(([passwd, group]) => ({ passwd, group })));
}

/** Undefined when there is nothing to do: what is to be appended is in the file already. */
async function fileEntry(file: FileSetting, accounts: Accounts, readFile: (path: string) => Promise<Buffer | undefined>): Promise<TarEntry | undefined> {
  const { path, owner, mode, append } = file;
  const { uid, gid } = owner === 'root' || owner === 'root:root' || owner === '0:0' ? { uid: 0, gid: 0 } : ownerIds(owner, await accounts());
  const content = Buffer.from(file.contentBase64, 'base64');
  if (!append) return { path, kind: 'file', mode, uid, gid, content };
  const there = await readFile(path);
  if (there?.includes(content) === true) return undefined;
  return { path, kind: 'file', mode, uid, gid, content: Buffer.concat([there ?? Buffer.alloc(0), content]) };
}

/** A plan's services with a read-only root see their files as mounts over the places they are to be at. Pure. */
export function withMountedFiles(services: ReadonlyMap<string, ServiceDefinition>, files: readonly FileSetting[]): ReadonlyMap<string, ServiceDefinition> {
  if (!files.some(({ container }) => services.get(container)?.readOnly === true)) return services;
  return new Map([...services].map(([name, service]): [string, ServiceDefinition] => {
    const meant = service.readOnly && service.scope === 'system' ? files.filter(({ container }) => container === name) : [];
    const volumes = [...new Set(meant.map(({ path }) => `${mountedPath(name, path)}:${path}:ro`))];
    return [name, volumes.length === 0 ? service : { ...service, volumes: [...service.volumes, ...volumes] }];
  }));
}

function mountedPath(container: string, path: string): string { return join(mountedRoot, container, path); }

/** Of every container but the console, for which of them are read-only the plan knows only later. In place: a mount sees the file, not its name. */
async function writeMounted(files: readonly FileSetting[]): Promise<void> {
  const mounted = files.filter(({ container }) => container !== 'console');
  if (mounted.length === 0) return;
  await mkdir(mountedRoot, { recursive: true, mode: 0o700 });
  const written = new Map<string, Buffer>();
  for (const { path, container, contentBase64, append, mode, owner } of mounted) {
    const place = mountedPath(container, path);
    // There is nothing of the image's that could be appended to: what is appended is the file.
    const content = Buffer.concat([...(append ? [written.get(place) ?? Buffer.alloc(0)] : []), Buffer.from(contentBase64, 'base64')]);
    written.set(place, content);
    await mkdir(dirname(place), { recursive: true });
    const file = await open(place, (await stat(place).catch(() => undefined)) === undefined ? 'wx' : 'r+', 0o600);
    try {
      await file.truncate(0);
      await file.write(content, 0, content.length, 0);
      const [uid, gid] = owner.split(':').map(Number);
      if (uid !== undefined && Number.isInteger(uid)) await file.chown(uid, gid !== undefined && Number.isInteger(gid) ? gid : 0);
      await file.chmod(mode);
    } finally {
      await file.close();
    }
  }
}

/** A file that the running container has no mount for comes with its next one. */
async function mountedProblems({ services, systemEngine }: Machine, { writeFiles }: Settings, name: string): Promise<string[]> {
  const { containerId } = services.runner(name, 'write files into');
  if (containerId === undefined) return [];
  const failures: string[] = [];
  for (const { path, contentBase64, container } of writeFiles) {
    if (container !== name) continue;
    const there = await systemEngine.readFile(containerId, path, appendLimit).catch(() => undefined);
    if (there?.includes(Buffer.from(contentBase64, 'base64')) !== true) failures.push(`${path} comes into "${name}" with "ros service up ${name} --force-recreate": its root is read-only`);
  }
  return failures;
}

/** Files for services that this machine does not have: told once its services are known. */
export function strayFiles({ services }: Pick<Machine, 'services'>, { writeFiles }: Settings): string[] {
  return [...new Set(writeFiles.map(({ container }) => container))].filter((name) => !services.has(name)).map(noService);
}

function noService(name: string): string { return `cannot write files into "${name}": there is no such service`; }
function cannot({ path, container }: Pick<FileSetting, 'path' | 'container'>, error: unknown): string { return `cannot write file "${path}" into "${container}": ${causeOf(error)}`; }
