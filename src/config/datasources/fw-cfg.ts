/** User-data that QEMU was given: `-fw_cfg name=opt/org.corralos/config,file=…`. */
import type { Datasource } from './datasource.ts';

const name = 'opt/org.corralos/config';

export const fwCfg: Datasource = {
  name: 'fw_cfg',
  needs: 'nothing',
  recognise: ({ vendor, product }) => (/QEMU|KVM/i.test(`${vendor} ${product}`) || vendor === '' ? 'perhaps' : 'no'),
  async fetch(_argument, { firmwareFile }) {
    const userData = await firmwareFile(name);
    return userData === undefined ? undefined : { source: `fw_cfg ${name}`, userData, metadata: undefined, problems: [] };
  },
};
