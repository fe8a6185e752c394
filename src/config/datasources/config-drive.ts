/** The config drive: a volume (ISO or vfat) or a shared folder (9p) named config-2 with OpenStack's files on it. */
import { join } from 'node:path';
import { readBytes } from '../../sys/files.ts';
import { maxConfigBytes } from '../load.ts';
import type { Datasource } from './datasource.ts';
import { readOpenstack } from './openstack.ts';

const label = 'config-2';
/** vfat keeps labels in capitals. */
const labels = [label, label.toUpperCase()];

export const configDrive: Datasource = {
  name: 'configdrive',
  needs: 'nothing',
  // The argument is where RancherOS mounted the drive (`configdrive:/media/config-2`): nothing depends on it here.
  async fetch(_argument, { volumes }) {
    const device = await volumes.findByLabel(labels);
    if (device !== undefined) return volumes.mounted(device, undefined, (root) => readDrive(root, `configdrive on ${device}`));
    if (await volumes.hasShare(label)) return volumes.mounted(label, '9p', (root) => readDrive(root, 'configdrive, a shared folder'));
    return undefined;
  },
};

function readDrive(root: string, source: string) {
  return readOpenstack((name) => readBytes(join(root, 'openstack/latest', name), maxConfigBytes), source);
}
