/** Microsoft Azure: its metadata service, and the disc that a machine has in its drive when it is new, with "custom data". */
import { join } from 'node:path';
import { readTextFile } from '../../sys/files.ts';
import { maxConfigBytes } from '../load.ts';
import { baseUrl, type Datasource, type Volumes } from './datasource.ts';
import { at, hostnameOf, isObject, listOf, numbered, parseObject, textOf } from './json.ts';

/** The same on every machine there. */
const assetTagOfAzure = '7783-7084-3265-9085-8269-3286-77';

export const azure: Datasource = {
  name: 'azure',
  needs: 'network',
  recognise: ({ assetTag }) => (assetTag === assetTagOfAzure ? 'yes' : 'no'),
  async fetch(argument, { web, volumes }) {
    const base = baseUrl(argument, 'http://169.254.169.254');
    const bytes = await web.get(`${base}/metadata/instance?api-version=2021-02-01&format=json`, { headers: { Metadata: 'true' } });
    const compute = bytes === undefined ? undefined : at(parseObject(bytes), 'compute');
    if (!isObject(compute)) return undefined;
    const text = (await customData(volumes)) ?? textOf(compute['userData']);
    const keys = listOf(compute['publicKeys']).flatMap((key) => textOf(at(key, 'keyData'))?.replaceAll(/\r?\n/g, '') ?? []);
    return {
      source: 'azure', userData: text === undefined ? undefined : Buffer.from(text, 'base64'), problems: [],
      metadata: { ...hostnameOf(at(compute, 'osProfile', 'computerName') ?? compute['name']), sshPublicKeys: numbered(keys) },
    };
  },
};

/** In base64, from `ovf-env.xml` on the disc; undefined when the disc is gone, as it is after the first boot. */
async function customData(volumes: Volumes): Promise<string | undefined> {
  try {
    const xml = await volumes.mounted('/dev/sr0', 'udf', (root) => readTextFile(join(root, 'ovf-env.xml'), maxConfigBytes * 2));
    return textOf(/<(?:\w+:)?CustomData>([^<]*)</.exec(xml ?? '')?.[1]);
  } catch {
    return undefined;
  }
}
