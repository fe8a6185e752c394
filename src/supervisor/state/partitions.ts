/** The maker's partition, which may hold `oem-config.yml`, a layer of the configuration; and the boot partition. Most machines have neither. */
import type { PartitionSetting } from '../../config/index.ts';
import { causeOf } from '../../lib/errors.ts';
import { mountOnce, type BlockDevice } from '../../sys/disk.ts';
import { exists } from '../../sys/files.ts';
import { paths, type Machine } from '../machine.ts';
import { matching } from './decide.ts';

/** True when it is there now. */
export function mountOem(machine: Machine, devices: readonly BlockDevice[]): Promise<boolean> {
  return mountPartition(machine, devices, machine.settings.state.oem, paths.oem, 'ro,nosuid,nodev');
}

export function mountBoot(machine: Machine, devices: readonly BlockDevice[]): Promise<boolean> {
  return mountPartition(machine, devices, machine.settings.state.boot, paths.boot, 'nosuid,nodev,noexec,noatime');
}

async function mountPartition({ log }: Machine, devices: readonly BlockDevice[], { device: spec, filesystem }: PartitionSetting, target: string, options: string): Promise<boolean> {
  const isThere = spec.startsWith('/dev/') && (await exists(spec));
  const [device] = matching(spec, devices, new Set(isThere ? [spec] : []));
  if (device === undefined) return false;
  try {
    await mountOnce(device, target, { options, ...(filesystem === 'auto' ? {} : { type: filesystem }) });
    return true;
  } catch (error) {
    log.warn(`state: ${causeOf(error)}`);
    return false;
  }
}
