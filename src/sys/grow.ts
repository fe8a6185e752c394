/** Makes partitions and filesystems larger, in steps of which each leaves a whole disk when the power goes. */
import type { Geometry } from './block.ts';
import { sectorBytes } from './block.ts';
import { run, runTool } from './exec.ts';

const mib = 1024 * 1024;
/** What a GPT keeps at the end of a disk, with the alignment of partitions' ends. */
const tailSectors = 2048 + 33;
/** Less is not worth writing a partition table for. */
const leastSectors = 8 * mib / sectorBytes;

/** Whether a partition has room behind it that is worth taking. Pure. */
export function mayGrow({ sectors, partition }: Geometry): boolean {
  if (partition === undefined || !partition.isLast) return false;
  return partition.diskSectors - tailSectors - (partition.start + sectors) >= leastSectors;
}

/** Whether the device has room for more of its filesystem: also after a power cut between the two steps. Pure. */
export function filesystemMayGrow(filesystemBytes: number, { sectors }: Geometry): boolean { return sectors * sectorBytes - filesystemBytes >= leastSectors * sectorBytes; }

/** To the end of its disk. libfdisk writes the copy of a table before the table, so that one of the two is whole at any moment. */
export async function growPartition({ disk, number }: NonNullable<Geometry['partition']>, isGpt: boolean): Promise<void> {
  // Other partitions of the disk may be in use (the root image): the kernel is told of this one alone.
  if (isGpt) await runTool('sfdisk', ['--quiet', '--no-reread', '--force', '--relocate', 'gpt-bak-std', disk], { timeoutMs: 60_000 });
  await runTool('sfdisk', ['--quiet', '--no-reread', '--force', '-N', String(number), disk], { input: ', +\n', timeoutMs: 60_000 });
}

/** Of a mounted ext4: the kernel does it, through the journal. */
export async function growFilesystem(device: string): Promise<void> { await run('resize2fs', [device], { timeoutMs: 300_000 }); }
