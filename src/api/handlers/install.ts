import { causeOf, RosError } from '../../lib/errors.ts';
import type { InstallAdmin } from '../../supervisor/install.ts';
import type { Machine } from '../../supervisor/machine.ts';
import type { Handler } from '../server.ts';
import type { InstallEvent, InstallRequest } from '../types.ts';

/** At most so often a line of progress is sent, but for the first of a step. */
const progressEveryMs = 250;
const texts = ['device', 'type', 'image', 'append', 'partition', 'stateDirectory', 'digest'] as const;
const flags = ['force', 'save', 'reboot'] as const;

export function installHandlers(machine: Machine, admin: InstallAdmin) {
  const { clock, log } = machine;
  return {
    plan: async ({ body }) => ({ value: await admin.plan(requestOf(body)) }),
    /** It goes on when the client goes away: half a disk is of no use to anybody. */
    install: async ({ body }) => {
      const request = requestOf(body);
      return {
        stream: async (send, open) => {
          open();
          let [lastStep, sentMs] = ['', 0];
          try {
            const result = await admin.install(request, (step, doneBytes, totalBytes) => {
              if (step === lastStep && doneBytes < totalBytes && clock.uptimeMs() - sentMs < progressEveryMs) return;
              [lastStep, sentMs] = [step, clock.uptimeMs()];
              send({ kind: 'progress', step, doneBytes, totalBytes } satisfies InstallEvent);
            });
            send({ kind: 'done', result } satisfies InstallEvent);
            if (result.reboots) machine.power('reboot', 'installed');
          } catch (error) {
            if (!(error instanceof RosError)) log.error(`api: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
            const known = error instanceof RosError ? error : new RosError('ERR_ROS_INSTALL', `cannot install: ${causeOf(error)}`);
            send({ kind: 'failed', error: { code: known.code, message: known.message, ...(known.hint !== undefined && { hint: known.hint }) } } satisfies InstallEvent);
          }
        },
      };
    },
  } satisfies Record<string, Handler>;
}

function requestOf(body: unknown): InstallRequest {
  const fields = typeof body === 'object' && body !== null ? body as Readonly<Record<string, unknown>> : {};
  const wrong = (name: string, what: string): RosError => new RosError('ERR_ROS_BAD_REQUEST', `cannot read request: "${name}" must be ${what}`);
  const request: Record<string, unknown> = {};
  for (const name of texts) {
    if (fields[name] === undefined) continue;
    if (typeof fields[name] !== 'string' || fields[name] === '') throw wrong(name, 'a text');
    request[name] = fields[name];
  }
  for (const name of flags) {
    if (fields[name] === undefined) continue;
    if (typeof fields[name] !== 'boolean') throw wrong(name, 'true or false');
    request[name] = fields[name];
  }
  if (fields['cloudConfig'] !== undefined) {
    const { text, origin } = fields['cloudConfig'] as { text?: unknown; origin?: unknown };
    if (typeof origin !== 'string' || (text !== undefined && typeof text !== 'string')) throw wrong('cloudConfig', 'a map with "origin" and "text"');
    request['cloudConfig'] = { origin, ...(text !== undefined && { text }) };
  }
  return request;
}
