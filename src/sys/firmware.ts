/** What the firmware, real or a hypervisor's, says of the machine: SMBIOS (DMI) and QEMU's fw_cfg. */
import { join } from 'node:path';
import { tryRun } from './exec.ts';
import { exists, readBytes, readTextFile } from './files.ts';

export interface Dmi {
  readonly vendor: string;
  readonly product: string;
  readonly serial: string;
  readonly assetTag: string;
  readonly biosVendor: string;
  /** Free texts of the maker (SMBIOS type 11). */
  readonly oemStrings: readonly string[];
}

const maxTableBytes = 1024 * 1024;

/** Never throws: what is not there, or only root may read, is empty. `sys` is where sysfs is mounted. */
export async function readDmi(sys = '/sys'): Promise<Dmi> {
  const field = async (name: string): Promise<string> => ((await readTextFile(join(sys, 'class/dmi/id', name), 4096).catch(() => undefined)) ?? '').trim();
  const [vendor, product, serial, assetTag, biosVendor, table] = await Promise.all([
    field('sys_vendor'), field('product_name'), field('product_serial'), field('chassis_asset_tag'), field('bios_vendor'),
    readBytes(join(sys, 'firmware/dmi/tables/DMI'), maxTableBytes).catch(() => undefined),
  ]);
  return { vendor, product, serial, assetTag, biosVendor, oemStrings: table === undefined ? [] : oemStrings(table) };
}

const oemStringsType = 11;
const endType = 127;

/** The texts of all structures of type 11. Each structure: type, length, handle, fields; then its texts, each ended by 0, and one 0 more. */
export function oemStrings(table: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 0; at + 4 <= table.length;) {
    const type = table[at] ?? endType;
    const headerLength = table[at + 1] ?? 0;
    if (type === endType || headerLength < 4) break;
    const start = at + headerLength;
    const end = table.indexOf('\0\0', start, 'latin1');
    if (end < 0) break;
    if (type === oemStringsType) texts.push(...table.subarray(start, end).toString('utf8').split('\0').filter((text) => text !== ''));
    at = end + 2;
  }
  return texts;
}

/** A file that QEMU was given with `-fw_cfg name=NAME,…`; undefined when there is none. Throws when it is over `maxBytes`. */
export async function readFwCfg(name: string, maxBytes: number, sys = '/sys'): Promise<Buffer | undefined> {
  const root = join(sys, 'firmware/qemu_fw_cfg');
  if (!(await exists(root))) {
    // The device is in ACPI's tables when there is one: a machine without it is spared the search for its driver.
    if (!(await exists(join(sys, 'bus/acpi/devices/QEMU0002:00')))) return undefined;
    await tryRun('modprobe', ['-q', 'qemu_fw_cfg'], { timeoutMs: 15_000 });
  }
  return readBytes(join(root, 'by_name', name, 'raw'), maxBytes);
}
