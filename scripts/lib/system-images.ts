/**
 * The system containers' images: one layer per folder of system-services/, shared ones (`_base`) once. They lie in the root
 * as folders, and the engine uses them from there (docs/adr/0005-attached-images.md); the archives only give them their ids.
 */
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeTar, type ArchiveEntry } from './archive.ts';
import { checkLibraries } from './check-libraries.ts';
import { EPOCH, type BuildContext } from './context.ts';
import { BuildError } from './error.ts';
import { hashTree, sha256 } from './hash.ts';
import { unpackedFolder, type Packages } from './packages.ts';
import { readImageSpec, type ImageSpec, type OsSpec } from './spec.ts';
import { run } from './run.ts';
import { runStep } from './step.ts';
import { buildTree, listTree, type TreeEntry } from './tree.ts';

export interface SystemImage {
  /** folder of system-services/ */
  readonly name: string;
  readonly spec: ImageSpec;
  /** this folder and those that it is made from, the lowest first */
  readonly chain: readonly string[];
}

/** The images of the services in os.yml, those of the repository among them, and the folders they are made from, each after those below it. */
export function readSystemImages(context: BuildContext, os: OsSpec): SystemImage[] {
  return readImages(context, carriedServices(os));
}

/** The same for any list of services. */
export function readImages(context: BuildContext, services: readonly string[]): SystemImage[] {
  const images = new Map<string, SystemImage>();
  const add = (name: string, above: readonly string[]): SystemImage | undefined => {
    const known = images.get(name);
    if (known !== undefined) return known;
    if (above.includes(name)) throw new BuildError(`cannot build image "${name}": it is made from itself (${[...above, name].join(' from ')})`);
    const spec = readImageSpec(context, name);
    if (spec === undefined) return undefined;
    const parent = spec.from === undefined ? undefined : add(spec.from, [...above, name]);
    if (spec.from !== undefined && parent === undefined) throw new BuildError(`cannot build image "${name}": it is made from "${spec.from}", which has no system-services/${spec.from}/image.yml`);
    const image = { name, spec, chain: [...(parent?.chain ?? []), name] };
    images.set(name, image);
    return image;
  };
  for (const service of services) {
    if (!existsSync(join(context.source, 'system-services', service))) throw new BuildError(`cannot build service "${service}": image/os.yml names it, but there is no folder system-services/${service}`);
    add(service, []);
  }
  return [...images.values()];
}

/** All services whose manifest and image are in the root. */
export function carriedServices(os: Pick<OsSpec, 'services' | 'repository'>): string[] {
  return [...os.services, ...os.repository];
}

/** All services that the repository in the root offers, those among them whose images are elsewhere. */
export function offeredServices(os: Pick<OsSpec, 'repository' | 'addons'>): string[] {
  return [...os.repository, ...os.addons];
}

export interface Layer { readonly name: string; readonly file: string; readonly sha256: string; readonly size: number }

export function treeFolder(context: BuildContext, name: string): string {
  return join(context.work, 'layers', name, 'tree');
}

/** Builds one folder's layer. Packages and folders that a lower layer brings are not brought again. */
async function buildLayer(context: BuildContext, os: OsSpec, packages: Packages, image: SystemImage, lower: readonly SystemImage[], lowerLayers: readonly Layer[]): Promise<Layer> {
  const folder = join(context.work, 'layers', image.name);
  const overlay = join(context.source, 'system-services', image.name, 'root');
  const inherited = new Set(lower.flatMap((one) => one.spec.packages.map(({ name }) => name)));
  const spec = { ...image.spec, packages: image.spec.packages.filter(({ name, only }) => only !== undefined || !inherited.has(name)) };
  const chosen = spec.packages.map(({ name }) => packages[name]).filter((one) => one !== undefined);
  const file = join(folder, 'layer.tar');
  return await runStep(context, {
    name: `layer ${image.name}`,
    script: import.meta.filename,
    inputs: [spec, os.exclude, chosen, hashTree(overlay), lowerLayers.map((layer) => layer.sha256)],
    outputs: [file, treeFolder(context, image.name)],
    work: async () => {
      const below = lower.map((one) => treeFolder(context, one.name));
      const target = treeFolder(context, image.name);
      await buildTree(target, spec, {
        name: `image ${image.name}`, exclude: os.exclude, overlays: [overlay], below,
        packages: new Map(chosen.map((one) => [one.name, unpackedFolder(context, one)])),
      });
      checkLibraries(`image ${image.name}`, [...below, target]);
      const digest = writeTar(file, layerEntries(target, spec.owners, lower, below, spec.modes));
      return { name: image.name, file, sha256: digest, size: statSync(file).size };
    },
  });
}

/** A folder that a lower layer has too keeps its mode and owner there: this layer only leads through it. */
function* layerEntries(root: string, owners: Readonly<Record<string, string>>, lower: readonly SystemImage[], below: readonly string[], modes: Readonly<Record<string, number>>): Generator<ArchiveEntry> {
  const folders = new Map<string, TreeEntry>();
  for (const tree of below) for (const entry of listTree(tree)) if (entry.kind === 'folder') folders.set(entry.path, entry);
  const lowerOwners = Object.assign({}, ...lower.map((one) => one.spec.owners)) as Record<string, string>;
  const first = new Map<number, string>();
  for (const entry of listTree(root)) {
    const inherited = modes[entry.path] === undefined ? folders.get(entry.path)?.mode : undefined;
    const [uid = 0, gid = 0] = (owners[entry.path] ?? lowerOwners[entry.path] ?? '0:0').split(':').map(Number);
    const common = { path: entry.path, mode: inherited ?? entry.mode, uid, gid };
    const link = entry.shared === undefined ? undefined : first.get(entry.shared);
    if (link !== undefined) yield { ...common, kind: 'hardlink', to: link };
    else if (entry.kind === 'file') yield { ...common, kind: 'file', content: join(root, entry.path) };
    else yield { ...common, kind: entry.kind, ...(entry.kind === 'link' ? { mode: 0o777, to: entry.to } : {}) };
    if (entry.shared !== undefined && link === undefined) first.set(entry.shared, entry.path);
  }
}

/** Every layer, the lower ones first. */
export async function buildLayers(context: BuildContext, os: OsSpec, packages: Packages, images: readonly SystemImage[]): Promise<Map<string, Layer>> {
  const layers = new Map<string, Layer>();
  for (const image of images) {
    const lower = images.filter((one) => one !== image && image.chain.includes(one.name));
    const lowerLayers = lower.map((one) => layers.get(one.name)).filter((layer) => layer !== undefined);
    layers.set(image.name, await buildLayer(context, os, packages, image, lower, lowerLayers));
  }
  return layers;
}

/** What the supervisor reads (src/engine/attached-images.ts): `system.json`. */
export interface SystemImageList {
  readonly images: Readonly<Record<string, { readonly id: string; readonly config: string }>>;
  /** By diff id: the folder in the root and the bytes in it. */
  readonly layers: Readonly<Record<string, { readonly path: string; readonly size: number }>>;
}

const SHARE = 'usr/share/ros/images';

/** The services' images and the layers that they are made of. */
export function listImages(context: BuildContext, images: readonly SystemImage[], layers: ReadonlyMap<string, Layer>, services: readonly string[]): SystemImageList {
  const shipped = images.filter((image) => services.includes(image.name)).map((image) => {
    const own = image.chain.map((name) => layers.get(name)).filter((layer) => layer !== undefined);
    const config = JSON.stringify(imageConfig(image, images, own));
    return { tag: `corralos/${image.name}:${context.version}`, own, config, id: `sha256:${sha256(Buffer.from(config))}` };
  });
  const used = new Map(shipped.flatMap((one) => one.own).map((layer) => [layer.sha256, layer]));
  return {
    images: Object.fromEntries(shipped.map(({ tag, id, config }) => [tag, { id, config }])),
    layers: Object.fromEntries([...used.values()].map((layer) => [`sha256:${layer.sha256}`, { path: `/${SHARE}/layers/${layer.name}`, size: layer.size }])),
  };
}

/** Lays the layers out in the root as folders, where the engine finds them: with the owners and modes of their archives. */
export async function installLayers(root: string, list: SystemImageList, layers: ReadonlyMap<string, Layer>): Promise<void> {
  for (const [id, { path }] of Object.entries(list.layers)) {
    const layer = [...layers.values()].find(({ sha256: digest }) => id === `sha256:${digest}`);
    if (layer === undefined) throw new BuildError(`cannot install layer "${id}": it was not built`);
    const folder = join(root, path);
    mkdirSync(folder, { recursive: true });
    await run('tar', ['--extract', '--same-permissions', '--same-owner', '--numeric-owner', '--file', layer.file, '--directory', folder]);
  }
  writeFileSync(join(root, SHARE, 'system.json'), `${JSON.stringify(list, null, 2)}\n`, { mode: 0o644 });
}

/** The OCI image configuration. Settings that a folder leaves out come from the one it is made from. */
function imageConfig(image: SystemImage, images: readonly SystemImage[], layers: readonly Layer[]): unknown {
  const configs = image.chain.map((name) => images.find((one) => one.name === name)?.spec.config).filter((one) => one !== undefined);
  const last = <K extends keyof ImageSpec['config']>(key: K): ImageSpec['config'][K] | undefined => configs.map((one) => one[key]).findLast((value) => value !== undefined);
  const env = new Map(configs.flatMap((one) => one.env).map((line) => [line.split('=')[0], line]));
  const volumes = [...new Set(configs.flatMap((one) => one.volumes))].sort();
  const labels = Object.assign({}, ...configs.map((one) => one.labels)) as Record<string, string>;
  const created = new Date(EPOCH * 1000).toISOString();
  return {
    created,
    architecture: 'amd64',
    os: 'linux',
    config: {
      User: last('user') ?? '',
      Env: [...env.values()],
      Entrypoint: last('entrypoint') ?? null,
      Cmd: image.spec.config.cmd ?? (image.spec.config.entrypoint === undefined ? last('cmd') ?? null : null),
      WorkingDir: last('workingDir') ?? '/',
      ...(volumes.length > 0 ? { Volumes: Object.fromEntries(volumes.map((path) => [path, {}])) } : {}),
      ...(Object.keys(labels).length > 0 ? { Labels: labels } : {}),
      ...(last('stopSignal') === undefined ? {} : { StopSignal: last('stopSignal') }),
    },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${layer.sha256}`) },
    history: layers.map((layer) => ({ created, created_by: `corralos build: system-services/${layer.name}` })),
  };
}

