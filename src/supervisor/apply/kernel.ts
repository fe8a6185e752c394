/** Settings and modules of the kernel. */
import { writeFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { Settings } from '../../config/index.ts';
import { causeOf, RosError } from '../../lib/errors.ts';
import { tryRun } from '../../sys/exec.ts';
import { isErrno, readTextFile, writeFileAtomic } from '../../sys/files.ts';
import { hardeningSysctls } from '../hardening.ts';
import { paths } from '../machine.ts';
import type { Part } from './part.ts';

/** What the system itself wants; the configuration may say otherwise. Forwarding of IPv6 is switched on by plane-network, which leaves each interface a host's. */
const defaults: Readonly<Record<string, string>> = {
  // Answers for modules that nobody has (image/programs/kernel-modprobe.c).
  'kernel.modprobe': '/usr/bin/kernel-modprobe',
  'net.ipv4.ip_forward': '1',
  ...hardeningSysctls,
  'vm.min_free_kbytes': String(minFreeKb(totalmem() / 1024)),
};

/**
 * What the kernel keeps free for itself, by its own formula (mm/page_alloc.c, in KiB). A kernel built for huge pages
 * everywhere raises that to 45 MB and more at boot, of which a small machine sees nothing again.
 */
function minFreeKb(memoryKb: number): number { return Math.min(Math.max(Math.floor(Math.sqrt(memoryKb * 16)), 128), 262_144); }

/** What the kernel had where the configuration said otherwise: a setting that leaves the configuration goes back to it. */
const originalsFile = join(paths.run, 'sysctl.json');
const limit = 256 * 1024;
const modprobeMs = 30_000;

export const sysctlPart: Part = {
  name: 'sysctl', keys: ['rancher.sysctl'], effect: 'now',
  of: ({ sysctl }) => sysctl,
  what: (before, after) => `rancher.sysctl: ${changedKeys(before.sysctl, after.sysctl).join(', ')}`,
  boot: (_machine, { sysctl }) => setSysctls({ ...defaults, ...sysctl }, sysctl),
  async apply(_machine, before, after) {
    const gone = Object.keys(before.sysctl).filter((key) => !(key in after.sysctl));
    const originals = await readOriginals(originalsFile);
    const back = Object.fromEntries(gone.flatMap((key) => { const value = defaults[key] ?? originals[key]; return value === undefined ? [] : [[key, value]]; }));
    await setSysctls({ ...back, ...after.sysctl }, after.sysctl);
  },
};

/**
 * Sets kernel settings; what cannot be set does not keep the others from it, and is told of all together. The kernel's own
 * value of each of `configured` is kept the first time.
 */
export async function setSysctls(values: Readonly<Record<string, string>>, configured: Readonly<Record<string, string>>, root = '/proc/sys', keep: string = originalsFile): Promise<void> {
  const failures: string[] = [];
  const known = Object.keys(configured).length === 0 ? {} : await readOriginals(keep);
  const originals = { ...known };
  for (const [key, value] of Object.entries(values)) {
    const path = join(root, key.split('.').join('/'));
    try {
      if (key.includes('..') || key.includes('/')) throw new Error('not a name of a kernel setting');
      if (key in configured && !(key in originals)) {
        const original = (await readTextFile(path, limit).catch(() => undefined))?.trim(); // some can only be written
        if (original !== undefined) originals[key] = defaults[key] ?? original;
      }
      await writeFile(path, value, { flag: 'r+' });
    } catch (error) {
      // A kernel built without something has nothing there to harden.
      if (key in hardeningSysctls && !(key in configured) && isErrno(error, 'ENOENT')) continue;
      failures.push(`"${key}": ${causeOf(error)}`);
    }
  }
  if (Object.keys(originals).length > Object.keys(known).length) await writeFileAtomic(keep, JSON.stringify(originals), 0o600);
  if (failures.length > 0) throw new RosError('ERR_ROS_SYSCTL', `cannot set kernel setting ${failures.join('; ')}`);
}

async function readOriginals(file: string): Promise<Record<string, string>> {
  try { return JSON.parse((await readTextFile(file, limit)) ?? '{}') as Record<string, string>; } catch { return {}; }
}

export const modulesPart: Part = {
  name: 'modules', keys: ['rancher.modules'], effect: 'now',
  of: ({ modules }) => modules,
  what: (before, after) => {
    const gone = before.modules.filter((line) => !after.modules.includes(line));
    return `rancher.modules: ${[...after.modules.filter((line) => !before.modules.includes(line)).map((line) => `load ${nameOf(line)}`), ...gone.map((line) => `${nameOf(line)} stays until the next boot`)].join(', ')}`;
  },
  boot: (_machine, { modules }) => loadModuleLines(modules),
  apply: (_machine, _before, after) => loadModuleLines(after.modules), // one that is loaded already is no error
};

/** Each a name, with parameters behind it. */
async function loadModuleLines(modules: Settings['modules']): Promise<void> {
  const failures: string[] = [];
  for (const line of modules) {
    const { code, stderr } = await tryRun('modprobe', ['--', ...line.trim().split(/\s+/)], { timeoutMs: modprobeMs });
    if (code !== 0) failures.push(`"${nameOf(line)}": ${stderr.trim().split('\n').at(-1) ?? ''}`);
  }
  if (failures.length > 0) throw new RosError('ERR_ROS_MODULE', `cannot load kernel module ${failures.join('; ')}`);
}

function nameOf(line: string): string { return line.trim().split(/\s+/)[0] ?? ''; }
function changedKeys(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((key) => before[key] !== after[key]).sort();
}
