import { RosError } from '../../lib/errors.ts';
import type { ConfigAdmin } from '../../supervisor/config-admin.ts';
import { trialSeconds, type ConfigApply } from '../../supervisor/config-apply.ts';
import type { Machine } from '../../supervisor/machine.ts';
import { isSet, wholeNumber } from '../query.ts';
import type { Handler, Request } from '../server.ts';
import type { ConfigChange, ConfigEvent, ConfigProposal } from '../types.ts';

export function configHandlers({ log }: Machine, admin: ConfigAdmin, applier: ConfigApply) {
  const secrets = ({ query }: Request): boolean => isSet(query, 'private');
  return {
    view: async (request) => ({ value: await admin.view(secrets(request)) }),
    value: async (request) => ({ value: await admin.value(request.query.get('key') ?? '', secrets(request)) }),
    set: async ({ body }) => {
      const { key, value } = fieldsOf(body);
      return { value: await admin.set(textIn('key', key), textIn('value', value)) };
    },
    merge: async ({ body }) => {
      const { text, origin } = fieldsOf(body);
      return { value: await admin.merge(textIn('text', text), optionalText('origin', origin) ?? 'the input') };
    },
    file: async () => ({ value: await admin.file() }),
    replace: async ({ body }) => {
      const { text, digest } = fieldsOf(body);
      return { value: await admin.replace(textIn('text', text), digest === undefined ? undefined : textIn('digest', digest)) };
    },
    validate: async ({ body }) => {
      const { text, origin } = fieldsOf(body);
      return { value: await admin.judge(optionalText('text', text), optionalText('origin', origin) ?? 'the input') };
    },
    export: async (request) => ({ value: await admin.exported(isSet(request.query, 'full'), secrets(request)) }),
    images: async ({ body }) => ({ value: { images: await admin.images(optionalText('text', fieldsOf(body)['text'])) } }),
    starter: async () => ({ value: { text: admin.starter() } }),
    schema: async () => ({ value: admin.schema() }),
    history: async () => ({ value: await admin.history() }),
    diff: async (request) => ({ value: await admin.diff(wholeNumber(request.query, 'from'), wholeNumber(request.query, 'to'), secrets(request)) }),
    undo: async ({ body }) => {
      const to = numberIn('to', fieldsOf(body)['to']);
      if (to === undefined && await applier.endTrial('undone')) {
        const notes = ['the trial has ended: the configuration from before it is in force'];
        return { value: { written: true, valid: true, problems: [], notes } satisfies ConfigChange };
      }
      return { value: await admin.undo(to) };
    },
    plan: async ({ body }) => ({ value: await applier.plan(proposalOf(body)) }),
    /** It goes on when the client goes away: a new address of the machine does that. */
    apply: async ({ body }) => {
      const proposal = proposalOf(body);
      return {
        stream: async (send, open) => {
          open();
          try {
            const done = await applier.apply(proposal, (text) => { if (text !== '') send({ kind: 'progress', text } satisfies ConfigEvent); });
            send(('applied' in done ? { kind: 'done', applied: done.applied } : { kind: 'invalid', problems: done.problems }) satisfies ConfigEvent);
          } catch (error) {
            if (!(error instanceof RosError)) log.error(`api: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
            const known = error instanceof RosError ? error : new RosError('ERR_ROS_INTERNAL', 'cannot apply the configuration: the supervisor\'s log tells why', { hint: 'ros logs' });
            send({ kind: 'failed', error: { code: known.code, message: known.message, ...(known.hint !== undefined && { hint: known.hint }) } } satisfies ConfigEvent);
          }
        },
      };
    },
    confirm: async () => ({ value: await applier.confirm() }),
    status: async () => ({ value: await admin.status() }),
  } satisfies Record<string, Handler>;
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(body: unknown): Fields { return typeof body === 'object' && body !== null ? body as Fields : {}; }

function proposalOf(body: unknown): ConfigProposal {
  const { text, origin, replace, trySeconds } = fieldsOf(body);
  const given = optionalText('text', text);
  const from = optionalText('origin', origin);
  const seconds = numberIn('trySeconds', trySeconds);
  if (seconds !== undefined && (seconds < trialSeconds.minimum || seconds > trialSeconds.maximum)) {
    throw new RosError('ERR_ROS_BAD_REQUEST', `cannot read request: "trySeconds" must be from ${trialSeconds.minimum} to ${trialSeconds.maximum}`);
  }
  return { ...(given !== undefined && { text: given }), ...(from !== undefined && { origin: from }), ...(replace === true && { replace }), ...(seconds !== undefined && { trySeconds: seconds }) };
}

function textIn(name: string, value: unknown): string {
  if (typeof value !== 'string') throw new RosError('ERR_ROS_BAD_REQUEST', `cannot read request: "${name}" must be a text`);
  return value;
}

function optionalText(name: string, value: unknown): string | undefined { return value === undefined ? undefined : textIn(name, value); }

function numberIn(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) throw new RosError('ERR_ROS_BAD_REQUEST', `cannot read request: "${name}" must be a whole number`);
  return value;
}
