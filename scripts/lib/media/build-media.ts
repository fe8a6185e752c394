/** `make formats`, top to bottom: the flavours' images, the boot loader, and of these each format. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buildImage } from '../build-image.ts';
import { subContext, type BuildContext } from '../context.ts';
import { replaceFile } from '../files.ts';
import { ensureHostTools, imageTools, mediaTools } from '../host-tools.ts';
import { packageRecords } from '../sbom.ts';
import { keepSizes } from '../sizes.ts';
import { readOsSpec, type Flavour } from '../spec.ts';
import { runStep } from '../step.ts';
import { buildBootloader, type Bootloader } from './bootloader.ts';
import { collectBootFiles, type BootFolder } from './boot-files.ts';
import { convertDisk, diskFile, installOn } from './disk.ts';
import { formatFile, readFormats, type Format } from './formats.ts';
import { buildIso } from './iso.ts';
import { buildPxe } from './pxe.ts';

/** Of zstd: a tenth larger, in a hundredth of the time. */
const quickLevel = 3;

/** Builds the formats of these names, or all. Returns a table of what they weigh. */
export async function buildMedia(shared: BuildContext, names: readonly string[], { isQuick, ...options }: { readonly refresh: boolean; readonly isQuick: boolean }): Promise<string> {
  const formats = readFormats(shared, names);
  await ensureHostTools([...imageTools, ...mediaTools]);
  const context = subContext(shared, 'media');
  const bootloader = await buildBootloader(shared, readOsSpec(shared), options);
  const folders = new Map<Flavour, BootFolder>();
  for (const flavour of new Set(formats.map(({ spec }) => spec.flavour))) {
    const image = await buildImage(shared, { ...options, flavour, ...(isQuick && flavour !== 'cloud' && { level: quickLevel }) });
    folders.set(flavour, collectBootFiles(shared, flavour, image, bootloader.folder));
  }
  const sizes: Record<string, number> = {};
  for (const format of formats) {
    const files = folders.get(format.spec.flavour);
    if (files === undefined) continue;
    const name = formatFile(format, shared.version);
    await buildFormat(context, format, files, bootloader.folder, join(context.out, name));
    sizes[name] = sizeOf(join(context.out, name));
  }
  writeMediaSbom(context, bootloader);
  return keepSizes(context, sizes);
}

/** What the media hold besides an image, whose own sbom.json lies beside it. */
function writeMediaSbom(context: BuildContext, { packages }: Bootloader): void {
  const places = new Map(Object.keys(packages).map((name) => [name, ['boot loader']]));
  const sbom = { format: 'corralos-sbom/1', name: 'CorralOS boot loader', version: context.version, debian: packageRecords(context, packages, places) };
  replaceFile(join(context.out, 'sbom.json'), `${JSON.stringify(sbom, null, 2)}\n`);
}

async function buildFormat(context: BuildContext, { name, spec }: Format, files: BootFolder, bootloader: string, result: string): Promise<void> {
  const { flavour, files: hashes, rootHash } = files.release;
  const disk = diskFile(context.work, flavour);
  if (spec.kind === 'disk') {
    await runStep(context, { name: `disk ${flavour}`, script: import.meta.filename, inputs: [hashes, rootHash], outputs: [disk], work: () => installOn(files, disk) });
  }
  await runStep(context, {
    name: `format ${name}`,
    script: import.meta.filename,
    inputs: [spec, hashes, rootHash],
    outputs: [result],
    work: async () => {
      switch (spec.kind) {
        case 'iso': return await buildIso(files, bootloader, join(context.work, 'iso'), result);
        case 'pxe': return buildPxe(files, result);
        case 'disk': return await convertDisk(disk, spec, result);
      }
    },
  });
}

function sizeOf(path: string): number {
  return statSync(path).isDirectory() ? readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0) : statSync(path).size;
}
