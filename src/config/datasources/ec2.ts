/** Amazon EC2, by IMDSv2, and services that are like it, by the older version without a token. */
import { httpStatusOf } from '../../sys/http.ts';
import { baseUrl, type Datasource } from './datasource.ts';
import { fetchToken, readTree } from './ec2-tree.ts';

export const ec2: Datasource = {
  name: 'ec2',
  needs: 'network',
  recognise: ({ vendor, biosVendor, serial }) => (vendor === 'Amazon EC2' || /amazon/i.test(biosVendor) || /^ec2/i.test(serial) ? 'yes' : 'no'),
  async fetch(argument, { web }) {
    const base = `${baseUrl(argument, 'http://169.254.169.254')}/latest`;
    const token = await fetchToken(web, `${base}/api/token`, 'X-aws-ec2-metadata-token-ttl-seconds', httpStatusOf);
    return readTree(web, { base, source: 'ec2', keysAreFolder: true, headers: token === undefined ? {} : { 'X-aws-ec2-metadata-token': token } });
  },
};
