/** HTTP over a unix socket, every request bounded in time, every failure a `RosError` that says what to do about it. */
import { request, type IncomingMessage } from 'node:http';
import type { ApiError } from '../api/types.ts';
import { causeOf, RosError } from '../lib/errors.ts';

export interface TransportOptions {
  readonly socketPath: string;
  /** How long to go on trying while nobody listens: a restart of the supervisor takes a moment. */
  readonly retryMs: number;
  readonly connectTimeoutMs: number;
}

export interface RequestOptions {
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  /** For the whole answer. Absent: as long as it takes, for streams. */
  readonly timeoutMs?: number;
  /** For the head of a stream's answer; its body may then take for ever. */
  readonly headTimeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

const retryPauseMs = 100;
const defaultHeadTimeoutMs = 30_000;
const maxAnswerBytes = 64 * 1024 * 1024;

/** The parsed JSON of an answer; undefined for an empty one. */
export async function requestJson(transport: TransportOptions, options: RequestOptions): Promise<unknown> {
  const deadline = options.timeoutMs === undefined ? undefined : AbortSignal.timeout(options.timeoutMs);
  const signals = [options.signal, deadline].filter((signal) => signal !== undefined);
  const signal = signals.length === 0 ? undefined : AbortSignal.any(signals);
  try {
    const answer = await openStream(transport, { ...options, signal });
    const text = await readAll(answer);
    return text === '' ? undefined : JSON.parse(text);
  } catch (error) {
    if (deadline?.aborted === true && options.signal?.aborted !== true) {
      throw new RosError('ERR_ROS_TIMEOUT', `cannot get an answer from the supervisor: nothing after ${(options.timeoutMs ?? 0) / 1000} s`, { cause: error });
    }
    if (error instanceof RosError) throw error;
    throw new RosError('ERR_ROS_BAD_ANSWER', `cannot understand the supervisor's answer: ${causeOf(error)}`, { cause: error });
  }
}

/** The answer's head has come and is 2xx; its body is for the caller to read. */
export async function openStream(transport: TransportOptions, options: RequestOptions): Promise<IncomingMessage> {
  const giveUpAt = Date.now() + transport.retryMs;
  for (;;) {
    try {
      const answer = await send(transport, options);
      if ((answer.statusCode ?? 500) < 300) return answer;
      throw await serverError(answer);
    } catch (error) {
      if (error instanceof RosError || options.signal?.aborted === true) throw error;
      const code = codeOf(error);
      if ((code !== 'ENOENT' && code !== 'ECONNREFUSED') || Date.now() + retryPauseMs > giveUpAt) throw unreachable(transport.socketPath, error);
    }
    await new Promise((resolve) => { setTimeout(resolve, retryPauseMs); });
  }
}

function send(transport: TransportOptions, options: RequestOptions): Promise<IncomingMessage> {
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  const headTimeoutMs = options.headTimeoutMs ?? defaultHeadTimeoutMs;
  return new Promise((resolve, reject) => {
    const outgoing = request({
      socketPath: transport.socketPath,
      method: options.method ?? 'GET',
      path: options.path,
      headers: { host: 'ros', ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }) },
      // A pooled connection would outlive the command.
      agent: false,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const answering = options.timeoutMs === undefined
      ? setTimeout(() => { outgoing.destroy(new Error(`no answer after ${headTimeoutMs / 1000} s`)); }, headTimeoutMs)
      : undefined;
    const connecting = setTimeout(() => {
      outgoing.destroy(Object.assign(new Error(`no connection after ${transport.connectTimeoutMs / 1000} s`), { code: 'ETIMEDOUT' }));
    }, transport.connectTimeoutMs);
    outgoing.on('socket', (socket) => {
      if (socket.connecting) socket.once('connect', () => { clearTimeout(connecting); });
      else clearTimeout(connecting);
    });
    outgoing.on('response', (answer) => { clearTimeout(answering); resolve(answer); });
    outgoing.on('error', (error) => { clearTimeout(connecting); clearTimeout(answering); reject(error); });
    outgoing.end(body);
  });
}

async function readAll(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxAnswerBytes) throw new Error(`it is larger than ${maxAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The server's own code, message and hint; an answer without them is named by its status. */
async function serverError(answer: IncomingMessage): Promise<RosError> {
  const text = await readAll(answer);
  try {
    const answered = JSON.parse(text) as ApiError;
    if (typeof answered.code === 'string' && typeof answered.message === 'string') return apiError(answered);
  } catch {
    // Not from our server, or cut short: the status says it.
  }
  return new RosError('ERR_ROS_BAD_ANSWER', `cannot understand the supervisor's answer: HTTP status ${answer.statusCode ?? 0} without a reason`);
}

/** The supervisor's error, thrown here. */
export function apiError({ code, message, hint }: ApiError): RosError {
  return new RosError(code, message, hint === undefined ? {} : { hint });
}

function unreachable(socketPath: string, cause: unknown): RosError {
  const code = codeOf(cause);
  const facts = code === undefined ? undefined : whyUnreachable[code];
  const reason = facts?.reason ?? causeOf(cause);
  const hint = facts?.hint;
  return new RosError('ERR_ROS_UNREACHABLE', `cannot reach the supervisor at "${socketPath}": ${reason}`, { cause, ...(hint === undefined ? {} : { hint }) });
}

const restarting = 'it may be restarting: try again in a moment';
const whyUnreachable: Readonly<Record<string, { reason: string; hint: string }>> = {
  EACCES: { reason: 'permission denied', hint: 'run it with sudo' },
  ENOENT: { reason: 'there is no such socket', hint: 'is this a CorralOS machine? If so, the supervisor may be restarting: try again in a moment' },
  ECONNREFUSED: { reason: 'nobody listens there', hint: restarting },
  ECONNRESET: { reason: 'the connection was closed before the answer came', hint: restarting },
  EPIPE: { reason: 'the connection was closed before the answer came', hint: restarting },
};

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}
