/** The shapes of `image/os.yml`, the flavours laid over it and `system-services/<name>/image.yml`: what may stand in them, checked before any work. */
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { load } from 'js-yaml';
import * as z from 'zod';
import type { BuildContext } from './context.ts';
import { BuildError, messageOf } from './error.ts';

/** A path in an image; a leading slash is a matter of taste. */
const path = z.string().transform((text) => text.replace(/^\/+/, '').replace(/\/+$/, ''));

/** Octal digits. YAML 1.2 reads a bare 0755 as the number 755: its digits are meant all the same. */
const mode = z.union([z.string(), z.number()])
  .transform(String)
  .refine((digits) => /^0?[0-7]{3,4}$/.test(digits), 'a mode is three or four octal digits, as in "0755"')
  .transform((digits) => parseInt(digits, 8));

const owner = z.string().regex(/^\d+:\d+$/, 'an owner is "uid:gid", in numbers');

/** `name` for the whole package, `name: [globs]` for only these of its files, or `name: {file: path}` for these, each at another path. */
const packageChoice = z.union([
  z.string().transform((name): PackageChoice => ({ name, only: undefined })),
  z.record(z.string(), z.union([z.array(path), z.record(path, path)])).refine((choice) => Object.keys(choice).length === 1, 'one package an item')
    .transform((choice): PackageChoice => {
      const [[name = '', files = []] = []] = Object.entries(choice);
      return Array.isArray(files) ? { name, only: files } : { name, only: Object.keys(files), moved: files };
    }),
]);

const tree = {
  packages: z.array(packageChoice).default([]),
  exclude: z.array(path).default([]),
  directories: z.array(path).default([]),
  links: z.record(path, z.string()).default({}),
  busybox: z.union([z.literal('all'), z.array(z.string())]).default([]),
  modes: z.record(path, mode).default({}),
  owners: z.record(path, owner).default({}),
  /** Go programs that lose the line numbers of their crashes (trim-lines.ts) */
  dropLines: z.array(path).default([]),
  /** position-independent programs that get an address (fixed-address.ts) */
  fixAddress: z.array(path).default([]),
};

/** Names, with lists of names among them: what belongs together may stand on one line. */
const names = z.array(z.union([z.string(), z.array(z.string())])).transform((list) => list.flat());

const strings = z.union([z.string().transform((one) => [one]), z.array(z.string())]);
const config = z.strictObject({
  entrypoint: strings.optional(),
  cmd: strings.optional(),
  env: z.union([
    z.array(z.string()),
    z.record(z.string(), z.coerce.string()).transform((map) => Object.entries(map).map(([name, value]) => `${name}=${value}`)),
  ]).default([]),
  workingDir: z.string().optional(),
  user: z.coerce.string().optional(),
  stopSignal: z.string().optional(),
  volumes: z.array(z.string()).default([]),
  labels: z.record(z.string(), z.string()).default({}),
});

const imageSpec = z.strictObject({ from: z.string().optional(), ...tree, config: config.prefault({}) });

/** zstd; `block` is the bytes that are compressed, and unpacked, at a time. */
const compression = z.strictObject({ level: z.number().int().min(1).max(22), block: z.number().int() });

const osSpec = z.strictObject({
  suite: z.string(),
  /** dropped from every package, in the root and in the images */
  exclude: z.array(path),
  kernel: z.strictObject({
    package: z.string(),
    /** names, or folders below `kernel/` with a slash at the end; what they depend on comes along */
    modules: names,
    /** names or folders that a kept folder holds and that are left out, unless another one depends on them */
    without: names.default([]),
  }),
  initramfs: z.strictObject({
    /** in load order */
    modules: names,
    /** names or folders of what is loaded where a device asks for it, when those have not brought the root image to light; `kernel.without` holds here too */
    coldplug: names.default([]),
    without: names.default([]),
    busybox: z.array(z.string()),
    directories: z.array(path),
  }),
  root: z.strictObject({
    ...tree,
    /** programs that export symbols which nothing here looks up (trim-exports.ts) */
    unexport: z.array(path).default([]),
    compression,
  }),
  services: z.array(z.string()),
  /** services that are carried, and run where somebody enables them */
  repository: z.array(z.string()).default([]),
  /** services that are offered like those, but whose images are archives of their own (addons.ts) */
  addons: z.array(z.string()).default([]),
  tools: z.array(z.string()),
});

export type OsSpec = z.output<typeof osSpec>;
export type ImageSpec = z.output<typeof imageSpec>;
export type ImageConfig = z.output<typeof config>;

export interface PackageChoice {
  readonly name: string;
  /** globs of the files that are taken; undefined for all */
  readonly only: readonly string[] | undefined;
  /** where a file goes, by where the package has it */
  readonly moved?: Readonly<Record<string, string>>;
}

/** What the root and each system image have in common: a tree of files made of packages and a folder on top. */
export interface TreeSpec {
  readonly packages: readonly PackageChoice[];
  readonly exclude: readonly string[];
  readonly directories: readonly string[];
  readonly links: Readonly<Record<string, string>>;
  readonly busybox: 'all' | readonly string[];
  readonly modes: Readonly<Record<string, number>>;
  readonly owners: Readonly<Record<string, string>>;
  readonly dropLines: readonly string[];
  readonly fixAddress: readonly string[];
}

/** The small image that `image/os.yml` describes, and one laid over it in a file of its own: `image/metal.yml`. */
export const flavours = ['cloud', 'metal'] as const;
export type Flavour = (typeof flavours)[number];

export function flavourNamed(name: string): Flavour {
  const found = flavours.find((flavour) => flavour === name);
  if (found === undefined) throw new BuildError(`cannot build flavour "${name}": there are ${flavours.join(' and ')}`);
  return found;
}

export function readOsSpec(context: BuildContext, flavour: Flavour = 'cloud'): OsSpec {
  const below = join(context.source, 'image/os.yml');
  if (flavour === 'cloud') return check(context, below, readYaml(context, below), osSpec);
  const file = join(context.source, 'image', `${flavour}.yml`);
  return check(context, file, overlay(readYaml(context, below), readYaml(context, file)), osSpec);
}

/** Lays one document over another: lists are added, maps are merged, anything else is replaced. */
export function overlay(below: unknown, above: unknown): unknown {
  if (Array.isArray(below) && Array.isArray(above)) return [...below, ...above] as unknown[];
  if (!isMap(below) || !isMap(above)) return above;
  const merged = Object.entries(above).map(([key, value]) => [key, key in below ? overlay(below[key], value) : value]);
  return { ...below, ...Object.fromEntries(merged) as Record<string, unknown> };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The spec in a folder of system-services/, or undefined for a service that has no image of its own. */
export function readImageSpec(context: BuildContext, name: string): ImageSpec | undefined {
  const file = join(context.source, 'system-services', name, 'image.yml');
  return existsSync(file) ? read(context, file, imageSpec) : undefined;
}

/** A YAML file of the checkout, of the shape given. */
export function read<T>(context: BuildContext, file: string, shape: z.ZodType<T>): T {
  return check(context, file, readYaml(context, file), shape);
}

function readYaml(context: BuildContext, file: string): unknown {
  const name = relative(context.source, file);
  try {
    return load(readFileSync(file, 'utf8'), { filename: name }) ?? {};
  } catch (error) {
    throw new BuildError(`cannot read file "${name}": ${messageOf(error)}`);
  }
}

function check<T>(context: BuildContext, file: string, value: unknown, shape: z.ZodType<T>): T {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`);
  throw new BuildError(`cannot use file "${relative(context.source, file)}": ${issues.join('; ')}`);
}
