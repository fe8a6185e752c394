/** Picks the kernel modules that os.yml names, with what they depend on, and lays them out for modprobe. */
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BuildError } from './error.ts';
import { run } from './run.ts';
import type { Toolbox } from './tools.ts';

/** The modules of one kernel package, as depmod sees them. */
export interface KernelModules {
  /** `6.12.1+deb13-cloud-amd64` */
  readonly release: string;
  /** the folder with `kernel/` in it */
  readonly folder: string;
  /** path below `folder` → paths of what must be loaded before it, in that order */
  readonly dependencies: ReadonlyMap<string, readonly string[]>;
  /** module names that the kernel has built in */
  readonly builtin: ReadonlySet<string>;
}

const INDEXES = ['modules.builtin', 'modules.builtin.modinfo', 'modules.order'];

export async function readKernelModules(kernelPackage: string, tools: Toolbox, work: string): Promise<KernelModules> {
  const release = readdirSync(join(kernelPackage, 'usr/lib/modules'))[0];
  if (release === undefined) throw new BuildError(`cannot read kernel modules "${basename(kernelPackage)}": the package has none`);
  const folder = join(kernelPackage, 'usr/lib/modules', release);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  await tools.run('depmod', ['-b', `${kernelPackage}/usr`, '-o', work, release]);
  const indexes = readdirSync(work, { recursive: true, encoding: 'utf8' });
  const table = indexes.find((path) => basename(path) === 'modules.dep') ?? '';
  // each line: `module: what it needs directly and indirectly`, the last to be loaded first
  const dependencies = new Map(readFileSync(join(work, table), 'utf8').trim().split('\n').map((line) => {
    const [path = '', needs = ''] = line.split(':');
    return [path, needs.trim().split(' ').filter((need) => need !== '').reverse()] as const;
  }));
  const builtin = new Set(readFileSync(join(folder, 'modules.builtin'), 'utf8').trim().split('\n').map(moduleName));
  return { release, folder, dependencies, builtin };
}

/** `kernel/drivers/block/virtio_blk.ko.xz` → `virtio_blk`; file names use - and _ as they like. */
function moduleName(path: string): string {
  return basename(path).replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_');
}

/** The modules (paths) for names and `folder/`s, each after what it depends on. Built-in ones need no file. */
export function selectModules(modules: KernelModules, wanted: readonly string[], without: readonly string[] = []): string[] {
  const all = [...modules.dependencies.keys()];
  const byName = new Map(all.map((path) => [moduleName(path), path]));
  const expand = (item: string): string[] => {
    if (item.endsWith('/')) {
      const found = all.filter((path) => path.startsWith(`kernel/${item}`)).sort();
      if (found.length === 0) throw new BuildError(`cannot find kernel modules "${item}": no such folder in ${modules.release}`);
      return found;
    }
    const name = item.replaceAll('-', '_');
    const path = byName.get(name);
    if (path === undefined && !modules.builtin.has(name)) throw new BuildError(`cannot find kernel module "${item}": ${modules.release} has none of that name`);
    return path === undefined ? [] : [path];
  };
  const dropped = new Set(without.flatMap(expand));
  const selected = wanted.flatMap(expand).filter((path) => !dropped.has(path));
  return [...new Set(selected.flatMap((path) => [...(modules.dependencies.get(path) ?? []), path]))];
}

/** What is larger as Debian ships it (xz) stays so in the root: xfs, cifs and the like make 5 MB, and are seldom loaded. */
const LARGE_XZ_BYTES = 250_000;

/** Copies modules, uncompressed where the file is at most `keepAbove` bytes: loading then needs no xz. Returns the new paths. */
export async function copyModules(modules: KernelModules, paths: readonly string[], rename: (path: string) => string, keepAbove = Number.POSITIVE_INFINITY): Promise<string[]> {
  const copies = paths.map((path) => ({ from: join(modules.folder, path), to: rename(path) }));
  for (const { from, to } of copies) {
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(from, to);
  }
  const compressed = copies.map(({ to }) => to).filter((to) => to.endsWith('.xz') && statSync(to).size <= keepAbove);
  for (let at = 0; at < compressed.length; at += 200) await run('xz', ['--decompress', '--force', ...compressed.slice(at, at + 200)]);
  return copies.map(({ to }) => (compressed.includes(to) ? to.replace(/\.xz$/, '') : to));
}

/** Fills `<root>/usr/lib/modules/<release>`, with the indexes that modprobe reads. */
export async function installModules(modules: KernelModules, paths: readonly string[], root: string, tools: Toolbox): Promise<void> {
  const target = join(root, 'usr/lib/modules', modules.release);
  await copyModules(modules, paths, (path) => join(target, path), LARGE_XZ_BYTES);
  for (const name of INDEXES) copyFileSync(join(modules.folder, name), join(target, name));
  await tools.run('depmod', ['-b', join(root, 'usr'), modules.release]);
}

/** Puts the initramfs' modules into one folder; returns their file names in load order. */
export async function flattenModules(modules: KernelModules, paths: readonly string[], target: string): Promise<string[]> {
  mkdirSync(target, { recursive: true });
  const files = await copyModules(modules, paths, (path) => join(target, basename(path)));
  return files.map((file) => basename(file));
}
