/** Datasources that need no network: asked before state is open, and once it is, when the configuration there names others. */
import { chooseDatasources, probeDatasources, type Facts, type Probe, type ProbeOptions, type Volumes } from '../../config/index.ts';
import { RosError } from '../../lib/errors.ts';
import { mountOnce, unmount } from '../../sys/disk.ts';
import { readDmi, readFwCfg } from '../../sys/firmware.ts';
import { readGuestInfo } from '../../sys/guest-info.ts';
import { gateways } from '../../sys/net.ts';
import { kernelCommandLine } from '../../sys/proc.ts';
import { sharedFolderTags, volumeLabels } from '../../sys/volumes.ts';
import type { Machine } from '../machine.ts';

/** Long for a drive, which answers at once; a boot never waits longer than this for a datasource. */
const localTimeoutMs = 20_000;
const drivePoint = '/run/ros/config-drive';
const maxFileBytes = 1024 * 1024;

/**
 * Asks those that were not asked before in this boot, and `file:` again, whose file may be on a disk that is there now;
 * with `again`, all of them.
 */
export async function askLocalDatasources(machine: Machine, { again = false } = {}): Promise<void> {
  const facts = await readFacts();
  const { choices, problems } = chooseDatasources(machine.settings.datasources, facts);
  const asked = again ? [] : machine.found.asked ?? [];
  const now = choices.filter(({ datasource, source }) => datasource.needs === 'nothing' && (datasource.name === 'file' || !asked.includes(source)));
  const probe = await probeDatasources(now, optionsFor(machine, facts, { timeoutMs: localTimeoutMs, retry: false }));
  if (now.length > 0) report(machine, probe);
  const said = [...problems, ...probe.problems];
  const earlier = again ? [] : machine.found.problems.filter((problem) => !said.some(({ source, message }) => source === problem.source && message === problem.message));
  machine.found = { value: probe.found, problems: [...earlier, ...said], saved: [], asked: [...asked, ...now.map(({ source }) => source)] };
}

/** Keeps what they said for `ros config status`, with what others said before. */
export function report(machine: Machine, { source, why, tookMs, tried }: Probe): void {
  const earlier = machine.datasource?.tried.filter(({ source: name }) => !tried.some((other) => other.source === name)) ?? [];
  const all = [...earlier, ...tried];
  machine.datasource = { source, why: source === undefined && all.length > 1 ? `none of ${all.length} has anything` : why, tookMs, tried: all };
  if (source === undefined) machine.log.debug(`datasource: ${why}`);
  else machine.log.info(`datasource: ${source}, since ${why} (${tookMs} ms)`);
}

export async function readFacts(): Promise<Facts> {
  const [dmi, cmdline] = await Promise.all([readDmi(), kernelCommandLine()]);
  return { dmi, cmdline };
}

export function optionsFor(machine: Machine, facts: Facts, limits: Pick<ProbeOptions, 'timeoutMs' | 'retry'>): ProbeOptions {
  const context = { facts, volumes: createVolumes(), guestInfo: readGuestInfo, firmwareFile: (name: string) => readFwCfg(name, maxFileBytes), gateways };
  return { clock: machine.clock, context, ...limits };
}

/** One look at the labels for all who ask in a round, and one mount at a time. */
function createVolumes(): Volumes {
  let labels: Promise<Map<string, string>> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  return {
    async findByLabel(wanted) {
      labels ??= volumeLabels();
      const found = await labels;
      return wanted.map((label) => found.get(label)).find((device) => device !== undefined);
    },
    async hasShare(tag) {
      const tags = await sharedFolderTags();
      if (tags === undefined) throw new RosError('ERR_ROS_NO_DRIVER', `cannot find shared folder "${tag}": this kernel has no driver for folders shared by 9p`);
      return tags.includes(tag);
    },
    mounted(source, fstype, use) {
      const work = last.then(async () => {
        await mountOnce(source, drivePoint, { options: fstype === '9p' ? 'ro,nosuid,nodev,noexec,trans=virtio,version=9p2000.L' : 'ro,nosuid,nodev,noexec', ...(fstype === undefined ? {} : { type: fstype }) });
        try { return await use(drivePoint); } finally { await unmount(drivePoint); }
      });
      last = work.catch(() => undefined);
      return work;
    },
  };
}
