import { RosError } from '../../lib/errors.ts';
import type { BootParametersAdmin } from '../../supervisor/boot-parameters.ts';
import type { Handler } from '../server.ts';

export function bootParametersHandlers(admin: BootParametersAdmin) {
  return {
    read: async () => ({ value: await admin.read() }),
    replace: async ({ body }) => {
      const { parameters, digest } = typeof body === 'object' && body !== null ? body as Readonly<Record<string, unknown>> : {};
      if (!Array.isArray(parameters) || !parameters.every((one) => typeof one === 'string')) throw new RosError('ERR_ROS_BAD_REQUEST', 'cannot read request: "parameters" must be a list of texts');
      if (digest !== undefined && typeof digest !== 'string') throw new RosError('ERR_ROS_BAD_REQUEST', 'cannot read request: "digest" must be a text');
      return { value: await admin.replace(parameters, digest) };
    },
  } satisfies Record<string, Handler>;
}
