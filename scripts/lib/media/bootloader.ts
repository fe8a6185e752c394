/**
 * What starts the kernel (image/formats/bootloader.yml): shim and GRUB for UEFI as Debian has signed them, and for BIOS GRUB's
 * images for a disk and for an ISO, made here so that an installation only copies them.
 */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { partitionNamed, diskLayout, bootLabel, smallestDiskBytes, sectorBytes } from '../../../src/install/layout.ts';
import { openApt } from '../apt.ts';
import { subContext, type BuildContext } from '../context.ts';
import { BuildError } from '../error.ts';
import { replaceFile } from '../files.ts';
import { fetchPackages, unpackedFolder, unpackPackages, type Packages } from '../packages.ts';
import { read, type OsSpec } from '../spec.ts';
import { runStep } from '../step.ts';
import { openToolbox } from '../tools.ts';

const names = z.array(z.union([z.string(), z.array(z.string())])).transform((list) => list.flat());
const bootloaderSpec = z.strictObject({ packages: names, libraries: names, modules: names });

export interface Bootloader {
  readonly folder: string;
  readonly packages: Packages;
}

/** Where GRUB finds its menu, on a disk's EFI system partition and on an ISO. */
const MENU_FOLDER = '/corral';

/** Names in the folder, and where they are in the packages. */
const copied = {
  'shimx64.efi': 'usr/lib/shim/shimx64.efi.signed',
  'mmx64.efi': 'usr/lib/shim/mmx64.efi.signed',
  'grubx64.efi': 'usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed',
  'boot_hybrid.img': 'usr/lib/grub/i386-pc/boot_hybrid.img',
} as const;

export async function buildBootloader(shared: BuildContext, os: OsSpec, options: { readonly refresh: boolean }): Promise<Bootloader> {
  const context = subContext(shared, 'boot');
  const file = join(context.source, 'image/formats/bootloader.yml');
  const spec = read(context, file, bootloaderSpec);
  const usedBy = new Map([...spec.packages, ...spec.libraries].map((name) => [name, 'image/formats/bootloader.yml']));
  const apt = await openApt(context, os.suite, options.refresh);
  const packages = await runStep(context, {
    name: 'packages of the boot loader',
    script: import.meta.filename,
    inputs: [[...usedBy.keys()].sort(), os.suite, apt.indexStamp],
    outputs: [join(context.cache, 'debs')],
    work: () => fetchPackages(context, apt, usedBy, 'boot'),
  });
  await unpackPackages(context, packages);
  const folders = Object.values(packages).map((one) => unpackedFolder(context, one));
  await runStep(context, {
    name: 'boot loader',
    script: import.meta.filename,
    inputs: [packages, spec],
    outputs: [...Object.keys(copied), 'boot.img', 'core.img', 'eltorito.img'].map((name) => join(context.out, name)),
    work: () => makeBootloader(context, folders, spec.modules),
  });
  return { folder: context.out, packages: Object.fromEntries(spec.packages.flatMap((name) => (packages[name] === undefined ? [] : [[name, packages[name]]]))) };
}

async function makeBootloader(context: BuildContext, folders: readonly string[], modules: readonly string[]): Promise<void> {
  const tools = openToolbox(folders);
  const find = (path: string): string => {
    const file = folders.map((folder) => join(folder, path)).find((candidate) => existsSync(candidate));
    if (file === undefined) throw new BuildError(`cannot find boot loader file "${path}": no package in image/formats/bootloader.yml has it`);
    return file;
  };
  for (const [name, from] of Object.entries(copied)) copyFileSync(find(from), join(context.out, name));

  const grub = dirname(find('usr/lib/grub/i386-pc/boot.img'));
  const make = async (options: readonly string[]): Promise<Buffer> => {
    const made = join(context.work, 'image');
    await tools.run('grub-mkimage', [`--directory=${grub}`, `--output=${made}`, ...options, ...modules]);
    return readFileSync(made);
  };
  const layout = diskLayout(smallestDiskBytes);
  const coreSector = partitionNamed(layout, 'bios').startBytes / sectorBytes;
  replaceFile(join(context.out, 'boot.img'), bootSector(readFileSync(join(grub, 'boot.img')), coreSector));
  const config = join(context.work, 'disk.cfg');
  writeFileSync(config, diskConfig);
  const core = await make(['--format=i386-pc', `--prefix=(,gpt${partitionNamed(layout, 'esp').number})${MENU_FOLDER}`, `--config=${config}`]);
  replaceFile(join(context.out, 'core.img'), coreImage(core, coreSector));
  replaceFile(join(context.out, 'eltorito.img'), await make(['--format=i386-pc-eltorito', `--prefix=${MENU_FOLDER}`]));
}

/** The disk that was started from is asked first: another one may have a partition of the same name. */
const diskConfig = `search.fs_label ${bootLabel} root $root\nset prefix=($root)${MENU_FOLDER}\n`;

/** Offsets in boot.img, of GRUB's include/grub/i386/pc/boot.h: where the core begins, and the place for a two-byte jump that trusts no BIOS' word on the drive. */
const KERNEL_SECTOR = 0x5c;
const DRIVE_CHECK = 0x66;
const NOP_NOP = 0x9090;

/** What grub-bios-setup does to boot.img: it then loads the core from that sector, and takes itself to be on a hard disk. */
export function bootSector(image: Buffer, coreSector: number): Buffer {
  if (image.length !== sectorBytes || image.readUInt16LE(sectorBytes - 2) !== 0xaa55) throw new BuildError('cannot use GRUB\'s boot.img: it is not a boot sector');
  const sector = Buffer.from(image);
  sector.writeBigUInt64LE(BigInt(coreSector), KERNEL_SECTOR);
  sector.writeUInt16LE(NOP_NOP, DRIVE_CHECK);
  return sector;
}

/** The first sector of a core image loads the others, from a list at its end: this one says that they follow it. */
export function coreImage(image: Buffer, coreSector: number): Buffer {
  const core = Buffer.concat([image, Buffer.alloc((sectorBytes - (image.length % sectorBytes)) % sectorBytes)]);
  const list = sectorBytes - 12;
  const sectors = core.readUInt16LE(list + 8);
  if (sectors !== core.length / sectorBytes - 1) throw new BuildError(`cannot use GRUB's core image: it lists ${sectors} sectors after the first and has ${core.length / sectorBytes - 1}`);
  core.writeBigUInt64LE(BigInt(coreSector + 1), list);
  return core;
}
