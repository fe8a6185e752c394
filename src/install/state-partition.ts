/** The state partition, made with the cloud-config in it, at an offset of the whole disk: nothing is mounted. */
import { chmod, chown, mkdir, mkdtemp, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { RosError } from '../lib/errors.ts';
import { run, tryRun } from '../sys/exec.ts';
import { environmentOf, type Reproducible } from './boot-partition.ts';
import { mib, stableUuid, stateLabel, type PartitionPlan } from './layout.ts';

export interface StatePartition {
  readonly target: string;
  readonly partition: PartitionPlan;
  /** Files by path, all of them root's alone. */
  readonly files: Readonly<Record<string, string>>;
  readonly workFolder: string;
  /** Files bear the time at which they are written all the same. */
  readonly reproducible?: Reproducible;
}

const confPath = '/var/lib/rancher/conf';
export const userConfigPath = `${confPath}/cloud-config.d/user_config.yml`;

const formatTimeoutMs = 900_000;
/** By itself mke2fs gives a large disk a journal of 1 GiB, all of which it writes. */
const journal = { fromBytes: 16 * 1024 * mib, mib: 128 } as const;

export async function makeStatePartition({ target, partition, files, workFolder, reproducible }: StatePartition): Promise<void> {
  const tree = join(workFolder, 'state');
  await mkdir(tree, { recursive: true, mode: 0o755 });
  for (const [path, text] of Object.entries(files)) await put(tree, path, text);
  const ids = reproducible === undefined ? [] : ['-U', stableUuid(reproducible.seed, 'state-uuid')];
  const options = [`offset=${partition.startBytes}`, 'nodiscard', 'root_owner=0:0', ...(reproducible === undefined ? [] : [`hash_seed=${stableUuid(reproducible.seed, 'state-hash')}`])];
  await run('mke2fs', ['-q', '-F', '-t', 'ext4', '-L', stateLabel, ...ids, ...(partition.bytes < journal.fromBytes ? [] : ['-J', `size=${journal.mib}`]), '-E', options.join(','), ...(Object.keys(files).length === 0 ? [] : ['-d', tree]), target, `${partition.bytes / 1024}k`], { environment: environmentOf(reproducible), timeoutMs: formatTimeoutMs });
}

async function put(tree: string, path: string, text: string): Promise<void> {
  const made = join(tree, path);
  await mkdir(dirname(made), { recursive: true, mode: 0o755 });
  // As the supervisor makes the folder: there are secrets in it.
  if (path.startsWith(confPath)) await chmod(join(tree, confPath), 0o700);
  await writeFile(made, text, { mode: 0o600 });
  if (process.geteuid?.() === 0) await chown(made, 0, 0);
}

/** A filesystem just made has nothing to mend. */
export async function checkStatePartition(target: string, { startBytes }: PartitionPlan): Promise<void> {
  const { code, stdout, stderr } = await tryRun('e2fsck', ['-f', '-n', `${target}?offset=${startBytes}`], { timeoutMs: formatTimeoutMs });
  if (code !== 0) throw new RosError('ERR_ROS_VERIFY', `cannot verify state partition: ${(stderr || stdout).trim().split('\n').slice(-2).join('; ')}`);
}

/** Its partition is not in a table yet, so it is mounted through a loop device. */
export async function withStateMounted(target: string, { startBytes, bytes }: PartitionPlan, work: (folder: string) => Promise<void>): Promise<void> {
  await withMounted(target, ['-t', 'ext4', '-o', `loop,offset=${startBytes},sizelimit=${bytes}`], work);
}

export async function withMounted(source: string, options: readonly string[], work: (folder: string) => Promise<void>): Promise<void> {
  const point = await mkdtemp(join(tmpdir(), 'ros-state-'));
  try {
    await run('mount', [...options, source, point], { timeoutMs: 60_000 });
    try { await work(point); } finally { await run('umount', [point], { timeoutMs: formatTimeoutMs }); }
  } finally {
    await rmdir(point);
  }
}
