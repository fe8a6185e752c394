/** The build, top to bottom. */
import { join } from 'node:path';
import { openApt } from './apt.ts';
import { subContext, type BuildContext } from './context.ts';
import { BuildError } from './error.ts';
import { replaceByCopy } from './files.ts';
import { sha256 } from './hash.ts';
import { ensureHostTools, imageTools } from './host-tools.ts';
import { buildInitramfs } from './initramfs.ts';
import { readKernelModules, type KernelModules } from './kernel-modules.ts';
import { fetchPackages, resolvePackages, unpackedFolder, unpackPackages, type Packages } from './packages.ts';
import { buildRootImage } from './root-image.ts';
import { buildRootTree } from './root-tree.ts';
import { buildRos } from './ros-binary.ts';
import { writeSbom } from './sbom.ts';
import { readOsSpec, type Flavour, type OsSpec } from './spec.ts';
import { runStep } from './step.ts';
import { buildLayers, carriedServices, listImages, readSystemImages, type SystemImage } from './system-images.ts';
import { openToolbox, type Toolbox } from './tools.ts';

/** Builds one flavour; returns where its results are. */
export async function buildImage(shared: BuildContext, options: { readonly refresh: boolean; readonly flavour?: Flavour; readonly level?: number }): Promise<BuildContext> {
  await ensureHostTools(imageTools);
  const { flavour = 'cloud', refresh } = options;
  const context = flavourContext(shared, flavour);
  const os = leveled(readOsSpec(context, flavour), options.level);
  const images = readSystemImages(context, os);
  const { packages, kernelPackage } = await packagesStep(context, os, images, { refresh, flavour });
  await assemble(context, os, images, packages, kernelPackage, shared);
  return context;
}

/** Compressed as the spec says, or with another level of zstd. */
function leveled(os: OsSpec, level: number | undefined): OsSpec {
  return level === undefined ? os : { ...os, root: { ...os.root, compression: { ...os.root.compression, level } } };
}

/** The cloud's is the image itself; another one has a folder of its own beside it. */
export function flavourContext(shared: BuildContext, flavour: Flavour): BuildContext {
  return flavour === 'cloud' ? shared : subContext(shared, flavour);
}

/** Everything after the downloads; needs no network. What does not differ between flavours is built once, in `shared`. */
export async function assemble(context: BuildContext, os: OsSpec, images: readonly SystemImage[], packages: Packages, kernelPackage: string, shared = context): Promise<void> {
  await unpackPackages(context, packages);
  const folderOf = (name: string): string => {
    const one = packages[name];
    if (one === undefined) throw new BuildError(`cannot find package "${name}": nothing lists it in image/os.yml`);
    return unpackedFolder(context, one);
  };
  const tools = openToolbox(os.tools.map(folderOf));
  const toolVersions = os.tools.map((name) => packages[name]?.sha256);
  const kernel = await kernelStep(context, packages, kernelPackage, folderOf(kernelPackage), tools);

  const ros = await buildRos(shared);
  const layers = await buildLayers(shared, os, packages, images);
  const list = listImages(context, images, layers, carriedServices(os));

  await buildInitramfs(context, os, { kernel, tools, toolVersions, busybox: join(folderOf('busybox-static'), 'usr/bin/busybox') });
  const tree = await buildRootTree(context, { shared, os, packages, kernel, tools, ros: ros.file, npmFolders: ros.modules, images, layers, list });
  await buildRootImage(context, os, tools, toolVersions, tree);
  writeSbom(context, { os, packages, kernelPackage, images, list, npmFolders: ros.modules, results: ['vmlinuz', 'initramfs.img', 'root.img', 'root.roothash'] });
}

interface Fetched { readonly packages: Packages; readonly kernelPackage: string }

/** Versions and hashes of every package that something lists, and their files in the cache. */
async function packagesStep(context: BuildContext, os: OsSpec, images: readonly SystemImage[], { refresh, flavour }: { readonly refresh: boolean; readonly flavour: Flavour }): Promise<Fetched> {
  const usedBy = new Map<string, string>();
  const note = (name: string, where: string): void => { if (!usedBy.has(name)) usedBy.set(name, where); };
  for (const name of os.tools) note(name, 'image/os.yml, tools');
  for (const { name } of os.root.packages) note(name, 'image/os.yml, root.packages');
  for (const image of images) for (const { name } of image.spec.packages) note(name, `system-services/${image.name}/image.yml`);
  const apt = await openApt(context, os.suite, refresh);
  return await runStep(context, {
    name: 'packages',
    script: import.meta.filename,
    inputs: [[...usedBy.keys()].sort(), os.suite, os.kernel.package, apt.indexStamp],
    outputs: [join(context.cache, 'debs')],
    work: async () => {
      const kernelPackage = await realKernel(apt, os.kernel.package);
      note(kernelPackage, 'image/os.yml, kernel.package');
      return { packages: await fetchPackages(context, apt, usedBy, flavour), kernelPackage };
    },
  });
}

/** `linux-image-cloud-amd64` only depends on the package with the kernel of the day. */
async function realKernel(apt: Parameters<typeof fetchPackages>[1], name: string): Promise<string> {
  const found = (await resolvePackages(apt, [name]))[name];
  if (found === undefined) throw new BuildError(`cannot find package "${name}": the suite has none of that name (it is listed in image/os.yml, kernel.package)`);
  return /^linux-image-\d\S*/.exec(found.depends)?.[0] ?? name;
}

/** The kernel itself, and what is known about its modules. */
async function kernelStep(context: BuildContext, packages: Packages, name: string, folder: string, tools: Toolbox): Promise<KernelModules> {
  const vmlinuz = join(context.out, 'vmlinuz');
  const stored = await runStep(context, {
    name: 'kernel',
    script: import.meta.filename,
    inputs: [packages[name]?.sha256, sha256(folder)],
    outputs: [vmlinuz],
    work: async () => {
      const modules = await readKernelModules(folder, tools, join(context.work, 'depmod'));
      replaceByCopy(vmlinuz, join(folder, 'boot', `vmlinuz-${modules.release}`));
      return { ...modules, dependencies: [...modules.dependencies], builtin: [...modules.builtin] };
    },
  });
  return { ...stored, dependencies: new Map(stored.dependencies), builtin: new Set(stored.builtin) };
}
