/** The part of the control API that is about the configuration, as functions. */
import type {
  ConfigApplied, ConfigChange, ConfigDiff, ConfigEvent, ConfigExport, ConfigFile, ConfigHistory, ConfigJudgement, ConfigPlan, ConfigProblem, ConfigProposal,
  ConfigStatus, ConfigValue, ConfigView,
} from '../api/types.ts';
import { RosError } from '../lib/errors.ts';
import { apiError, type RequestOptions } from './transport.ts';

export interface ConfigClient {
  /** `secrets`: shown rather than masked. */
  view(secrets: boolean): Promise<ConfigView>;
  value(key: string, secrets: boolean): Promise<ConfigValue>;
  /** `value` as it stands on a command line. */
  set(key: string, value: string): Promise<ConfigChange>;
  merge(text: string, origin: string): Promise<ConfigChange>;
  file(): Promise<ConfigFile>;
  /** `digest` names the text that was changed. */
  replace(text: string, digest: string): Promise<ConfigChange>;
  /** Without a text all layers of the machine. */
  validate(text: string | undefined, origin: string): Promise<ConfigJudgement>;
  export(query: { readonly full: boolean; readonly secrets: boolean }): Promise<ConfigExport>;
  images(text: string | undefined): Promise<readonly string[]>;
  starter(): Promise<string>;
  schema(): Promise<unknown>;
  plan(proposal: ConfigProposal): Promise<ConfigPlan>;
  /** Answers when it is done, or with what is wrong with the text; what is done on the way goes to `onProgress`. */
  apply(proposal: ConfigProposal, onProgress: (text: string) => Promise<void>): Promise<ConfigApplied | { readonly problems: readonly ConfigProblem[] }>;
  confirm(): Promise<{ readonly notes: readonly string[] }>;
  history(): Promise<ConfigHistory>;
  diff(from: number | undefined, to: number | undefined, secrets: boolean): Promise<ConfigDiff>;
  undo(to: number | undefined): Promise<ConfigChange>;
  status(): Promise<ConfigStatus>;
}

export interface Requests {
  readonly json: <T>(request: RequestOptions) => Promise<T>;
  readonly stream: <T>(request: RequestOptions) => AsyncGenerator<T>;
  readonly queryString: (values: object) => string;
}

/** Ending a trial puts a configuration into effect. */
const undoTimeoutMs = 300_000;

export function createConfigClient({ json, stream, queryString }: Requests): ConfigClient {
  const post = <T>(path: string, body: unknown, timeoutMs?: number): Promise<T> => json({ method: 'POST', path: `/v1/config/${path}`, body, ...(timeoutMs !== undefined && { timeoutMs }) });
  return {
    view: (secrets) => json({ path: `/v1/config${queryString({ private: secrets })}` }),
    value: (key, secrets) => json({ path: `/v1/config/value${queryString({ key, private: secrets })}` }),
    set: (key, value) => post('set', { key, value }),
    merge: (text, origin) => post('merge', { text, origin }),
    file: () => json({ path: '/v1/config/file' }),
    replace: (text, digest) => post('file', { text, digest }),
    validate: (text, origin) => post('validate', { origin, ...(text !== undefined && { text }) }),
    export: ({ full, secrets }) => json({ path: `/v1/config/export${queryString({ full, private: secrets })}` }),
    images: async (text) => (await post<{ images: readonly string[] }>('images', text === undefined ? {} : { text })).images,
    starter: async () => (await json<{ text: string }>({ path: '/v1/config/starter' })).text,
    schema: () => json({ path: '/v1/config/schema' }),
    plan: (proposal) => post('plan', proposal),
    async apply(proposal, onProgress) {
      for await (const event of stream<ConfigEvent>({ method: 'POST', path: '/v1/config/apply', body: proposal })) {
        if (event.kind === 'done') return event.applied;
        if (event.kind === 'invalid') return { problems: event.problems };
        if (event.kind === 'failed') throw apiError(event.error);
        await onProgress(event.text);
      }
      throw new RosError('ERR_ROS_STREAM', 'cannot tell whether the configuration is applied: the supervisor\'s answer ended too early', { hint: 'ros config status' });
    },
    confirm: () => post('confirm', {}, undoTimeoutMs),
    history: () => json({ path: '/v1/config/history' }),
    diff: (from, to, secrets) => json({ path: `/v1/config/diff${queryString({ from, to, private: secrets })}` }),
    undo: (to) => post('undo', to === undefined ? {} : { to }, undoTimeoutMs),
    status: () => json({ path: '/v1/config/status' }),
  };
}
