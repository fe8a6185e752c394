import type { Machine } from '../../supervisor/machine.ts';
import { isSet, wholeNumber } from '../query.ts';
import type { Handler } from '../server.ts';
import type { LogLine } from '../types.ts';

export function serviceHandlers({ services }: Machine): Record<'list' | 'logs' | 'start' | 'stop' | 'restart', Handler> {
  return {
    list: async () => ({ value: services.statuses() }),
    start: async ({ params }) => ({ value: await services.start(params['name'] ?? '') }),
    stop: async ({ params, query }) => ({ value: await services.stop(params['name'] ?? '', wholeNumber(query, 'timeoutS')) }),
    restart: async ({ params, query }) => ({ value: await services.restart(params['name'] ?? '', wholeNumber(query, 'timeoutS')) }),
    logs: async ({ params, query, signal }) => {
      const name = params['name'] ?? '';
      const tail = wholeNumber(query, 'tail');
      const since = wholeNumber(query, 'since');
      const options = { follow: isSet(query, 'follow'), ...(tail !== undefined && { tail }), ...(since !== undefined && { since }) };
      return {
        stream: (send, open) => services.logs(name, options, signal, open, (stream, at, line) => { send({ service: name, stream, at, line } satisfies LogLine); }),
      };
    },
  };
}
