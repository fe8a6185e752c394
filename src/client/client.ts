/**
 * The control API as functions: for the CLI and for tests. Everything it needs to know of the supervisor is in
 * `api/types.ts`.
 */
import { controlSocketPath, type BootReport, type LogLine, type LogRecord, type MachineStatus, type PowerAction, type ServiceStatus } from '../api/types.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import { parseNdjson } from './ndjson.ts';
import { openStream, requestJson, type RequestOptions, type TransportOptions } from './transport.ts';

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

export type ServiceAction = 'start' | 'stop' | 'restart';

export interface ClientOptions extends Partial<TransportOptions> {
  /** Ends whatever is under way; streams then end without an error. */
  readonly signal?: AbortSignal;
}

export interface ControlClient {
  version(): Promise<VersionInfo>;
  status(): Promise<MachineStatus>;
  services(): Promise<readonly ServiceStatus[]>;
  /** Answers when it is done. `timeoutS` is the grace before a container is killed. */
  act(service: string, action: ServiceAction, timeoutS?: number): Promise<ServiceStatus>;
  serviceLogs(service: string, query: LogQuery): AsyncGenerator<LogLine>;
  boot(): Promise<BootReport>;
  logs(query: LogQuery): AsyncGenerator<LogRecord>;
  power(action: PowerAction): Promise<void>;
}

const answerTimeoutMs = 30_000;
/** A service may have to wait for others, and its image for the disk. */
const actionTimeoutMs = 120_000;

export function createClient(options: ClientOptions = {}): ControlClient {
  const { signal, socketPath = controlSocketPath, retryMs = 5000, connectTimeoutMs = 5000 } = options;
  const transport: TransportOptions = { socketPath, retryMs, connectTimeoutMs };
  const json = async <T>(request: RequestOptions): Promise<T> =>
    (await requestJson(transport, { timeoutMs: answerTimeoutMs, signal, ...request })) as T;

  async function* stream<T>(path: string): AsyncGenerator<T> {
    try {
      yield* parseNdjson<T>(await openStream(transport, { path, signal }));
    } catch (error) {
      if (signal?.aborted === true) return;
      if (error instanceof RosError) throw error;
      throw new RosError('ERR_ROS_STREAM', `cannot read on from the supervisor: ${causeOf(error)}`, { cause: error, hint: 'it may be restarting: try again in a moment' });
    }
  }

  return {
    version: () => json({ path: '/v1/version' }),
    status: () => json({ path: '/v1/status' }),
    services: () => json({ path: '/v1/services' }),
    act: (service, action, timeoutS) => json({
      method: 'POST',
      path: `${servicePath(service)}/${action}${timeoutS === undefined ? '' : `?timeoutS=${timeoutS}`}`,
      timeoutMs: actionTimeoutMs + (timeoutS ?? 0) * 1000,
    }),
    serviceLogs: (service, query) => stream(`${servicePath(service)}/logs${queryString(query)}`),
    boot: () => json({ path: '/v1/boot' }),
    logs: (query) => stream(`/v1/logs${queryString(query)}`),
    async power(action) { await json({ method: 'POST', path: '/v1/power', body: { action } }); },
  };
}

function servicePath(service: string): string {
  return `/v1/services/${encodeURIComponent(service)}`;
}

function queryString({ tail, follow }: LogQuery): string {
  const parts = [...(tail === undefined ? [] : [`tail=${tail}`]), ...(follow === true ? ['follow=1'] : [])];
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}
