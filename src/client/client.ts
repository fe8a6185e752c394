/**
 * The control API as functions: for the CLI and for tests. Everything it needs to know of the supervisor is in
 * `api/types.ts`.
 */
import {
  controlSocketPath, type AuditReport, type BootReport, type Catalog, type EventGap, type LogLine, type LogRecord, type MachineStatus, type OperationEvent,
  type PowerAction, type ServiceDetails, type ServiceEvent, type ServiceGraph, type ServiceStatus, type ServiceStory, type TlsPair, type TlsStatus, type Validation,
} from '../api/types.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import { createConfigClient, type ConfigClient } from './config-client.ts';
import { createBootParametersClient, createInstallClient, type BootParametersClient, type InstallClient } from './install-client.ts';
import { parseNdjson } from './ndjson.ts';
import { apiError, openStream, requestJson, type RequestOptions, type TransportOptions } from './transport.ts';

export interface VersionInfo {
  /** `v0.1.0` */
  readonly version: string;
  /** The image of the operating system: `corralos/os:v0.1.0`. */
  readonly os: string;
}

export interface LogQuery {
  /** How many of the newest lines to begin with. */
  readonly tail?: number;
  /** Go on with what is logged from now on, until the signal. */
  readonly follow?: boolean;
}

export interface ServiceLogQuery extends LogQuery {
  /** Only lines that are not older: in seconds since 1970. */
  readonly since?: number;
}

export interface EventQuery extends LogQuery {
  /** The cursor of an event: only those behind it. */
  readonly since?: string;
}

export type ServiceAction = 'start' | 'stop' | 'restart' | 'kill' | 'rm' | 'down';

export interface ActionQuery {
  /** stop, restart, down: the grace before a container is killed. */
  readonly timeoutS?: number;
  /** kill: `SIGKILL` when absent. */
  readonly signal?: string;
  /** rm: nobody was asked. */
  readonly force?: boolean;
  /** rm: the volumes that only this container has go with it. */
  readonly volumes?: boolean;
}

/** What takes its time and tells how far it is. */
export type ServiceOperation = 'enable' | 'up' | 'create' | 'pull' | 'build' | 'update';

export interface OperationQuery {
  /** enable: start it as well. */
  readonly now?: boolean;
  /** up, create: what becomes of a container that is there. Absent: it is replaced when its service has changed. */
  readonly recreate?: 'force' | 'never';
  /** up, create: do not make the image of a service that has `build`. */
  readonly build?: 'never';
  /** build: make every step anew. */
  readonly noCache?: boolean;
  /** build: ask for a newer base image. */
  readonly pull?: boolean;
  /** build: keep nothing of a build that failed. */
  readonly forceRm?: boolean;
  /** update: to this image. */
  readonly image?: string;
}

export type OperationResult = Omit<Extract<OperationEvent, { kind: 'done' }>, 'kind'>;

export interface ClientOptions extends Partial<TransportOptions> {
  /** Ends whatever is under way; streams then end without an error. */
  readonly signal?: AbortSignal;
}

export interface ControlClient {
  readonly config: ConfigClient;
  readonly install: InstallClient;
  readonly bootParameters: BootParametersClient;
  version(): Promise<VersionInfo>;
  status(): Promise<MachineStatus>;
  services(): Promise<readonly ServiceStatus[]>;
  /** What could be enabled; `update` asks the network first. */
  available(update: boolean): Promise<Catalog>;
  graph(): Promise<ServiceGraph>;
  /** Whether the text of a service file is good; `origin` is where it lies. */
  validate(text: string, origin: string): Promise<Validation>;
  service(name: string): Promise<ServiceDetails>;
  why(name: string): Promise<ServiceStory>;
  /** Answers when it is done. */
  act(service: string, action: ServiceAction, query?: ActionQuery): Promise<ServiceStatus>;
  /** Turns off what `enable` turned on (`now`: and stops it), or forgets it. Answers with what there is to say about it. */
  withdraw(service: string, how: 'disable' | 'delete', query?: { readonly now?: boolean }): Promise<{ readonly notes: readonly string[] }>;
  /** Answers when it is done; what it says on the way goes to `onProgress`. A failure is thrown. */
  operate(service: string, operation: ServiceOperation, query: OperationQuery, onProgress: (text: string) => Promise<void>): Promise<OperationResult>;
  serviceLogs(service: string, query: ServiceLogQuery): AsyncGenerator<LogLine>;
  serviceEvents(query: EventQuery): AsyncGenerator<ServiceEvent | EventGap>;
  boot(): Promise<BootReport>;
  logs(query: LogQuery): AsyncGenerator<LogRecord>;
  power(action: PowerAction): Promise<void>;
  environment(): Promise<Readonly<Record<string, string>>>;
  /** The path of the device that `LABEL=…` and the like name. */
  device(spec: string): Promise<string>;
  audit(): Promise<AuditReport>;
  tls(): Promise<TlsStatus>;
  generateTls(kind: 'server' | 'client', names: readonly string[]): Promise<TlsPair>;
  /** Any request, its answer as it comes. */
  call(method: 'GET' | 'POST', path: string, body: unknown): AsyncGenerator<string>;
}

const answerTimeoutMs = 30_000;
/** A service may have to wait for others, and its image for the disk. */
const actionTimeoutMs = 120_000;
/** Each repository may be slow, and is given up in its own time. */
const updateTimeoutMs = 300_000;

export function createClient(options: ClientOptions = {}): ControlClient {
  const { signal, socketPath = controlSocketPath, retryMs = 5000, connectTimeoutMs = 5000 } = options;
  const transport: TransportOptions = { socketPath, retryMs, connectTimeoutMs };
  const json = async <T>(request: RequestOptions): Promise<T> =>
    (await requestJson(transport, { timeoutMs: answerTimeoutMs, signal, ...request })) as T;

  async function* stream<T>(request: RequestOptions): AsyncGenerator<T> {
    try {
      yield* parseNdjson<T>(await openStream(transport, { signal, ...request }));
    } catch (error) {
      if (signal?.aborted === true) return;
      if (error instanceof RosError) throw error;
      throw new RosError('ERR_ROS_STREAM', `cannot read on from the supervisor: ${causeOf(error)}`, { cause: error, hint: 'it may be restarting: try again in a moment' });
    }
  }

  return {
    config: createConfigClient({ json, stream, queryString }),
    install: createInstallClient({ json, stream, queryString }),
    bootParameters: createBootParametersClient({ json, stream, queryString }),
    version: () => json({ path: '/v1/version' }),
    status: () => json({ path: '/v1/status' }),
    services: () => json({ path: '/v1/services' }),
    available: (update) => json({ path: `/v1/services/available${queryString({ update })}`, ...(update && { timeoutMs: updateTimeoutMs }) }),
    graph: () => json({ path: '/v1/services/graph' }),
    validate: (text, origin) => json({ method: 'POST', path: '/v1/services/validate', body: { text, origin } }),
    service: (name) => json({ path: servicePath(name) }),
    why: (name) => json({ path: `${servicePath(name)}/why` }),
    act: (service, action, query = {}) => json({
      method: 'POST', path: `${servicePath(service)}/${action}${queryString(query)}`, timeoutMs: actionTimeoutMs + (query.timeoutS ?? 0) * 1000,
    }),
    withdraw: (service, how, query = {}) => json({ method: 'POST', path: `${servicePath(service)}/${how}${queryString(query)}`, timeoutMs: actionTimeoutMs }),
    async operate(service, operation, query, onProgress) {
      const path = `${servicePath(service)}/${operation}${queryString(query)}`;
      for await (const event of stream<OperationEvent>({ method: 'POST', path, headTimeoutMs: actionTimeoutMs })) {
        if (event.kind === 'done') return { services: event.services, notes: event.notes };
        if (event.kind === 'failed') throw apiError(event.error);
        await onProgress(event.text);
      }
      signal?.throwIfAborted();
      throw new RosError('ERR_ROS_STREAM', `cannot tell what became of "${operation} ${service}": the supervisor's answer ended too early`, { hint: 'ros service list' });
    },
    serviceLogs: (service, query) => stream({ path: `${servicePath(service)}/logs${queryString(query)}` }),
    serviceEvents: (query) => stream({ path: `/v1/services/events${queryString(query)}` }),
    environment: () => json({ path: '/v1/environment' }),
    device: async (spec) => (await json<{ device: string }>({ path: `/v1/device${queryString({ spec })}` })).device,
    audit: () => json({ path: '/v1/audit', timeoutMs: actionTimeoutMs }),
    tls: () => json({ path: '/v1/tls' }),
    generateTls: (kind, names) => json({ method: 'POST', path: '/v1/tls/generate', body: { kind, names }, timeoutMs: actionTimeoutMs }),
    boot: () => json({ path: '/v1/boot' }),
    logs: (query) => stream({ path: `/v1/logs${queryString(query)}` }),
    async *call(method, path, body) {
      const answer = await openStream(transport, { method, path, body, signal, headTimeoutMs: updateTimeoutMs });
      for await (const text of answer.setEncoding('utf8') as AsyncIterable<string>) yield text;
    },
    async power(action) { await json({ method: 'POST', path: '/v1/power', body: { action } }); },
  };
}

function servicePath(service: string): string {
  return `/v1/services/${encodeURIComponent(service)}`;
}

/** A flag is `1` or not there. */
function queryString(values: object): string {
  const parts = Object.entries(values as Record<string, string | number | boolean | undefined>)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([key, value]) => `${key}=${value === true ? '1' : encodeURIComponent(String(value))}`);
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}
