/** Where a build reads and writes, and the constants that make two builds of the same inputs the same bytes. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface BuildContext {
  /** the checkout */
  readonly source: string;
  /** the results: vmlinuz, initramfs.img, root.img, root.roothash, sbom.json */
  readonly out: string;
  /** what steps leave for later steps; goes with `make clean` */
  readonly work: string;
  /** downloads and unpacked packages; outlives `make clean`, goes with `make distclean` */
  readonly cache: string;
  /** `v0.1.0`, from package.json */
  readonly version: string;
}

/**
 * Every time stamp in every image, in seconds. A constant: neither the clock nor the checkout may reach the bytes.
 * 2025-08-09, the day of trixie's release.
 */
export const EPOCH = 1754697600;

export function createContext(options: { readonly out?: string | undefined; readonly cache?: string | undefined } = {}): BuildContext {
  const source = resolve(import.meta.dirname, '../..');
  const out = resolve(source, options.out ?? 'build');
  const cache = resolve(source, options.cache ?? 'build/cache');
  const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as { version: string };
  const context = { source, out, work: join(out, 'work'), cache, version: `v${manifest.version}` };
  for (const folder of [context.work, context.cache]) mkdirSync(folder, { recursive: true });
  return context;
}

/** A folder of its own below the results, for what is made beside the image from the same downloads. */
export function subContext(context: BuildContext, name: string): BuildContext {
  const own = { ...context, out: join(context.out, name), work: join(context.work, name) };
  for (const folder of [own.out, own.work]) mkdirSync(folder, { recursive: true });
  return own;
}
