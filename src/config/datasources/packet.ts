/** Packet, later Equinix Metal. Its network is not taken: DHCP gives what is needed, and the rest would be a bond. */
import { baseUrl, type Datasource } from './datasource.ts';
import { hostnameOf, numbered, parseObject, textsOf } from './json.ts';

export const packet: Datasource = {
  name: 'packet',
  needs: 'network',
  // Its service is a name on the Internet: nobody is asked for it who did not name it.
  recognise: () => 'no',
  async fetch(argument, { web }) {
    const base = baseUrl(argument, 'https://metadata.packet.net');
    const bytes = await web.get(`${base}/metadata`);
    const answer = bytes === undefined ? undefined : parseObject(bytes);
    if (answer?.['id'] === undefined) return undefined;
    const userData = await web.get(`${base}/userdata`);
    return { source: 'packet', userData, metadata: { ...hostnameOf(answer['hostname']), sshPublicKeys: numbered(textsOf(answer['ssh_keys'])) }, problems: [] };
  },
};
