/** The administrator's kernel parameters in the text of global.cfg, which may have lines of its own. Pure. */
import { RosError } from '../lib/errors.ts';
import { globalConfig, globalConfigPath, splitAppend } from './grub.ts';
import { bootLabel } from './layout.ts';
import { rancherBootLabel } from './own-partitions.ts';
import { withChildren, type BlockDevice } from './disks.ts';

/** The one line that GRUB takes them from. In its quotes a backslash makes plain what follows. */
const line = /^[ \t]*set[ \t]+append=(?:"((?:[^"\\$]|\\[\\$"])*)"|'([^'"\\$]*)'|([\w.,:/=@%+-]*))[ \t]*$/m;
const anyLine = /^[ \t]*(?:set[ \t]+)?append=/m;

export function parametersIn(text: string): readonly string[] {
  const [found, quoted, single, bare] = line.exec(text) ?? [];
  if (found === undefined || anyLine.test(text.replace(line, ''))) {
    if (!anyLine.test(text)) return [];
    throw new RosError('ERR_ROS_CONFIG', `cannot read kernel parameters: "${globalConfigPath}" on the boot partition sets them in a way of its own`, { hint: `mount LABEL=${bootLabel} /mnt, and make it one line: set append="…"` });
  }
  return splitAppend(quoted?.replaceAll(/\\([\\$"])/g, '$1') ?? single ?? bare ?? '');
}

/** The same text with other parameters; all else stays. */
export function withParameters(text: string, parameters: readonly string[]): string {
  parametersIn(text);
  const [written = ''] = /^set append=.*$/m.exec(globalConfig(parameters)) ?? [];
  if (line.test(text)) return text.replace(line, () => written);
  return text.trim() === '' ? globalConfig(parameters) : `${text.replace(/\n*$/, '\n')}${written}\n`;
}

/** The partition that this machine starts from: of several the one on a disk in use. */
export function startsFrom(devices: readonly BlockDevice[], inUse: ReadonlySet<string>): BlockDevice {
  const found = devices.flatMap((disk) => withChildren(disk).filter(({ label, filesystem }) => filesystem === 'vfat' && (label === bootLabel || label === rancherBootLabel)).map((partition) => ({ disk, partition })));
  const ours = found.filter(({ disk }) => withChildren(disk).some(({ path }) => inUse.has(path)));
  const candidates = ours.length > 0 ? ours : found;
  const [first, ...others] = candidates.filter(({ partition }) => partition.label === bootLabel || candidates.every((one) => one.partition.label !== bootLabel));
  if (first === undefined) throw new RosError('ERR_ROS_UNSUPPORTED', `cannot find the kernel parameters: no disk of this machine has a boot partition (${bootLabel})`, { hint: 'it was not installed by "ros install": pass them where its image is booted' });
  if (others.length > 0) {
    throw new RosError('ERR_ROS_CONFLICT', `cannot tell the boot partition: ${[first, ...others].map(({ partition }) => partition.path).join(' and ')} are both labelled ${first.partition.label}`, { hint: 'take the other disk out, or give its partition another label' });
  }
  return first.partition;
}
