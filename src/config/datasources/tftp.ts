/** `tftp:host[:port]/path`: user-data from a TFTP server. */
import { RosError } from '../../lib/errors.ts';
import { fetchTftp } from '../../sys/tftp.ts';
import { maxConfigBytes } from '../load.ts';
import type { Datasource } from './datasource.ts';

const timeoutMs = 30_000;

export const tftp: Datasource = {
  name: 'tftp',
  needs: 'network',
  applies: (argument) => argument !== undefined && argument !== '',
  async fetch(argument = '', { signal }) {
    const match = /^(?:\/\/)?(\[[0-9a-fA-F:]+\]|[^/:[\]]+)(?::(\d{1,5}))?\/(.+)$/.exec(argument);
    if (match === null) throw new RosError('ERR_ROS_CONFIG', 'cannot read datasource "tftp": expected tftp:host[:port]/path');
    const [, host = '', port = '69', path = ''] = match;
    const userData = await fetchTftp(host.replaceAll(/[[\]]/g, ''), Number(port), path, { maxBytes: maxConfigBytes, timeoutMs, signal });
    return { source: `tftp ${host}/${path}`, userData, metadata: undefined, problems: [] };
  },
};
