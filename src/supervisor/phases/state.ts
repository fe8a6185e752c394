/** The state partition: found, formatted only when blank and asked for, checked, mounted; else the machine runs from RAM. */
import { chmod, mkdir } from 'node:fs/promises';
import { causeOf, RosError } from '../../lib/errors.ts';
import { waitFor } from '../../lib/wait.ts';
import { bindMount, checkFilesystem, filesystemType, findDevice, formatExt4, isBlank, mountOnce, unmount } from '../../sys/disk.ts';
import { tryRun } from '../../sys/exec.ts';
import { openLogFile } from '../../sys/sinks.ts';
import { loadDrivers } from '../../sys/drivers.ts';
import { mounts } from '../../sys/proc.ts';
import { paths, type Machine } from '../machine.ts';
import { keepFound } from './config.ts';

/** What survives a reboot, as RancherOS kept it: each is a folder of the state partition, bind-mounted to its place. */
const persistent: readonly { readonly path: string; readonly mode: number }[] = [
  { path: '/home', mode: 0o755 },
  { path: '/opt', mode: 0o755 },
  { path: '/var/lib/rancher', mode: 0o755 },
  { path: '/var/lib/rancher/conf', mode: 0o700 },
  { path: '/var/lib/system-docker', mode: 0o710 },
  { path: '/var/lib/user-docker', mode: 0o710 },
  { path: '/var/lib/kubelet', mode: 0o755 },
  { path: '/var/log', mode: 0o755 },
  { path: '/var/etc/docker', mode: 0o755 },
];

const label = 'LABEL=RANCHER_STATE';
const waitMs = 30_000;
const logFileBytes = 5 * 1024 * 1024;

export async function openState(machine: Machine): Promise<void> {
  try {
    machine.state = (await openDisk(machine)) ?? { kind: 'ram' };
  } catch (error) {
    if (machine.settings.state.required) throw error;
    machine.state = { kind: 'ram', note: causeOf(error) };
    machine.log.error(`state: ${causeOf(error)}`);
  }
  const { kind, note } = machine.state;
  if (kind === 'ram') machine.warnings.set('state', `This machine runs from RAM: nothing survives a reboot.${note === undefined ? '' : ` (${note})`}`);
  for (const { path, mode } of persistent) {
    await mkdir(path, { recursive: true });
    if (kind === 'ram') await chmod(path, mode);
  }
  await keepFound(machine);
  machine.book.addSink(await openLogFile('/var/log/ros.log', logFileBytes));
}

async function openDisk(machine: Machine): Promise<Machine['state'] | undefined> {
  const { device: wanted, wait, autoformat } = machine.settings.state;
  const already = (await mounts()).find((mount) => mount.target === paths.state && mount.source.startsWith('/dev/'));
  if (already !== undefined) return { kind: 'disk', device: already.source };
  if (wanted === 'none') return undefined;
  const spec = wanted ?? label;
  let device = await findDevice(spec);
  // PID 1 loaded only the drivers of the disk with the root image, and udev comes after state: look at the other disks, too.
  if (device === undefined) { await loadDrivers(); device = await findDevice(spec); }
  if (device === undefined && autoformat.length > 0) device = await formatFirstBlank(machine, autoformat);
  if (device === undefined && wait) device = await waitForDevice(machine, spec);
  if (device === undefined) {
    if (wanted !== undefined) throw new RosError('ERR_ROS_NO_STATE', `cannot find state partition "${wanted}": no such device`);
    return undefined;
  }
  const mended = await repair(machine, device);
  await mountOnce(device, paths.state, { options: 'nosuid,nodev,noatime' });
  for (const { path, mode } of persistent) {
    const source = `${paths.state}${path}`;
    await mkdir(source, { recursive: true, mode });
    await mkdir(path, { recursive: true });
    if (path !== '/var/lib/rancher/conf') await bindMount(source, path);
  }
  machine.log.info(`state: on ${device}`);
  return { kind: 'disk', device, ...(mended !== undefined && { note: mended }) };
}

/** Formats the first blank device of the list. Any other disk holds somebody's data and is left alone. */
async function formatFirstBlank(machine: Machine, devices: readonly string[]): Promise<string | undefined> {
  for (const device of devices) {
    const blank = await isBlank(device).catch(() => false);
    if (!blank) { machine.log.info(`state: ${device} is not there or not blank, not formatting it`); continue; }
    machine.log.warn(`state: formatting blank disk ${device} as ${label}`);
    await formatExt4(device, label.slice('LABEL='.length));
    return device;
  }
  return undefined;
}

async function waitForDevice(machine: Machine, spec: string): Promise<string> {
  return waitFor(async () => {
    const device = await findDevice(spec);
    if (device === undefined) throw new Error('no such device yet');
    return device;
  }, { clock: machine.clock, what: `state partition "${spec}"`, timeoutMs: waitMs, pauseMs: 250 });
}

async function repair(machine: Machine, device: string): Promise<string | undefined> {
  if (!(await filesystemType(device))?.startsWith('ext')) return undefined;
  const mended = await checkFilesystem(device);
  if (mended !== undefined) machine.log.warn(`state: ${device} was repaired: ${mended}`);
  return mended;
}

/** Takes the state partition out of use, so that its journal is clean; what is busy is left to PID 1, which comes last. */
export async function closeState(machine: Machine): Promise<void> {
  await tryRun('sync', [], { timeoutMs: 30_000 });
  if (machine.state.kind === 'ram') return;
  for (const { path } of [...persistent].reverse()) await unmount(path).catch(() => undefined);
  await unmount(paths.state).catch((error: unknown) => { machine.log.info(`state: ${causeOf(error)}; init will unmount it`); });
}
