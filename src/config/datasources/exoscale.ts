/** Exoscale. */
import { baseUrl, type Datasource } from './datasource.ts';
import { readTree } from './ec2-tree.ts';

export const exoscale: Datasource = {
  name: 'exoscale',
  needs: 'network',
  recognise: ({ vendor, product }) => (/exoscale/i.test(`${vendor} ${product}`) ? 'yes' : 'no'),
  fetch: (argument, { web }) => readTree(web, { base: `${baseUrl(argument, 'http://169.254.169.254')}/1.0`, source: 'exoscale', hostnameFile: 'local-hostname', keysAreFolder: false }),
};
