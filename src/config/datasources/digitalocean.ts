/** DigitalOcean: all there is in one answer. */
import { baseUrl, type Datasource } from './datasource.ts';
import { at, hostnameOf, isObject, listOf, numbered, parseObject, textOf, textsOf, type Json } from './json.ts';
import { joined, networkOf, type Card } from './network.ts';

export const digitalocean: Datasource = {
  name: 'digitalocean',
  needs: 'network',
  recognise: ({ vendor }) => (vendor === 'DigitalOcean' ? 'yes' : 'no'),
  async fetch(argument, { web }) {
    const base = `${baseUrl(argument, 'http://169.254.169.254')}/metadata/v1`;
    const bytes = await web.get(`${base}.json`);
    const answer = bytes === undefined ? undefined : parseObject(bytes);
    if (answer?.['droplet_id'] === undefined) return undefined;
    const text = textOf(answer['user_data']);
    const userData = text === undefined ? await web.get(`${base}/user-data`) : Buffer.from(text);
    const cards = [...listOf(at(answer, 'interfaces', 'public')), ...listOf(at(answer, 'interfaces', 'private'))].filter(isObject).map(cardOf);
    const network = networkOf(cards, listOf(at(answer, 'dns', 'nameservers')));
    return {
      source: 'digitalocean', userData, problems: [],
      metadata: { ...hostnameOf(answer['hostname']), sshPublicKeys: numbered(textsOf(answer['public_keys'])), ...(network === undefined ? {} : { network }) },
    };
  },
};

function cardOf(card: Json): Card {
  const isPublic = card['type'] === 'public';
  return {
    mac: textOf(card['mac']),
    addresses: ['ipv4', 'anchor_ipv4', 'ipv6'].map((kind) => joined(at(card, kind, 'ip_address'), at(card, kind, 'netmask') ?? at(card, kind, 'cidr'))),
    // The private network's is not the way to everywhere.
    gateways: isPublic ? [textOf(at(card, 'ipv4', 'gateway')), textOf(at(card, 'ipv6', 'gateway'))] : [],
  };
}
