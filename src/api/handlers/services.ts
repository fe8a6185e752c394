import { RosError } from '../../lib/errors.ts';
import type { Machine } from '../../supervisor/machine.ts';
import type { Done, ServiceAdmin } from '../../supervisor/service-admin.ts';
import { isSet, oneOf, wholeNumber } from '../query.ts';
import type { Handler, Request } from '../server.ts';
import type { ApiError, LogLine, OperationEvent } from '../types.ts';

type Progress = (line: string) => void;
/** At most so often a line of progress is sent: a pull tells hundreds in a second. */
const progressEveryMs = 200;
const recreates = ['force', 'never'] as const;

export function serviceHandlers({ services, clock, log }: Machine, admin: ServiceAdmin) {
  const status = (name: string): unknown => admin.show(name).status;
  const acted = (work: (name: string, request: Request) => Promise<unknown>): Handler => async (request) => {
    const name = nameOf(request);
    await work(name, request);
    return { value: status(name) };
  };
  /** Work that takes its time: lines of progress, then `done` or `failed`. It goes on when the client goes away. */
  const operation = (work: (name: string, request: Request, onProgress: Progress) => Promise<Done>): Handler => async (request) => ({
    stream: async (send, open) => {
      open();
      let sentMs = -progressEveryMs;
      const onProgress: Progress = (text) => {
        if (clock.uptimeMs() - sentMs < progressEveryMs) return;
        sentMs = clock.uptimeMs();
        send({ kind: 'progress', text } satisfies OperationEvent);
      };
      try {
        send({ kind: 'done', ...await work(nameOf(request), request, onProgress) } satisfies OperationEvent);
      } catch (error) {
        if (!(error instanceof RosError)) log.error(`api: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
        send({ kind: 'failed', error: apiError(error) } satisfies OperationEvent);
      }
    },
  });
  const startFlags = ({ query }: Request): { recreate?: 'force' | 'never' | undefined; build: boolean } => ({ recreate: oneOf(query, 'recreate', recreates), build: query.get('build') !== 'never' });

  return {
    list: async () => ({ value: admin.statuses() }),
    available: async ({ query }) => ({ value: await admin.catalog(isSet(query, 'update')) }),
    graph: async () => ({ value: admin.graph() }),
    validate: async ({ body }) => {
      const { text, origin } = (body ?? {}) as { text?: unknown; origin?: unknown };
      if (typeof text !== 'string' || typeof origin !== 'string') throw new RosError('ERR_ROS_BAD_REQUEST', 'cannot validate service file: "text" and "origin" must be texts');
      return { value: await admin.validate(text, origin) };
    },
    events: async ({ query, signal }) => ({
      stream: async (send, open) => {
        open();
        const since = query.get('since');
        for (const event of since === null ? services.events.tail(wholeNumber(query, 'tail')) : services.events.since(since)) send(event);
        if (!isSet(query, 'follow')) return;
        const stop = services.events.follow(send);
        await new Promise<void>((resolve) => { signal.addEventListener('abort', () => { resolve(); }, { once: true }); });
        stop();
      },
    }),
    show: async (request) => ({ value: admin.show(nameOf(request)) }),
    why: async (request) => ({ value: await admin.why(nameOf(request)) }),
    start: acted((name) => services.start(name)),
    stop: acted((name, { query }) => services.stop(name, wholeNumber(query, 'timeoutS'))),
    restart: acted((name, { query }) => services.restart(name, wholeNumber(query, 'timeoutS'))),
    kill: acted((name, { query }) => services.runner(name, 'kill').signal(query.get('signal') ?? 'SIGKILL')),
    down: acted((name, { query }) => admin.down(name, wholeNumber(query, 'timeoutS'))),
    rm: acted((name, { query }) => admin.remove(name, isSet(query, 'volumes'))),
    enable: operation((name, { query }, onProgress) => admin.enable(name, isSet(query, 'now'), onProgress)),
    disable: async (request) => ({ value: await admin.disable(nameOf(request), isSet(request.query, 'now')) }),
    delete: async (request) => ({ value: await admin.delete(nameOf(request)) }),
    up: operation((name, request, onProgress) => admin.up(name, startFlags(request), onProgress)),
    create: operation((name, request, onProgress) => admin.create(name, startFlags(request), onProgress)),
    pull: operation((name, _request, onProgress) => admin.pull(name, onProgress)),
    build: operation((name, { query }, onProgress) => admin.build(name, { noCache: isSet(query, 'noCache'), pull: isSet(query, 'pull'), forceRemove: isSet(query, 'forceRm') }, onProgress)),
    update: operation((name, { query }, onProgress) => admin.update(name, query.get('image') ?? undefined, onProgress)),
    logs: async ({ params, query, signal }) => {
      const name = params['name'] ?? '';
      const tail = wholeNumber(query, 'tail');
      const since = wholeNumber(query, 'since');
      const options = { follow: isSet(query, 'follow'), ...(tail !== undefined && { tail }), ...(since !== undefined && { since }) };
      return {
        stream: (send, open) => services.logs(name, options, signal, open, (stream, at, line) => { send({ service: name, stream, at, line } satisfies LogLine); }),
      };
    },
  } satisfies Record<string, Handler>;
}

function nameOf({ params }: Request): string { return params['name'] ?? ''; }

function apiError(error: unknown): ApiError {
  if (!(error instanceof RosError)) return { code: 'ERR_ROS_INTERNAL', message: `cannot do it: ${error instanceof Error ? error.message : String(error)}` };
  return { code: error.code, message: error.message, ...(error.hint !== undefined && { hint: error.hint }) };
}
