/** The ways in which a cloud-config comes to a machine under test: what each adds to it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeConfigDrive } from '../../scripts/qemu-host.ts';
import type { Drive } from '../../scripts/qemu-args.ts';
import { makeVfatDrive } from './config-vfat.ts';

export type ConfigDrive = 'iso' | 'vfat' | 'nocloud-cd' | 'fw_cfg' | 'smbios';

/** A drive of the machine's, or further arguments of QEMU. `place` is the path that files are made at, without an ending. */
export async function configDrive(kind: ConfigDrive, userData: string, place: string, metaData?: object): Promise<{ readonly config?: Drive; readonly extra?: readonly string[] }> {
  switch (kind) {
    case 'iso': return { config: makeConfigDrive(userData, `${place}.config.iso`, metaData) };
    case 'vfat': return { config: await makeVfatDrive(userData, `${place}.config.vfat`) };
    case 'nocloud-cd': return { extra: ['-drive', `file=${makeSeed(userData, place)},media=cdrom,format=raw,readonly=on`] };
    case 'fw_cfg': {
      writeFileSync(`${place}.user-data`, userData);
      return { extra: ['-fw_cfg', `name=opt/org.corralos/config,file=${place}.user-data`] };
    }
    case 'smbios': return { extra: ['-smbios', `type=11,value=org.corralos.config.base64=${Buffer.from(userData).toString('base64')}`] };
  }
}

/** In a drive of its own, whose driver the machine loads late: what is on it comes while the boot is under way. */
function makeSeed(userData: string, place: string): string {
  const folder = `${place}.seed`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'user-data'), userData);
  writeFileSync(join(folder, 'meta-data'), 'instance-id: i-1\n');
  execFileSync('genisoimage', ['-quiet', '-rational-rock', '-joliet', '-V', 'cidata', '-o', `${place}.seed.iso`, folder], { stdio: ['ignore', 'ignore', 'pipe'] });
  return `${place}.seed.iso`;
}
