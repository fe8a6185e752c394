import { RosError } from '../../lib/errors.ts';
import { proxyVariables } from '../../supervisor/proxies.ts';
import { findDevice } from '../../sys/disk.ts';
import type { Machine } from '../../supervisor/machine.ts';
import { isSet, wholeNumber } from '../query.ts';
import type { Handler } from '../server.ts';
import type { PowerAction } from '../types.ts';

const powerActions: readonly PowerAction[] = ['poweroff', 'reboot', 'halt'];

export function machineHandlers(machine: Machine): Record<'version' | 'status' | 'boot' | 'logs' | 'power' | 'environment' | 'device', Handler> {
  return {
    version: async () => ({ value: { version: machine.version, os: `corralos/os:${machine.version}` } }),
    status: async () => ({ value: await machine.status() }),
    boot: async () => ({ value: machine.timeline.report }),
    logs: async ({ query, signal }) => ({
      stream: async (send, open) => {
        open();
        for (const record of machine.book.ring.tail(wholeNumber(query, 'tail'))) send(record);
        if (!isSet(query, 'follow')) return;
        const stop = machine.book.ring.follow(send);
        await new Promise<void>((resolve) => { signal.addEventListener('abort', () => { resolve(); }, { once: true }); });
        stop();
      },
    }),
    power: async ({ body }) => {
      const action = powerActions.find((known) => known === (body as { action?: unknown } | undefined)?.action);
      if (action === undefined) throw new RosError('ERR_ROS_BAD_REQUEST', `cannot change power: "action" must be one of ${powerActions.join(', ')}`);
      machine.power(action, 'asked by a user');
      return { status: 202, value: {} };
    },
    environment: async () => ({ value: environmentOf(machine.settings) }),
    device: async ({ query }) => {
      const spec = query.get('spec') ?? '';
      if (!isDeviceSpec(spec)) throw new RosError('ERR_ROS_BAD_REQUEST', `cannot find device "${spec.slice(0, 80)}": it must be a path below /dev, or LABEL=, UUID=, PARTLABEL= or PARTUUID= and a name`);
      const device = await findDevice(spec);
      if (device === undefined) throw new RosError('ERR_ROS_NO_DEVICE', `cannot find device "${spec}": there is none now`);
      return { value: { device } };
    },
  };
}

/** `rancher.environment`, and the proxies of the network where it does not name its own. */
function environmentOf({ environment, network: { proxy } }: Machine['settings']): Record<string, string> { return { ...proxyVariables(proxy), ...environment }; }

function isDeviceSpec(spec: string): boolean {
  return /^(?:LABEL|UUID|PARTLABEL|PARTUUID)=[^\0\n]{1,200}$/.test(spec) || (/^\/dev\/[^\0\n]{1,200}$/.test(spec) && !spec.split('/').includes('..'));
}
