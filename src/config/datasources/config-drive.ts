/** The config drive: a volume labelled config-2 (ISO or vfat) with OpenStack's files on it. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { causeOf, RosError } from '../../lib/errors.ts';
import { isErrno } from '../../sys/files.ts';
import { maxConfigBytes } from '../load.ts';
import type { Metadata } from '../metadata.ts';
import type { Problem } from '../problem.ts';
import type { Found } from '../user-data.ts';
import type { Datasource } from './datasource.ts';

/** vfat keeps labels in capitals. */
const labels = ['config-2', 'CONFIG-2'];

export const configDrive: Datasource = {
  name: 'configdrive',
  // The argument is where RancherOS mounted the drive (`configdrive:/media/config-2`): nothing depends on it here.
  async fetch(_argument, { volumes }) {
    for (const label of labels) {
      const device = await volumes.findByLabel(label);
      if (device === undefined) continue;
      const mountPoint = await volumes.mountReadOnly(device);
      try {
        return await readConfigDrive(mountPoint, `configdrive on ${device}`);
      } finally {
        await volumes.unmount(mountPoint);
      }
    }
    return undefined;
  },
};

/** What is on a mounted drive. A file that is missing or cannot be read costs only itself. */
export async function readConfigDrive(root: string, source: string): Promise<Found> {
  const problems: Problem[] = [];
  const read = async (name: string): Promise<Buffer | undefined> => {
    try {
      return await readBytes(join(root, 'openstack/latest', name), maxConfigBytes);
    } catch (error) {
      problems.push({ severity: 'error', source: `${name} of ${source}`, message: causeOf(error) });
      return undefined;
    }
  };
  const userData = await read('user_data');
  const metaData = await read('meta_data.json');
  let metadata: Metadata | undefined;
  if (metaData !== undefined) {
    metadata = parseMetaData(metaData.toString('utf8'));
    if (metadata === undefined) problems.push({ severity: 'warning', source: `meta_data.json of ${source}`, message: 'it is not a JSON object; not used' });
  }
  return { source, userData, metadata, problems };
}

/** Takes the host name and the public keys; whatever has another type than it should is left out. */
export function parseMetaData(json: string): Metadata | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { hostname, public_keys: keys } = value as { hostname?: unknown; public_keys?: unknown };
  const sshPublicKeys = Object.fromEntries(Object.entries(typeof keys === 'object' && keys !== null ? keys : {})
    .filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  return { ...(typeof hostname === 'string' ? { hostname } : {}), sshPublicKeys };
}

/** A file's bytes; undefined when there is none. A drive may hold anything: more than `maxBytes` is not read. */
async function readBytes(path: string, maxBytes: number): Promise<Buffer | undefined> {
  let file;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined;
    throw error;
  }
  try {
    const buffer = Buffer.alloc(maxBytes + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length > maxBytes) throw new RosError('ERR_ROS_TOO_LARGE', `it is larger than ${maxBytes} bytes`);
    return buffer.subarray(0, length);
  } finally {
    await file.close();
  }
}
