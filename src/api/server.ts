/** The control API's server: HTTP on a unix socket, the table of routes, errors as JSON. */
import { chmod, chown, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { causeOf, RosError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { ApiError } from './types.ts';

export interface Request {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: unknown;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

/**
 * A handler answers with a value (sent as JSON), or streams lines of JSON and resolves at the end. What it streams with
 * `open` is started before the first line: whoever follows a silent log must not think that nobody answers.
 */
export type Reply =
  | { readonly status?: number; readonly value: unknown }
  | { readonly stream: (send: (value: unknown) => void, open: () => void) => Promise<void> };
export type Handler = (request: Request) => Promise<Reply>;

export interface Route { readonly method: 'GET' | 'POST'; readonly path: string; readonly handler: Handler }

/** The largest cloud-config, escaped as JSON. */
const bodyLimit = 8 * 1024 * 1024;
const statusOf: Readonly<Record<string, number>> = { ERR_ROS_NO_SERVICE: 404, ERR_ROS_NO_CONTAINER: 404, ERR_ROS_NO_ROUTE: 404, ERR_ROS_NO_DEVICE: 404, ERR_ROS_CONFIG_KEY: 404, ERR_ROS_NO_VERSION: 404, ERR_ROS_NO_TRIAL: 409, ERR_ROS_CONFLICT: 409, ERR_ROS_CONFIG: 422, ERR_ROS_BAD_REQUEST: 400, ERR_ROS_TIMEOUT: 504 };
/** A client that does not read gets no more: what is buffered for it is memory of ours. */
const backlogLimit = 8 * 1024 * 1024;

export interface ServerOptions {
  readonly socketPath: string;
  readonly groupId: number;
  readonly routes: readonly Route[];
  readonly log: Log;
}

/** Listens; a stale socket of a supervisor that died is replaced. Root and the group may connect. */
export async function serveApi({ socketPath, groupId, routes, log }: ServerOptions): Promise<Server> {
  const server = createServer((request, response) => {
    answer(routes, request, response).catch((error: unknown) => {
      if (!(error instanceof RosError)) log.error(`api: ${request.method} ${request.url}: ${error instanceof Error ? (error.stack ?? '') : causeOf(error)}`);
      sendError(response, error);
    });
  });
  await unlink(socketPath).catch(() => undefined);
  await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(socketPath, resolve); });
  server.on('error', (error) => { log.error(`api: ${causeOf(error)}`); });
  await chown(socketPath, 0, groupId);
  await chmod(socketPath, 0o660);
  return server;
}

async function answer(routes: readonly Route[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://ros');
  const found = match(routes, request.method ?? 'GET', url.pathname);
  if (found === undefined) throw new RosError('ERR_ROS_NO_ROUTE', `cannot answer request "${request.method} ${url.pathname}": there is no such route`);
  const gone = new AbortController();
  response.on('close', () => { gone.abort(); });
  const reply = await found.route.handler({ params: found.params, query: url.searchParams, body: await readBody(request), signal: gone.signal });
  if ('value' in reply) { sendJson(response, reply.status ?? 200, reply.value); return; }
  response.on('error', () => undefined);
  await reply.stream((value) => {
    startStream(response);
    if (response.writableLength > backlogLimit) { response.destroy(); return; }
    response.write(`${JSON.stringify(value)}\n`);
  }, () => { startStream(response); });
  startStream(response);
  response.end();
}

function startStream(response: ServerResponse): void {
  if (response.headersSent) return;
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.flushHeaders();
}

/** The route of a method and path; `:name` in a route's path takes one segment. */
export function match(routes: readonly Route[], method: string, path: string): { route: Route; params: Record<string, string> } | undefined {
  const segments = path.split('/');
  for (const route of routes) {
    const wanted = route.path.split('/');
    if (route.method !== method || wanted.length !== segments.length) continue;
    const params: Record<string, string> = {};
    const fits = wanted.every((segment, index) => {
      const actual = segments[index] ?? '';
      if (!segment.startsWith(':')) return segment === actual;
      params[segment.slice(1)] = decodeURIComponent(actual);
      return actual !== '';
    });
    if (fits) return { route, params };
  }
  return undefined;
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk as string;
    if (text.length > bodyLimit) throw new RosError('ERR_ROS_BAD_REQUEST', `cannot read request: its body is larger than ${bodyLimit} bytes`);
  }
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new RosError('ERR_ROS_BAD_REQUEST', `cannot read request: its body is not JSON: ${causeOf(error)}`);
  }
}

function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) { response.destroy(); return; }
  const known = error instanceof RosError ? error : new RosError('ERR_ROS_INTERNAL', `cannot answer: ${causeOf(error)}`);
  const body: ApiError = { code: known.code, message: known.message, ...(known.hint !== undefined && { hint: known.hint }) };
  sendJson(response, statusOf[known.code] ?? 500, body);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(value)}\n`);
}
