import { describe, expect, it } from 'vitest';
import { createClient } from '../../../src/client/client.ts';
import { fail, ros, serve } from './support.ts';

const accepts = { 'POST /v1/power': (_request: unknown, response: { writeHead(status: number): { end(text: string): void } }): void => { response.writeHead(202).end('{}'); } };

describe('ending the machine', () => {
  it.each([
    ['reboot', 'reboot'], ['poweroff', 'poweroff'], ['halt', 'halt'], ['shutdown', 'poweroff'], ['shutdown -h now', 'poweroff'],
    ['shutdown -r +0', 'reboot'], ['shutdown -H now', 'halt'], ['shutdown -P now', 'poweroff'], ['halt -p', 'poweroff'], ['halt -r', 'reboot'],
  ])('asks the supervisor for "%s" as %s', async (words, action) => {
    const api = await serve(accepts);
    expect(await ros(words, api.socketPath)).toMatchObject({ code: 0, stderr: '', signals: [] });
    expect(api.bodies).toEqual([JSON.stringify({ action })]);
  });

  it.each([['reboot -f', 'SIGTERM'], ['poweroff --force', 'SIGUSR2'], ['halt -f', 'SIGUSR1']])('tells process 1 directly for "%s"', async (words, signal) => {
    const api = await serve(accepts);
    expect((await ros(words, api.socketPath)).signals).toEqual([signal]);
    expect(api.requests).toEqual([]);
  });

  it('tells process 1 when the supervisor closes the connection without an answer, and says so', async () => {
    const api = await serve({ 'POST /v1/power': (request) => { request.socket.destroy(); } });
    expect(await ros('poweroff', api.socketPath)).toMatchObject({
      code: 0,
      stdout: 'powering off (told process 1 directly)\n',
      stderr: `ros: cannot reach the supervisor at "${api.socketPath}": the connection was closed before the answer came\n`,
      signals: ['SIGUSR2'],
    });
  });

  it('does not override an answer of the supervisor', async () => {
    const api = await serve({ 'POST /v1/power': fail(409, 'ERR_ROS_BUSY', 'cannot reboot: an upgrade is being written') });
    expect(await ros('reboot', api.socketPath)).toMatchObject({ code: 1, signals: [], stderr: 'ros: cannot reboot: an upgrade is being written\n' });
  });

  it('knows no other time than now', async () => {
    expect(await ros('shutdown -h +5', '/nonexistent')).toMatchObject({
      code: 2, signals: [], stderr: 'ros: cannot shut down at "+5": only "now" is possible\nhint: shutdown -h now\n',
    });
  });

  it('cannot cancel', async () => {
    expect(await ros('shutdown -c', '/nonexistent')).toMatchObject({
      code: 1, signals: [], stderr: 'ros: cannot cancel a shutdown: it begins at once, there is never one that waits\n',
    });
  });

  it('ends nothing for "shutdown --help"', async () => {
    const run = await ros('shutdown --help', '/nonexistent');
    expect(run).toMatchObject({ code: 0, signals: [] });
    expect(run.stdout).toMatch(/^Usage: ros shutdown \[now\] \[OPTION…\]\n[\s\S]* {2}--help /);
  });
});

describe('the client', () => {
  it('names an answer that is too slow', async () => {
    const api = await serve({ 'GET /v1/status': () => undefined });
    const { requestJson } = await import('../../../src/client/transport.ts');
    await expect(requestJson({ socketPath: api.socketPath, retryMs: 0, connectTimeoutMs: 1000 }, { path: '/v1/status', timeoutMs: 50 }))
      .rejects.toMatchObject({ code: 'ERR_ROS_TIMEOUT', message: 'cannot get an answer from the supervisor: nothing after 0.05 s' });
  });

  it('names an answer that is no JSON', async () => {
    const api = await serve({ 'GET /v1/status': (_request, response) => { response.end('<html>'); } });
    await expect(createClient({ socketPath: api.socketPath }).status()).rejects.toMatchObject({ code: 'ERR_ROS_BAD_ANSWER' });
  });

  it('names a failure that does not say why', async () => {
    const api = await serve({ 'GET /v1/status': (_request, response) => { response.writeHead(500).end('boom'); } });
    await expect(createClient({ socketPath: api.socketPath }).status()).rejects.toThrow('HTTP status 500 without a reason');
  });

  it('waits for a supervisor that is just being restarted', async () => {
    const { temporaryDirectory } = await import('./support.ts');
    const socketPath = `${temporaryDirectory()}/control.sock`;
    const asked = createClient({ socketPath }).version();
    await new Promise((resolve) => { setTimeout(resolve, 150); });
    await serve({ 'GET /v1/version': { version: 'v1', os: 'x' } }, socketPath);
    expect(await asked).toEqual({ version: 'v1', os: 'x' });
  });

  it('hints at what to do when nobody is there', async () => {
    await expect(createClient({ socketPath: '/nonexistent/control.sock', retryMs: 0 }).version()).rejects.toMatchObject({
      code: 'ERR_ROS_UNREACHABLE', message: 'cannot reach the supervisor at "/nonexistent/control.sock": there is no such socket',
    });
  });
});
