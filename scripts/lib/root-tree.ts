/** The root tree: packages, image/root on top, the kernel's modules, ros, the programs of our own, the services' manifests, the repository and the system images. */
import { chmodSync, copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkLibraries, findLibrary, missingNeeds, Union } from './check-libraries.ts';
import type { BuildContext } from './context.ts';
import { linkDuplicates } from './duplicates.ts';
import { readElfNeeds } from './elf.ts';
import { BuildError } from './error.ts';
import { editFile } from './files.ts';
import { hashFile, hashTree, sha256 } from './hash.ts';
import { installModules, selectModules, type KernelModules } from './kernel-modules.ts';
import { collectLicences } from './licences.ts';
import { unpackedFolder, type Packages } from './packages.ts';
import { compileProgram } from './programs.ts';
import type { OsSpec } from './spec.ts';
import { runStep } from './step.ts';
import { installLayers, offeredServices, treeFolder, type Layer, type SystemImage, type SystemImageList } from './system-images.ts';
import type { Toolbox } from './tools.ts';
import { buildTree } from './tree.ts';
import { dropExports, symbolNames } from './trim-exports.ts';

export interface RootParts {
  /** where the system images were built: flavours share them */
  readonly shared: BuildContext;
  readonly os: OsSpec;
  readonly packages: Packages;
  readonly kernel: KernelModules;
  readonly tools: Toolbox;
  readonly ros: string;
  /** folders of node_modules whose code is in ros */
  readonly npmFolders: readonly string[];
  readonly images: readonly SystemImage[];
  readonly layers: ReadonlyMap<string, Layer>;
  readonly list: SystemImageList;
}

/** Returns the tree's folder and a hash of all that went into it. */
export async function buildRootTree(context: BuildContext, parts: RootParts): Promise<{ folder: string; inputs: string }> {
  const { os, packages } = parts;
  const folder = join(context.work, 'root');
  const overlay = join(context.source, 'image/root');
  const programs = join(context.source, 'image/programs');
  const services = join(context.source, 'system-services');
  const { compression: _, ...spec } = os.root;
  const inputs = [
    spec, os.exclude, os.kernel, os.services, offeredServices(os), packages, parts.kernel.release, parts.list, parts.npmFolders, context.version,
    hashTree(overlay), hashTree(programs), hashFile(parts.ros), [...os.services, ...offeredServices(os)].map((name) => hashTree(join(services, name, 'service.yml'))),
  ];
  const digest = await runStep(context, {
    name: 'root tree',
    script: import.meta.filename,
    inputs,
    outputs: [folder],
    work: async () => {
      const chosen = spec.packages.map(({ name }) => packages[name]).filter((one) => one !== undefined);
      await buildTree(folder, spec, {
        name: 'the root', exclude: os.exclude, overlays: [overlay], below: [],
        packages: new Map(chosen.map((one) => [one.name, unpackedFolder(context, one)])),
      });
      await installModules(parts.kernel, selectModules(parts.kernel, os.kernel.modules, os.kernel.without), folder, parts.tools);
      install(parts.ros, join(folder, 'usr/bin/ros'), 0o755);
      for (const source of readdirSync(programs).filter((name) => name.endsWith('.c')).sort()) chmodSync(await compileProgram(join(programs, source), join(folder, 'usr/bin')), 0o755);
      const share = join(folder, 'usr/share/ros');
      for (const name of os.services) installManifest(join(services, name), join(share, 'services', name, 'service.yml'));
      installRepository(services, offeredServices(os), join(share, 'repository'));
      writeFileSync(join(share, 'os-release'), osRelease(context), { mode: 0o644 });
      writeFileSync(join(share, 'licenses.txt'), collectLicences(context, packages, parts.npmFolders), { mode: 0o644 });
      checkLibraries('the root', [folder]);
      checkBoundPrograms(parts.shared, folder, parts.images);
      for (const path of os.root.unexport) dropUnusedExports(folder, path);
      await installLayers(folder, parts.list, parts.layers); // after the checks: their libraries are in their own chain
      linkDuplicates(folder);
      // the inputs, too: of modes and owners a tree's hash knows only the executable bit
      return sha256(JSON.stringify([inputs, hashTree(folder)]));
    },
  });
  return { folder, inputs: digest };
}

function install(from: string, to: string, mode: number): void {
  mkdirSync(dirname(to), { recursive: true });
  rmSync(to, { force: true });
  // one big file less to write; nothing changes either of them in place
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
  chmodSync(to, mode);
}

function installManifest(service: string, to: string): void {
  const manifest = join(service, 'service.yml');
  if (!existsSync(manifest)) throw new BuildError(`cannot ship service "${service}": it has no service.yml`);
  install(manifest, to, 0o644);
}

/** In the form of RancherOS's repositories: an index, and each service's file in a folder of its first letter. */
function installRepository(services: string, names: readonly string[], folder: string): void {
  for (const name of names) installManifest(join(services, name), join(folder, name.slice(0, 1), `${name}.yml`));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'index.yml'), repositoryIndex(names), { mode: 0o644 });
}

function repositoryIndex(names: readonly string[]): string {
  return [names.length === 0 ? 'services: []' : ['services:', ...[...names].sort().map((name) => `  - ${name}`)].join('\n'), 'consoles: []', 'engines: []', ''].join('\n');
}

function dropUnusedExports(root: string, path: string): void {
  const union = new Union([root]);
  const file = union.file(path);
  const needs = file === undefined ? undefined : readElfNeeds(file);
  if (file === undefined || needs === undefined) throw new BuildError(`cannot drop exports of program "${path}": the root has no such program`);
  const libraries = needs.libraries.map((library) => findLibrary(union, path, needs, library)).filter((library) => library !== undefined);
  const wanted = new Set(libraries.flatMap((library) => symbolNames(readFileSync(library))));
  editFile(root, path, 'drop exports of', (program) => dropExports(program, (name) => wanted.has(name)));
}

function osRelease(context: BuildContext): string {
  const version = context.version.replace(/^v/, '');
  return [
    'NAME="CorralOS"',
    'ID=corralos',
    'ID_LIKE=debian',
    `VERSION=${context.version}`,
    `VERSION_ID=${version}`,
    `PRETTY_NAME="CorralOS ${context.version}"`,
    '',
  ].join('\n');
}

/**
 * The engine's programs and ros are not in the images but bind-mounted from the root, so an image that uses one must
 * have its libraries. The services' manifests tell which: every `/usr/bin/x:/usr/bin/x` in them.
 */
function checkBoundPrograms(context: BuildContext, root: string, images: readonly SystemImage[]): void {
  const host = new Union([root]);
  const problems: string[] = [];
  for (const image of images) {
    const manifest = join(context.source, 'system-services', image.name, 'service.yml');
    if (!existsSync(manifest)) continue;
    const union = new Union(image.chain.map((name) => treeFolder(context, name)));
    for (const path of boundPrograms(manifest)) {
      const file = host.file(path);
      if (file === undefined) {
        problems.push(`cannot bind program "${path}" into image ${image.name}: the root has no such file`);
        continue;
      }
      const missing = missingNeeds(union, path, readElfNeeds(file) ?? { interpreter: undefined, libraries: [], searchPaths: [] });
      if (missing.length > 0) problems.push(`cannot run program "${path}" of the root in image ${image.name}: no ${missing.join(', ')} there`);
    }
  }
  if (problems.length > 0) throw new BuildError(problems.join('\n'), { hint: 'add the packages that bring the libraries to the image.yml' });
}

function boundPrograms(manifest: string): string[] {
  return [...new Set([...readFileSync(manifest, 'utf8').matchAll(/(\/usr\/s?bin\/[\w.-]+):\//g)].map(([, path]) => path ?? ''))];
}
