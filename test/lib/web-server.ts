/** A real HTTP server on loopback whose answers a test says, path by path. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export type Answer = string | ((request: IncomingMessage, response: ServerResponse) => void);

export interface WebServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Path → answer; a path that is not here is 404. A text has an ETag, which is answered with 304 when it comes back. */
  readonly answers: Map<string, Answer>;
  /** The paths that were asked for, in their order. */
  readonly asked: string[];
  close(): Promise<void>;
}

export async function startWebServer(tls?: { readonly key: string; readonly cert: string }): Promise<WebServer> {
  const answers = new Map<string, Answer>();
  const asked: string[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url ?? '';
    asked.push(path);
    const answer = answers.get(path);
    if (typeof answer === 'function') { answer(request, response); return; }
    const etag = `"${answer?.length ?? 0}"`;
    if (answer === undefined) response.writeHead(404).end('no such page');
    else if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
    else response.writeHead(200, { etag }).end(answer);
  };
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    answers,
    asked,
    close: () => new Promise((resolve) => { server.close(() => { resolve(); }); server.closeAllConnections(); }),
  };
}

/** An answer with a status and headers. */
export function status(code: number, headers: Readonly<Record<string, string>> = {}): Answer {
  return (_request, response) => { response.writeHead(code, headers).end(); };
}

/** Each time the next one; the last one again and again. */
export function inTurn(...answers: readonly Answer[]): Answer {
  let index = 0;
  return (request, response) => {
    const answer = answers[Math.min(index++, answers.length - 1)];
    if (typeof answer === 'function') answer(request, response);
    else response.writeHead(200).end(answer);
  };
}
