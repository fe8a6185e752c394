/** Alibaba Cloud ECS. */
import { httpStatusOf } from '../../sys/http.ts';
import { baseUrl, type Datasource } from './datasource.ts';
import { fetchToken, readTree } from './ec2-tree.ts';

export const aliyun: Datasource = {
  name: 'aliyun',
  needs: 'network',
  recognise: ({ product }) => (product === 'Alibaba Cloud ECS' ? 'yes' : 'no'),
  async fetch(argument, { web }) {
    const base = `${baseUrl(argument, 'http://100.100.100.200')}/latest`;
    const token = await fetchToken(web, `${base}/api/token`, 'X-aliyun-ecs-metadata-token-ttl-seconds', httpStatusOf);
    return readTree(web, { base, source: 'aliyun', keysAreFolder: true, headers: token === undefined ? {} : { 'X-aliyun-ecs-metadata-token': token } });
  },
};
