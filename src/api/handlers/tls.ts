import { RosError } from '../../lib/errors.ts';
import { generateTls, tlsStatus, type TlsHost } from '../../supervisor/tls.ts';
import type { Handler } from '../server.ts';

export function tlsHandlers(host: TlsHost): Record<'status' | 'generate', Handler> {
  return {
    status: async () => ({ value: await tlsStatus(host) }),
    generate: async ({ body }) => {
      const { kind, names = [] } = (body ?? {}) as { kind?: unknown; names?: unknown };
      if (kind !== 'server' && kind !== 'client') throw new RosError('ERR_ROS_BAD_REQUEST', 'cannot make a certificate: "kind" must be server or client');
      if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) throw new RosError('ERR_ROS_BAD_REQUEST', 'cannot make a certificate: "names" must be a list of text');
      return { value: await generateTls(host, { kind, names }) };
    },
  };
}
