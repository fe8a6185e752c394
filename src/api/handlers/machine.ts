import { RosError } from '../../lib/errors.ts';
import type { Machine } from '../../supervisor/machine.ts';
import { isSet, wholeNumber } from '../query.ts';
import type { Handler } from '../server.ts';
import type { PowerAction } from '../types.ts';

const powerActions: readonly PowerAction[] = ['poweroff', 'reboot', 'halt'];

export function machineHandlers(machine: Machine): Record<'version' | 'status' | 'boot' | 'logs' | 'power', Handler> {
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
  };
}
