/**
 * Add-ons: services that every image offers (`ros service enable`), but whose images are too large to be carried in the root.
 * Each is an archive of its own, build/addons/<name>.tar.zst, in the form of `docker save`: what lies in the machine's
 * preload folder is loaded from there (src/supervisor/phases/preload.ts). The build is that of the system images.
 */
import { createReadStream, createWriteStream, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { openApt } from './apt.ts';
import { writeTar } from './archive.ts';
import type { BuildContext } from './context.ts';
import { BuildError } from './error.ts';
import { replaceByProgram, replaceFile } from './files.ts';
import { hashFile } from './hash.ts';
import { ensureHostTools, imageTools } from './host-tools.ts';
import { fetchPackages, unpackPackages, type Packages } from './packages.ts';
import { packageRecords } from './sbom.ts';
import { readOsSpec, type OsSpec } from './spec.ts';
import { runStep } from './step.ts';
import { buildLayers, listImages, readImages, type Layer, type SystemImage } from './system-images.ts';

/** Beyond 19 zstd wants 128 MB to unpack: a machine with little memory unpacks this with 8. */
const LEVEL = 19;
/** A third larger, in a fiftieth of the time. */
const QUICK_LEVEL = 3;

/** Beside the image's, for each removes from its folders what it does not know. */
export function addonContext(context: BuildContext): BuildContext {
  const folders = { out: join(context.out, 'addons'), work: join(context.work, 'addons'), cache: join(context.cache, 'addons') };
  for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true });
  return { ...context, ...folders };
}

/** Returns a table of what was built. */
export async function buildAddons(context: BuildContext, options: { readonly refresh: boolean; readonly isQuick: boolean }): Promise<string> {
  await ensureHostTools(imageTools);
  const os = readOsSpec(context);
  const own = addonContext(context);
  const images = readAddons(own, os.addons);
  const usedBy = new Map(images.flatMap((image) => image.spec.packages.map(({ name }) => [name, `system-services/${image.name}/image.yml`])));
  const apt = await openApt(context, os.suite, options.refresh);
  const packages = await runStep(own, {
    name: 'packages of add-ons',
    script: import.meta.filename,
    inputs: [[...usedBy.keys()].sort(), os.suite, apt.indexStamp],
    outputs: [join(own.cache, 'debs')],
    work: () => fetchPackages(own, apt, usedBy),
  });
  const files = await assembleAddons(own, os, images, packages, options.isQuick ? QUICK_LEVEL : LEVEL);
  return files.map((file) => `${file}  ${(statSync(file).size / 1e6).toFixed(1)} MB`).join('\n');
}

/** Each image by itself: what it would be made from lies in the root, and goes with an upgrade of that, while this stays. */
export function readAddons(own: BuildContext, names: readonly string[]): SystemImage[] {
  const images = readImages(own, names);
  for (const name of names) {
    const image = images.find((one) => one.name === name);
    if (image === undefined) throw new BuildError(`cannot build add-on "${name}": there is no system-services/${name}/image.yml`);
    if (image.spec.from !== undefined) throw new BuildError(`cannot build add-on "${name}": it is made from "${image.spec.from}", which an upgrade may take away`, { hint: 'leave out "from" and list what it needs' });
  }
  return images;
}

/** Everything after the downloads; needs no network. Returns the archives. */
export async function assembleAddons(own: BuildContext, os: OsSpec, images: readonly SystemImage[], packages: Packages, level = LEVEL): Promise<string[]> {
  await unpackPackages(own, packages);
  const layers = await buildLayers(own, os, packages, images);
  const list = listImages(own, images, layers, images.map(({ name }) => name));
  const files: string[] = [];
  for (const [tag, { id, config }] of Object.entries(list.images)) {
    const name = tag.slice(tag.indexOf('/') + 1, tag.lastIndexOf(':'));
    const layer = layers.get(name);
    if (layer === undefined) throw new BuildError(`cannot build add-on "${name}": it has no layer`);
    const file = join(own.out, `${name}.tar.zst`);
    await runStep(own, {
      name: `archive ${name}`,
      script: import.meta.filename,
      inputs: [tag, id, layer.sha256, level],
      outputs: [file],
      work: () => writeArchive(own, file, { tag, id, config, layer }, level),
    });
    files.push(file);
  }
  writeAddonSbom(own, os, packages, images, Object.fromEntries(Object.entries(list.images).map(([tag, { id }]) => [tag, id])), files);
  return files;
}

interface Contents { readonly tag: string; readonly id: string; readonly config: string; readonly layer: Layer }

async function writeArchive(own: BuildContext, file: string, { tag, id, config, layer }: Contents, level: number): Promise<void> {
  const configFile = `${id.replace('sha256:', '')}.json`;
  const layerFile = `${layer.sha256}/layer.tar`;
  const plain = join(own.work, 'archive.tar');
  const entry = (path: string, content: Buffer | string) => ({ path, kind: 'file' as const, mode: 0o644, content });
  writeTar(plain, [
    entry(configFile, Buffer.from(config)),
    { path: layer.sha256, kind: 'folder', mode: 0o755 },
    entry(layerFile, layer.file),
    entry('manifest.json', Buffer.from(JSON.stringify([{ Config: configFile, RepoTags: [tag], Layers: [layerFile] }]))),
  ]);
  const compress = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 } });
  await replaceByProgram(file, (partial) => pipeline(createReadStream(plain), compress, createWriteStream(partial, { mode: 0o644 })));
  rmSync(plain);
}

/** The bill of materials of build/addons, in the form of the image's. */
function writeAddonSbom(own: BuildContext, os: OsSpec, packages: Packages, images: readonly SystemImage[], ids: Readonly<Record<string, string>>, files: readonly string[]): void {
  const places = new Map<string, string[]>();
  for (const image of images) for (const { name } of image.spec.packages) places.set(name, [...new Set([...(places.get(name) ?? []), `add-on ${image.name}`])]);
  replaceFile(join(own.out, 'sbom.json'), `${JSON.stringify({
    format: 'corralos-sbom/1',
    name: 'CorralOS add-ons',
    version: own.version,
    suite: os.suite,
    files: Object.fromEntries(files.map((file) => [file.slice(own.out.length + 1), { sha256: hashFile(file) }])),
    images: ids,
    debian: packageRecords(own, packages, places),
  }, null, 2)}\n`);
}
