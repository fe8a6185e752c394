/** Reads /proc. */
import { readTextFile } from './files.ts';

const limit = 1024 * 1024;

export async function kernelCommandLine(): Promise<string> { return ((await readTextFile('/proc/cmdline', limit)) ?? '').trim(); }
export async function kernelRelease(): Promise<string> { return ((await readTextFile('/proc/sys/kernel/osrelease', limit)) ?? '').trim(); }
export async function bootId(): Promise<string> { return ((await readTextFile('/proc/sys/kernel/random/boot_id', limit)) ?? '').trim(); }

/** The name (comm) of a process, undefined when there is none with that pid. */
export async function processName(pid: number): Promise<string | undefined> {
  return (await readTextFile(`/proc/${pid}/comm`, limit).catch(() => undefined))?.trim();
}

/** Linux counts in hundredths here, whatever its timer does (USER_HZ). */
const msPerTick = 10;

/** When a process started, in ms since kernel start; undefined when there is none with that pid. */
export async function processStartMs(pid: number): Promise<number | undefined> {
  const stat = await readTextFile(`/proc/${pid}/stat`, limit).catch(() => undefined);
  // The name, in parentheses, may hold anything; the fields after it are numbers, and this is the 22nd of all.
  const ticks = Number(stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  return Number.isFinite(ticks) ? ticks * msPerTick : undefined;
}

export interface Mount { readonly source: string; readonly target: string; readonly type: string; readonly options: string }

export async function mounts(): Promise<Mount[]> { return parseMounts((await readTextFile('/proc/self/mounts', limit)) ?? ''); }

/** Parses /proc/mounts: fields apart by blanks, with blanks inside them as octal escapes. */
export function parseMounts(text: string): Mount[] {
  return text.split('\n').filter((line) => line !== '').map((line) => {
    const [source = '', target = '', type = '', options = ''] = line.split(' ').map((field) => field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));
    return { source, target, type, options };
  });
}
