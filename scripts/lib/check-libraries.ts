/**
 * No package manager resolves what the root and the images hold, so this does: every program's interpreter and libraries
 * must be there, in the tree itself or in the layers below it. Libraries loaded by name at run time are not seen.
 */
import { dirname, join, normalize } from 'node:path';
import { BuildError } from './error.ts';
import { readElfNeeds, type ElfNeeds } from './elf.ts';
import { listTree, type TreeEntry } from './tree.ts';

/** Where ld.so looks when it has no cache, on Debian amd64. */
const LIBRARY_FOLDERS = ['usr/lib/x86_64-linux-gnu', 'usr/lib', 'usr/lib64'];

/** The files of layers on top of each other; an upper one hides a lower one. */
export class Union {
  readonly #entries = new Map<string, TreeEntry & { readonly root: string }>();

  constructor(roots: readonly string[]) {
    for (const root of roots) for (const entry of listTree(root)) this.#entries.set(entry.path, { ...entry, root });
  }

  /** Follows links, as the kernel would inside the tree; undefined when nothing is there. */
  resolve(path: string): string | undefined {
    let rest = normalize(`/${path}`).split('/').filter((part) => part !== '');
    let at = '';
    for (let hops = 0; rest.length > 0;) {
      const [part = '', ...others] = rest;
      const next = at === '' ? part : `${at}/${part}`;
      const entry = this.#entries.get(next);
      if (entry === undefined || hops > 40) return undefined;
      if (entry.kind !== 'link') {
        at = next;
        rest = others;
        continue;
      }
      hops += 1;
      const to = normalize(entry.to.startsWith('/') ? entry.to : `/${at}/${entry.to}`);
      rest = [...to.split('/').filter((step) => step !== ''), ...others];
      at = '';
    }
    return at;
  }

  /** The real file behind a path of the union. */
  file(path: string): string | undefined {
    const resolved = this.resolve(path);
    const entry = resolved === undefined ? undefined : this.#entries.get(resolved);
    return entry?.kind === 'file' ? join(entry.root, entry.path) : undefined;
  }

  *files(): Generator<{ readonly path: string; readonly file: string }> {
    for (const [path, entry] of this.#entries) if (entry.kind === 'file') yield { path, file: join(entry.root, entry.path) };
  }
}

/** What of a program's needs a tree does not have. */
export function missingNeeds(union: Union, path: string, needs: ElfNeeds): string[] {
  const missing = needs.libraries.filter((library) => findLibrary(union, path, needs, library) === undefined);
  if (needs.interpreter !== undefined && union.file(needs.interpreter) === undefined) missing.unshift(needs.interpreter);
  return missing;
}

/** The file of a library that a program needs. */
export function findLibrary(union: Union, path: string, needs: ElfNeeds, library: string): string | undefined {
  const folder = `/${dirname(path)}`;
  const folders = [...needs.searchPaths.map((one) => one.replaceAll(/\$\{?ORIGIN\}?/g, folder)), ...LIBRARY_FOLDERS];
  return folders.map((one) => union.file(join(one, library))).find((file) => file !== undefined);
}

/** Throws with every file that lacks something. */
export function checkLibraries(name: string, roots: readonly string[]): void {
  const union = new Union(roots);
  const problems: string[] = [];
  for (const { path, file } of union.files()) {
    const needs = readElfNeeds(file);
    const missing = needs === undefined ? [] : missingNeeds(union, path, needs);
    if (missing.length > 0) problems.push(`cannot run program "/${path}" of ${name}: no ${missing.join(', ')} there`);
  }
  if (problems.length > 0) throw new BuildError(problems.join('\n'), { hint: 'add the packages that bring the libraries, or exclude the program' });
}
