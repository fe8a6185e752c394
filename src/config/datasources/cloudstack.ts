/** Apache CloudStack: its virtual router answers, which is the network's gateway, or is called data-server. */
import type { Datasource } from './datasource.ts';
import { readTree } from './ec2-tree.ts';

export const cloudstack: Datasource = {
  name: 'cloudstack',
  needs: 'network',
  recognise: ({ product }) => (product.startsWith('CloudStack') ? 'yes' : 'perhaps'),
  async fetch(argument, { web, gateways }) {
    const isUrl = /^https?:\/\//.test(argument ?? '');
    const hosts = isUrl ? [(argument ?? '').replace(/\/+$/, '')] : [...(await gateways()).map((address) => `http://${address}`), 'http://data-server'];
    let failure: unknown;
    for (const host of hosts) {
      try {
        const found = await readTree(web, { base: `${host}/latest`, source: 'cloudstack', hostnameFile: 'local-hostname', keysAreFolder: false });
        if (found !== undefined) return found;
      } catch (error) {
        failure = error;
      }
    }
    if (failure !== undefined) throw failure;
    return undefined;
  },
};
