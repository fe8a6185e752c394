/** Google Compute Engine: all there is in one answer. */
import { baseUrl, type Datasource } from './datasource.ts';
import { at, hostnameOf, numbered, parseObject, textOf } from './json.ts';

export const gce: Datasource = {
  name: 'gce',
  needs: 'network',
  recognise: ({ product, serial }) => (product === 'Google Compute Engine' || serial.startsWith('GoogleCloud-') ? 'yes' : 'no'),
  async fetch(argument, { web }) {
    const base = baseUrl(argument, 'http://169.254.169.254');
    const bytes = await web.get(`${base}/computeMetadata/v1/?recursive=true&alt=json`, { headers: { 'Metadata-Flavor': 'Google' } });
    const answer = bytes === undefined ? undefined : parseObject(bytes);
    if (answer === undefined || at(answer, 'instance', 'id') === undefined) return undefined;
    const attribute = (owner: 'instance' | 'project', name: string): string | undefined => textOf(at(answer, owner, 'attributes', name));
    const text = attribute('instance', 'user-data') ?? attribute('instance', 'startup-script');
    const encoding = attribute('instance', 'user-data-encoding') === 'base64' ? 'base64' : 'utf8';
    const blocked = attribute('instance', 'block-project-ssh-keys')?.toLowerCase() === 'true';
    const lines = [attribute('instance', 'ssh-keys'), ...(blocked ? [] : [attribute('project', 'ssh-keys')])].flatMap((list) => list?.split('\n') ?? []);
    return {
      source: 'gce', userData: text === undefined ? undefined : Buffer.from(text, encoding), problems: [],
      metadata: { ...hostnameOf(at(answer, 'instance', 'hostname')), sshPublicKeys: numbered(lines.flatMap((line) => keyOf(line, new Date()) ?? [])) },
    };
  },
};

/** The longest RSA keys have 3 KiB. */
const maxKeyLength = 16_384;

/** Of a line `user:key`. A key that Google made has `google-ssh {"userName":…,"expireOn":…}` behind it: past that date it is none. */
export function keyOf(line: string, now: Date): string | undefined {
  if (line.length > maxKeyLength) return undefined;
  const key = textOf(/^[^:\s]*:(.*)$/.exec(line.trim())?.[1]);
  const facts = /\sgoogle-ssh\s+(\{.*\})$/.exec(key ?? '')?.[1];
  const end = facts === undefined ? undefined : textOf(parseObject(facts)?.['expireOn']);
  return end !== undefined && !(new Date(end) > now) ? undefined : key;
}
