/**
 * Makes a folder that holds exactly the files of a root or of an image's layer: from packages, a folder on top, links.
 * Ownership and time stamps are not kept here: the writers of the images set them.
 */
import { chmodSync, constants, copyFileSync, existsSync, linkSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { readElfNeeds } from './elf.ts';
import { BuildError } from './error.ts';
import { editFile } from './files.ts';
import { fixAddress } from './fixed-address.ts';
import { globMatcher } from './glob.ts';
import { run } from './run.ts';
import type { TreeSpec } from './spec.ts';
import { dropLines } from './trim-lines.ts';

export interface TreeInputs {
  /** for messages: `root`, `image syslog` */
  readonly name: string;
  /** dropped from every package */
  readonly exclude: readonly string[];
  /** where each package is unpacked, by name */
  readonly packages: ReadonlyMap<string, string>;
  /** folders whose files come on top; 0755 and 0644 by their executable bit */
  readonly overlays: readonly string[];
  /** trees below this one (an image's ancestors): a busybox there is good enough for an applet link here */
  readonly below: readonly string[];
}

/** Folders that trixie keeps under /usr; a file for one of them must not turn the link into a folder. */
const MERGED = /^(bin|sbin|lib|lib64)(?=\/)/;

const LIBRARIES = 'usr/lib/x86_64-linux-gnu';

export async function buildTree(target: string, spec: TreeSpec, inputs: TreeInputs): Promise<void> {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const isExcluded = globMatcher([...inputs.exclude, ...spec.exclude]);
  const isExcludedHere = globMatcher(spec.exclude);
  for (const { name, only, moved } of spec.packages) {
    const folder = inputs.packages.get(name);
    if (folder === undefined) throw new BuildError(`cannot build tree "${inputs.name}": package "${name}" is not unpacked`);
    // Named files win over what is dropped from every package: whoever names a file wants it.
    const isNamed = only === undefined ? undefined : globMatcher(only);
    const isWanted = isNamed === undefined ? (path: string) => !isExcluded(path) : (path: string) => isNamed(path) && !isExcludedHere(path);
    const count = copyFolder(folder, target, { isWanted, moved });
    if (count === 0) throw new BuildError(`cannot build tree "${inputs.name}": package "${name}" adds no file`, { hint: 'an exclusion or the list of its files leaves none' });
  }
  if (inputs.packages.has('ca-certificates') && spec.packages.some(({ name }) => name === 'ca-certificates')) bundleCertificates(target, inputs);
  for (const overlay of inputs.overlays) if (existsSync(overlay)) copyFolder(overlay, target, { isWanted: () => true, plainModes: true });
  for (const path of spec.directories) mkdirSync(join(target, merged(path)), { recursive: true });
  for (const [path, to] of Object.entries(spec.links)) link(target, path, to);
  await linkApplets(target, spec, inputs);
  for (const [path, mode] of Object.entries(spec.modes)) {
    const file = join(target, merged(path));
    if (!existsSync(file)) throw new BuildError(`cannot set mode of "${path}": ${inputs.name} has no such file`);
    chmodSync(file, mode);
  }
  for (const path of spec.dropLines) editFile(target, path, 'drop lines of', dropLines);
  for (const path of spec.fixAddress) editFile(target, path, 'fix address of', fixAddress);
}

interface CopyOptions {
  readonly isWanted: (path: string) => boolean;
  /** where a file goes, by where it is, if not to the same path */
  readonly moved?: Readonly<Record<string, string>> | undefined;
  /** the modes of a checkout depend on its umask: keep only what git keeps */
  readonly plainModes?: boolean;
}

/** Copies files, links and the folders that lead to them; returns how many. */
function copyFolder(source: string, target: string, options: CopyOptions): number {
  const seen = new Map<number, string>(); // hard links stay one file
  let count = 0;
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(source, folder), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      const from = join(source, path);
      const to = join(target, options.moved?.[merged(path)] ?? merged(path));
      if (entry.isDirectory()) {
        visit(path);
        // an empty folder of a package is meant (/var/lib/chrony); one whose files are all excluded is not
        if ((readdirSync(from).length === 0 || options.plainModes === true) && options.isWanted(merged(path))) mkdirSync(to, { recursive: true });
        if (existsSync(to) && options.plainModes !== true) chmodSync(to, lstatSync(from).mode & 0o7777);
        continue;
      }
      // git keeps no empty folder: a .keep stands for one
      if (!options.isWanted(merged(path)) || /^\.(git)?keep$/.test(entry.name)) continue;
      count += 1;
      mkdirSync(dirname(to), { recursive: true });
      rmSync(to, { force: true });
      if (entry.isSymbolicLink()) {
        symlinkSync(readlinkSync(from), to);
        continue;
      }
      const stat = lstatSync(from);
      const first = stat.nlink > 1 ? seen.get(stat.ino) : undefined;
      if (first !== undefined) {
        linkSync(first, to);
        continue;
      }
      seen.set(stat.ino, to);
      copyFileSync(from, to, constants.COPYFILE_FICLONE);
      // setgid goes: the group it stands for is made by a maintainer script, so it would be root's
      chmodSync(to, options.plainModes === true ? ((stat.mode & 0o100) === 0 ? 0o644 : 0o755) : stat.mode & 0o5777);
    }
  };
  visit('');
  return count;
}

function merged(path: string): string {
  return path.replace(MERGED, 'usr/$1');
}

function link(target: string, path: string, to: string): void {
  const at = join(target, merged(path));
  mkdirSync(dirname(at), { recursive: true });
  rmSync(at, { force: true });
  symlinkSync(to, at);
}

/** Links busybox's applets into /usr/bin where no real program of that name exists, here or in a tree below. */
async function linkApplets(target: string, spec: TreeSpec, inputs: TreeInputs): Promise<void> {
  if (spec.busybox !== 'all' && spec.busybox.length === 0) return;
  const trees = [target, ...inputs.below];
  const home = trees.find((tree) => existsSync(join(tree, 'usr/bin/busybox')));
  if (home === undefined) throw new BuildError(`cannot link busybox applets in "${inputs.name}": it has no /usr/bin/busybox`, { hint: 'add the package busybox-static' });
  const known = await appletsOf(join(home, 'usr/bin/busybox'), trees);
  const wanted = spec.busybox === 'all' ? known.filter((name) => name !== 'busybox') : spec.busybox;
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new BuildError(`cannot link busybox applets "${unknown.join('", "')}" in "${inputs.name}": this busybox has none of that name`);
  const isExcluded = globMatcher(spec.exclude);
  for (const name of wanted) {
    const places = [`usr/bin/${name}`, `usr/sbin/${name}`];
    if (places.some((place) => isExcluded(place) || trees.some((tree) => isThere(join(tree, place))))) continue;
    link(target, `usr/bin/${name}`, 'busybox');
  }
}

/** Asks the program itself. One that is not static runs with the libraries it will have, not with the build machine's. */
async function appletsOf(busybox: string, trees: readonly string[]): Promise<string[]> {
  const loader = trees.map((tree) => join(tree, LIBRARIES, 'ld-linux-x86-64.so.2')).find((file) => existsSync(file));
  const libraryPath = trees.map((tree) => join(tree, LIBRARIES)).join(':');
  const isStatic = readElfNeeds(busybox)?.interpreter === undefined;
  const text = isStatic || loader === undefined ? await run(busybox, ['--list'])
    : await run(loader, ['--argv0', 'busybox', '--library-path', libraryPath, busybox, '--list']);
  return text.trim().split('\n');
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** The package's maintainer script makes the one bundle that programs read; here the build does, and drops the parts. */
function bundleCertificates(target: string, inputs: TreeInputs): void {
  const folder = join(inputs.packages.get('ca-certificates') ?? '', 'usr/share/ca-certificates/mozilla');
  const certificates = readdirSync(folder).filter((name) => name.endsWith('.crt')).sort();
  const bundle = join(target, 'etc/ssl/certs/ca-certificates.crt');
  mkdirSync(dirname(bundle), { recursive: true });
  writeFileSync(bundle, certificates.map((name) => readFileSync(join(folder, name), 'utf8').trimEnd()).join('\n') + '\n', { mode: 0o644 });
  rmSync(join(target, 'usr/share/ca-certificates'), { recursive: true, force: true });
}

export interface TreeEntry {
  /** without a leading slash */
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'link';
  readonly mode: number;
  readonly size: number;
  /** inode, for files that have more than one name */
  readonly shared: number | undefined;
  readonly to: string;
}

/** Everything in a tree, parents first, in an order that no machine changes. */
export function listTree(root: string): TreeEntry[] {
  const entries: TreeEntry[] = [];
  const visit = (folder: string): void => {
    for (const name of readdirSync(folder).sort()) {
      const at = join(folder, name);
      const stat = lstatSync(at);
      const kind = stat.isDirectory() ? 'folder' : stat.isSymbolicLink() ? 'link' : 'file';
      entries.push({
        path: relative(root, at), kind, mode: stat.mode & 0o7777, size: kind === 'file' ? stat.size : 0,
        shared: kind === 'file' && stat.nlink > 1 ? stat.ino : undefined,
        to: kind === 'link' ? readlinkSync(at) : '',
      });
      if (kind === 'folder') visit(at);
    }
  };
  visit(root);
  return entries;
}
