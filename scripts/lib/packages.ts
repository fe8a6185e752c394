/** Debian packages by exact name: resolved to versions and hashes, downloaded once, unpacked once. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Apt } from './apt.ts';
import type { BuildContext } from './context.ts';
import { BuildError } from './error.ts';
import { replaceFile } from './files.ts';
import { hashFile } from './hash.ts';
import { forEachParallel, run } from './run.ts';

export interface Package {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** the source package and its version */
  readonly source: string;
  readonly sha256: string;
  readonly depends: string;
  /** file name of the .deb in the cache */
  readonly file: string;
}

export type Packages = Readonly<Record<string, Package>>;

/**
 * Looks the packages up in the indexes and brings the .deb of each into the cache. `usedBy` is for the error message; `list`
 * names what they are for: the cache keeps what one of the lists holds, as it was fetched for it last.
 */
export async function fetchPackages(context: BuildContext, apt: Apt, usedBy: ReadonlyMap<string, string>, list = 'all'): Promise<Packages> {
  const found = await resolvePackages(apt, [...usedBy.keys()]);
  const unknown = [...usedBy].filter(([name]) => found[name] === undefined);
  if (unknown.length > 0) {
    throw new BuildError(unknown.map(([name, where]) => `cannot find package "${name}": the suite has none of that name (it is listed in ${where})`).join('\n'));
  }
  await download(context, apt, Object.values(found), list);
  return found;
}

/** The version apt would install of each; names that apt does not know are left out. */
export async function resolvePackages(apt: Apt, names: readonly string[]): Promise<Packages> {
  const records = (await apt.run('apt-cache', ['show', '--no-all-versions', ...names]).catch(async () => {
    // one unknown name fails the whole command: ask for each, so that the message can name it
    const texts = [];
    for (const name of names) texts.push(await apt.run('apt-cache', ['show', '--no-all-versions', name]).catch(() => ''));
    return texts.join('\n');
  })).split(/\n\n+/).filter((record) => record.trim() !== '').map(parseRecord);
  const wanted = new Set(names);
  return Object.fromEntries(records.filter((one) => wanted.has(one.name)).sort((a, b) => (a.name < b.name ? -1 : 1)).map((one) => [one.name, one]));
}

function parseRecord(record: string): Package {
  const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(record)?.[1] ?? '';
  const [name, version, architecture] = [field('Package'), field('Version'), field('Architecture')];
  const [, source = name, sourceVersion = version] = /^(\S+)(?: \((.*)\))?$/.exec(field('Source')) ?? [];
  return {
    name, version, architecture, sha256: field('SHA256'), depends: field('Depends'),
    source: `${source} ${sourceVersion}`,
    // apt writes the version's epoch colon as %3a, unlike the archive's own file name, which drops it
    file: `${name}_${version.replaceAll(':', '%3a')}_${architecture}.deb`,
  };
}

async function download(context: BuildContext, apt: Apt, packages: readonly Package[], list: string): Promise<void> {
  const folder = join(context.cache, 'debs');
  mkdirSync(folder, { recursive: true });
  const missing = packages.filter((one) => !existsSync(join(folder, one.file)));
  if (missing.length > 0) {
    console.log(`downloading ${missing.length} packages ...`);
    await apt.run('apt-get', ['download', ...missing.map((one) => `${one.name}=${one.version}`)], folder);
  }
  // apt has verified what it fetched; this holds for what an earlier build left, too
  for (const one of packages) {
    const file = join(folder, one.file);
    if (existsSync(file) && hashFile(file) === one.sha256) continue;
    rmSync(file, { force: true });
    throw new BuildError(`cannot use package "${one.name}": its file has another hash than the signed index says`, { hint: 'it has been removed; build again' });
  }
  replaceFile(join(folder, `${list}.list`), packages.map((one) => `${one.file}\n`).join(''));
  const lists = readdirSync(folder).filter((name) => name.endsWith('.list'));
  const wanted = new Set([...lists, ...lists.flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))]);
  for (const name of readdirSync(folder)) if (!wanted.has(name)) rmSync(join(folder, name));
}

/** The folder that holds a package's files, unpacked on first use. No maintainer script runs, then or later. */
export function unpackedFolder(context: BuildContext, one: Package): string {
  return join(context.cache, 'unpacked', `${basename(one.file, '.deb')}-${one.sha256.slice(0, 8)}`);
}

export async function unpackPackages(context: BuildContext, packages: Packages): Promise<void> {
  const folders = new Set(Object.values(packages).map((one) => basename(unpackedFolder(context, one))));
  const parent = join(context.cache, 'unpacked');
  mkdirSync(parent, { recursive: true });
  // what another list than this one needs has its .deb beside it
  const isWanted = (name: string): boolean => folders.has(name) || existsSync(join(context.cache, 'debs', `${name.replace(/-[0-9a-f]{8}$/, '')}.deb`));
  for (const name of readdirSync(parent)) if (!isWanted(name)) rmSync(join(parent, name), { recursive: true });
  await forEachParallel(Object.values(packages), async (one) => {
    const folder = unpackedFolder(context, one);
    if (existsSync(folder)) return;
    const partial = `${folder}.partial`;
    await run('dpkg-deb', ['--extract', join(context.cache, 'debs', one.file), partial]);
    renameSync(partial, folder); // whole or not at all
  });
}
