import { mkdtemp, rm, stat } from 'node:fs/promises';
import { request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { match, serveApi, type Route } from '../../src/api/server.ts';
import { RosError } from '../../src/lib/errors.ts';

let directory: string;
let server: Server;
let socketPath: string;
const routes: Route[] = [
  { method: 'GET', path: '/v1/things/:name', handler: async ({ params, query }) => ({ value: { name: params['name'], tail: query.get('tail') } }) },
  { method: 'POST', path: '/v1/things', handler: async ({ body }) => ({ status: 202, value: body }) },
  { method: 'GET', path: '/v1/fail', handler: async () => { throw new RosError('ERR_ROS_NO_SERVICE', 'cannot stop service "x": no', { hint: 'try y' }); } },
  { method: 'GET', path: '/v1/bug', handler: async () => { throw new TypeError('oops'); } },
  { method: 'GET', path: '/v1/stream', handler: async () => ({ stream: async (send) => { send({ n: 1 }); send({ n: 2 }); } }) },
];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'api-'));
  socketPath = join(directory, 'control.sock');
  server = await serveApi({ socketPath, groupId: process.getgid?.() ?? 0, routes, log: pino({ enabled: false }) });
});
afterEach(async () => { server.close(); await rm(directory, { recursive: true }); });

function call(method: string, path: string, body?: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; }).on('end', () => { resolve({ status: response.statusCode ?? 0, text }); });
    });
    outgoing.on('error', reject).end(body);
  });
}

describe('the control API', () => {
  it('answers with JSON, path parameters and query', async () => {
    expect(await call('GET', '/v1/things/a%20b?tail=3')).toEqual({ status: 200, text: '{"name":"a b","tail":"3"}\n' });
    expect(await call('POST', '/v1/things', '{"a":1}')).toEqual({ status: 202, text: '{"a":1}\n' });
  });

  it('streams lines', async () => { expect(await call('GET', '/v1/stream')).toEqual({ status: 200, text: '{"n":1}\n{"n":2}\n' }); });

  it('says what failed, with its code and hint, and survives a bug in a handler', async () => {
    expect(await call('GET', '/v1/fail')).toEqual({ status: 404, text: '{"code":"ERR_ROS_NO_SERVICE","message":"cannot stop service \\"x\\": no","hint":"try y"}\n' });
    expect(await call('GET', '/v1/bug')).toMatchObject({ status: 500, text: expect.stringContaining('ERR_ROS_INTERNAL') as string });
    expect(await call('GET', '/v1/nothing')).toMatchObject({ status: 404 });
    expect(await call('POST', '/v1/things', '{')).toMatchObject({ status: 400 });
    expect(await call('POST', '/v1/things', `"${'x'.repeat(9_000_000)}"`)).toMatchObject({ status: 400 });
    expect(await call('GET', '/v1/things/x')).toMatchObject({ status: 200 });
  });

  it('is for root and its group only, and replaces the socket of a dead supervisor', async () => {
    expect((await stat(socketPath)).mode & 0o777).toBe(0o660);
    const second = await serveApi({ socketPath, groupId: process.getgid?.() ?? 0, routes, log: pino({ enabled: false }) });
    expect(await call('GET', '/v1/stream')).toMatchObject({ status: 200 });
    second.close();
  });
});

describe('match', () => {
  it('needs method and every segment', () => {
    expect(match(routes, 'POST', '/v1/things/x')).toBeUndefined();
    expect(match(routes, 'GET', '/v1/things/')).toBeUndefined();
    expect(match(routes, 'GET', '/v1/things/x/y')).toBeUndefined();
  });
});
