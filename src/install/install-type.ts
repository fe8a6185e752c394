/** RancherOS's install types, and what they are here. Pure. */
import { RosError } from '../lib/errors.ts';
import type { PartitionTable } from './layout.ts';
import { suggest } from '../lib/suggest.ts';

export type Layout = PartitionTable | 'own';

const layouts: Readonly<Record<string, Layout>> = { generic: 'gpt', gptsyslinux: 'gpt', syslinux: 'dos', noformat: 'own' };

/** What is asked for in another way here, and how. */
const elsewhere: Readonly<Record<string, { readonly cause: string; readonly hint: string }>> = {
  raid: { cause: 'it does not say of which disks the array is to be made', hint: 'make the array and its partitions first, then take the install type "noformat"' },
  bootstrap: { cause: 'there is nothing to be installed for it', hint: 'rancher.state.autoformat formats a blank disk at boot' },
  googlecompute: { cause: 'clouds start from a disk that is made beforehand', hint: 'upload the image of the release for clouds' },
  'amazon-ebs-hvm': { cause: 'clouds start from a disk that is made beforehand', hint: 'upload the image of the release for clouds' },
  'amazon-ebs-pv': { cause: 'there are no such machines any more', hint: 'upload the image of the release for clouds' },
  arm: { cause: 'only 64-bit x86 machines are supported', hint: 'take the install type "generic"' },
  upgrade: { cause: 'an installed machine is upgraded by another command', hint: 'ros os upgrade' },
  'rancher-upgrade': { cause: 'an installed machine is upgraded by another command', hint: 'ros os upgrade' },
};

export function layoutOf(type = 'generic'): Layout {
  const layout = Object.hasOwn(layouts, type) ? layouts[type] : undefined;
  if (layout !== undefined) return layout;
  const other = Object.hasOwn(elsewhere, type) ? elsewhere[type] : undefined;
  if (other !== undefined) throw new RosError('ERR_ROS_UNSUPPORTED', `cannot install as "${type}": ${other.cause}`, { hint: other.hint });
  const meant = suggest(type, Object.keys(layouts));
  throw new RosError('ERR_ROS_BAD_REQUEST', `cannot install as "${type}": there is no such install type`, { hint: meant === undefined ? `there are: ${Object.keys(layouts).join(', ')}` : `did you mean "${meant}"?` });
}
