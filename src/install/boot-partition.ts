/** The EFI system partition, which GRUB reads on machines without EFI too. With mkfs.vfat and mtools, at an offset of the whole disk: nothing is mounted. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../sys/exec.ts';
import { emptyGrubEnvironment, globalConfig, globalConfigPath, grubConfig, grubStub } from './grub.ts';
import { bootLabel, sectorBytes, stableUuid, type PartitionPlan } from './layout.ts';
import { hashRange, wanted, type NeededFile, type Release } from './release.ts';
import { RosError } from '../lib/errors.ts';
import { readTextFile } from '../sys/files.ts';
import { installedParameters, type StatePlace } from './parameters.ts';

export interface Reproducible {
  /** What all identifiers are made of. */
  readonly seed: string;
  /** The time that everything on the disk bears, in seconds. */
  readonly epochS: number;
}

export interface BootPartition {
  readonly target: string;
  readonly partition: PartitionPlan;
  /** The medium's /corral. */
  readonly folder: string;
  readonly release: Release;
  readonly append: readonly string[];
  /** Where it is not as on a disk of our own layout. */
  readonly menu?: MenuOptions;
  /** For what is made on the way. */
  readonly workFolder: string;
  readonly reproducible?: Reproducible;
}

export interface MenuOptions extends StatePlace {
  /** Further files that the kernel unpacks, in `/corral/a`. */
  readonly initrds?: readonly string[];
}

const folders = ['/EFI', '/EFI/BOOT', '/EFI/debian', '/corral', '/corral/a', '/corral/b'];

/** Its files from the medium, and where each goes. */
export const bootFiles: readonly { readonly from: NeededFile; readonly to: string }[] = [
  { from: 'boot/mmx64.efi', to: '/EFI/BOOT/mmx64.efi' },
  { from: 'boot/grubx64.efi', to: '/EFI/BOOT/grubx64.efi' },
  { from: 'boot/shimx64.efi', to: '/EFI/BOOT/BOOTX64.EFI' },
  { from: 'vmlinuz', to: '/corral/a/vmlinuz' },
  { from: 'initramfs.img', to: '/corral/a/initramfs.img' },
];

/** Its files that are written here, by path. */
export function bootTexts(release: Release, append: readonly string[], { initrds, ...state }: MenuOptions = {}): Readonly<Record<string, string>> {
  const image = { name: `CorralOS ${release.version}`, folder: '/corral/a', rootHash: release.rootHash, kernelParameters: installedParameters(release, state), ...(initrds !== undefined && { initrds }) };
  return {
    [grubStub.path]: grubStub.text,
    [globalConfigPath]: globalConfig(append),
    '/corral/grubenv': emptyGrubEnvironment,
    '/corral/grub.cfg': grubConfig({ medium: 'disk', images: [image] }),
  };
}

/** Copying to a slow stick takes its time. */
const copyTimeoutMs = 600_000;

type OnFile = (path: string, bytes: number) => void;

export async function makeBootPartition(boot: BootPartition, onFile: OnFile): Promise<void> {
  const { target, partition, reproducible } = boot;
  const environment = environmentOf(reproducible);
  const sectors = partition.startBytes / sectorBytes;
  // Two KiB a cluster: with the default's 512 bytes the table is long, and GRUB slow to follow it; FAT32 has no fewer clusters than this gives.
  await run('mkfs.vfat', [
    '-I', '-F', '32', '-s', '4', '-S', String(sectorBytes), '-n', bootLabel, '-h', String(sectors), `--offset=${sectors}`,
    ...(reproducible === undefined ? [] : ['--invariant', '-i', stableUuid(reproducible.seed, 'fat').slice(0, 8)]), target, String(partition.bytes / 1024),
  ], { environment, timeoutMs: 120_000 });
  await fillBootPartition(boot, onFile);
}

/** What is there already stays, but for files of ours. The menu comes last. */
export async function fillBootPartition(boot: BootPartition, onFile: OnFile): Promise<void> {
  const { folder, release, append, workFolder, menu } = boot;
  await makeFolders(boot);
  for (const { from, to } of bootFiles) {
    await mtools('mcopy', boot, ['-o', join(folder, from), `::${to}`]);
    onFile(to, wanted(release, from).bytes);
  }
  for (const [path, text] of Object.entries(bootTexts(release, append, menu))) {
    const made = join(workFolder, 'boot', path);
    await mkdir(dirname(made), { recursive: true });
    await writeFile(made, text);
    await mtools('mcopy', boot, ['-o', made, `::${path}`]);
    onFile(path, text.length);
  }
}

/** mmd calls it a failure when one is there. */
export async function makeFolders(boot: MtoolsTarget): Promise<void> {
  for (const path of folders) {
    if (!(await mtools('mdir', boot, ['-b', `::${path}`]).then(() => true, () => false))) await mtools('mmd', boot, [`::${path}`]);
  }
}

/** Reads every file back. */
export async function checkBootPartition(boot: BootPartition, onFile: OnFile): Promise<void> {
  const { release, append, workFolder, menu } = boot;
  const readBack = join(workFolder, 'read-back');
  for (const { from, to } of bootFiles) {
    const { bytes, sha256 } = wanted(release, from);
    await mtools('mcopy', boot, ['-o', `::${to}`, readBack]);
    if (await hashRange(readBack, 0, bytes) !== sha256) throw notAsWritten(to);
    onFile(to, bytes);
  }
  for (const [path, text] of Object.entries(bootTexts(release, append, menu))) {
    await mtools('mcopy', boot, ['-o', `::${path}`, readBack]);
    if (await readTextFile(readBack, text.length + 1) !== text) throw notAsWritten(path);
  }
}

export function notAsWritten(what: string): RosError {
  return new RosError('ERR_ROS_VERIFY', `cannot verify "${what}": the disk gives back other bytes than were written`, { hint: 'the disk or its cable is bad; nothing can start from it' });
}

type MtoolsTarget = Pick<BootPartition, 'target' | 'partition' | 'reproducible'>;

/** `MTOOLSRC`: a machine's own settings for drives must not matter. */
export async function mtools(program: string, { target, partition, reproducible }: MtoolsTarget, args: readonly string[]): Promise<void> {
  // The image carries no tables of code pages, and 367 is the C library's own name for ASCII.
  await run(program, ['-i', `${target}@@${partition.startBytes}`, ...args], { environment: ['MTOOLSRC=/dev/null', 'DEFAULT_CODEPAGE=367', ...environmentOf(reproducible)], timeoutMs: copyTimeoutMs });
}

export function environmentOf(reproducible: Reproducible | undefined): readonly string[] {
  return reproducible === undefined ? [] : [`SOURCE_DATE_EPOCH=${reproducible.epochS}`, `E2FSPROGS_FAKE_TIME=${reproducible.epochS}`];
}
