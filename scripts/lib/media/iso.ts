/**
 * The ISO. It starts as a CD (El Torito) and as a disk (an MBR and a GPT in the same file), from BIOS and from UEFI; the EFI
 * system partition is a FAT image at its end, which both kinds of UEFI start share.
 */
import { copyFileSync, cpSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { grubConfig, grubStub, isoLabel } from '../../../src/install/grub.ts';
import { stableUuid } from '../../../src/install/layout.ts';
import { EPOCH } from '../context.ts';
import { replaceByProgram } from '../files.ts';
import { run } from '../run.ts';
import type { BootFolder } from './boot-files.ts';

const EFI_SYSTEM = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';
const BASIC_DATA = 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7';

/** A CD's GRUB comes from the medium as a whole, a stick's from its EFI system partition: either way the menu is on the disk that it is on. */
const efiStub = [
  'regexp --set=1:disk "^([^,]+)" "$root"',
  `if [ -e ($disk)/corral/grub.cfg ]; then set root=$disk; else search --no-floppy --set=root --label ${isoLabel}; fi`,
  'configfile /corral/grub.cfg',
  '',
].join('\n');

/** Bytes that depend on nothing but the files: xorriso, mkfs.vfat and mtools take the time from here. */
const environment = { SOURCE_DATE_EPOCH: String(EPOCH), MTOOLSRC: '/dev/null' };

export async function buildIso(files: BootFolder, bootloader: string, work: string, iso: string): Promise<void> {
  const { release } = files;
  rmSync(work, { recursive: true, force: true });
  const tree = join(work, 'tree');
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  };
  cpSync(files.folder, join(tree, 'corral'), { recursive: true });
  put('corral/grub.cfg', grubConfig({ medium: 'iso', images: [{ name: `CorralOS ${release.version}`, folder: '/corral', rootHash: release.rootHash, kernelParameters: release.kernelParameters }] }));
  put(grubStub.path, efiStub);
  mkdirSync(join(tree, 'boot'));
  copyFileSync(join(bootloader, 'eltorito.img'), join(tree, 'boot/eltorito.img')); // a copy: xorriso writes into it where it lies on the medium
  const efi = await makeEfiImage(bootloader, release.rootHash, work);
  await replaceByProgram(iso, (partial) => run('xorriso', [
    '-as', 'mkisofs', '-quiet', '-iso-level', '3', '-rational-rock', '-volid', isoLabel, '--set_all_file_dates', `=${EPOCH}`, '-output', partial,
    // BIOS, as a CD and by the MBR
    '-eltorito-catalog', 'boot/boot.cat', '-eltorito-boot', 'boot/eltorito.img', '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table', '--grub2-boot-info',
    '--grub2-mbr', join(bootloader, 'boot_hybrid.img'), '--protective-msdos-label', '--mbr-force-bootable',
    // UEFI, as a CD and by the GPT
    '-partition_offset', '16', '-partition_cyl_align', 'off', '-appended_part_as_gpt', '-iso_mbr_part_type', BASIC_DATA, '-append_partition', '2', EFI_SYSTEM, efi,
    '-eltorito-alt-boot', '-e', '--interval:appended_partition_2:::', '-no-emul-boot', tree,
  ], { env: environment }));
}

async function makeEfiImage(bootloader: string, seed: string, work: string): Promise<string> {
  const image = join(work, 'efi.img');
  const stub = join(work, 'grub.cfg');
  writeFileSync(stub, efiStub);
  const files = { 'EFI/BOOT/BOOTX64.EFI': 'shimx64.efi', 'EFI/BOOT/grubx64.efi': 'grubx64.efi', 'EFI/BOOT/mmx64.efi': 'mmx64.efi' };
  const kib = Math.ceil((Object.values(files).reduce((sum, name) => sum + statSync(join(bootloader, name)).size, 0) + (256 << 10)) / (1 << 20)) << 10;
  await run('mkfs.vfat', ['--invariant', '-i', stableUuid(seed, 'efi').slice(0, 8), '-n', 'CORRAL_EFI', '-C', image, String(kib)], { env: environment });
  await run('mmd', ['-i', image, '::EFI', '::EFI/BOOT', `::${dirname(grubStub.path)}`], { env: environment });
  for (const [to, name] of Object.entries(files)) await run('mcopy', ['-i', image, join(bootloader, name), `::${to}`], { env: environment });
  await run('mcopy', ['-i', image, stub, `::${grubStub.path}`], { env: environment });
  return image;
}
