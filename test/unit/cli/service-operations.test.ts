import { describe, expect, it } from 'vitest';
import type { ServiceStatus } from '../../../src/api/types.ts';
import { fail, lines, now, ros, serve, service } from './support.ts';

const progress = (text: string) => ({ kind: 'progress', text });
const done = (services: readonly ServiceStatus[] = [service({})], ...notes: string[]) => ({ kind: 'done', services, notes });
const failed = (message: string, hint?: string) => ({ kind: 'failed', error: { code: 'ERR_ROS_X', message, ...(hint !== undefined && { hint }) } });

describe('ros service enable, up, create, pull, build and update', () => {
  it.each([
    ['enable ntp', 'enable', 'enabled'],
    ['enable --now ntp', 'enable?now=1', 'enabled'],
    ['up ntp', 'up', 'started'],
    ['up --force-recreate --no-build ntp', 'up?recreate=force&build=never', 'started'],
    ['create --no-recreate ntp', 'create?recreate=never', 'created'],
    ['pull ntp', 'pull', 'pulled'],
    ['build ntp', 'build', 'built'],
    ['build --no-cache --pull --force-rm ntp', 'build?noCache=1&pull=1&forceRm=1', 'built'],
    ['update ntp', 'update', 'updated'],
    ['update ntp example/ntp:2', 'update?image=example%2Fntp%3A2', 'updated'],
  ])('does "%s"', async (words, request, said) => {
    const api = await serve({ [`POST /v1/services/ntp/${words.split(' ')[0] ?? ''}`]: lines(progress('half'), done()) });
    expect(await ros(`service ${words}`, api.socketPath)).toMatchObject({ code: 0, stdout: `${said} ntp\n`, stderr: 'half\n' });
    expect(api.requests).toEqual([`POST /v1/services/ntp/${request}`]);
  });

  it('says what the supervisor says of it', async () => {
    const api = await serve({
      'POST /v1/services/a/enable': lines(done([], 'enabled a: it starts at the next boot', 'this is RAM\u001b[2J')),
      'POST /v1/services/b/enable': lines(done()),
    });
    expect((await ros('service enable a b', api.socketPath)).stdout).toBe('enabled a: it starts at the next boot\nthis is RAM [2J\nenabled b\n');
  });

  it.each(['enable', 'up', 'create', 'pull', 'build'])('reports what it cannot %s, and goes on', async (operation) => {
    const api = await serve({
      [`POST /v1/services/bad/${operation}`]: lines(progress('half'), failed('cannot do this: no', 'do that')),
      [`POST /v1/services/nope/${operation}`]: fail(404, 'ERR_ROS_NO_SERVICE', 'cannot find service "nope"'),
      [`POST /v1/services/ntp/${operation}`]: lines(done()),
    });
    const run = await ros(`service ${operation} bad nope ntp --json`, api.socketPath);
    expect(run).toMatchObject({ code: 1, stderr: 'ros: cannot do this: no\nhint: do that\nros: cannot find service "nope"\n' });
    expect(JSON.parse(run.stdout)).toEqual([{ name: 'ntp', services: [service({})], notes: [] }]);
  });

  it('fails when an update fails', async () => {
    const api = await serve({ 'POST /v1/services/ntp/update': lines(failed('cannot pull image "x": no route')) });
    expect(await ros('service update ntp x', api.socketPath)).toMatchObject({ code: 1, stdout: '', stderr: 'ros: cannot pull image "x": no route\n' });
  });

  it('takes paths and URLs', async () => {
    const name = 'https://example.org/a.yml';
    const api = await serve({ [`POST /v1/services/${encodeURIComponent(name)}/enable`]: lines(done([])) });
    expect(await ros(`service enable ${name}`, api.socketPath)).toMatchObject({ code: 0, stdout: `enabled ${name}\n` });
  });

  it('does not take an answer for done that just ends', async () => {
    const api = await serve({ 'POST /v1/services/ntp/up': lines(progress('half')) });
    expect(await ros('service up ntp', api.socketPath)).toMatchObject({
      code: 1, stdout: '', stderr: 'half\nros: cannot tell what became of "up ntp": the supervisor\'s answer ended too early\nhint: ros service list\n',
    });
  });

  it('exits with 130 when it is interrupted on the way', async () => {
    const controller = new AbortController();
    const api = await serve({ 'POST /v1/services/ntp/pull': (_request, response) => { response.write(`${JSON.stringify(progress('half'))}\n`); setTimeout(() => { controller.abort(); }, 50); } });
    expect(await ros('service pull ntp', api.socketPath, { signal: controller.signal })).toMatchObject({ code: 130, stdout: '', stderr: 'half\n' });
  });

  it('ignores pull failures when it is told to', async () => {
    const api = await serve({ 'POST /v1/services/ntp/pull': lines(failed('cannot pull image')) });
    expect(await ros('service pull --ignore-pull-failures ntp', api.socketPath)).toMatchObject({ code: 0, stderr: 'ros: cannot pull image\n' });
  });

  it.each(['up', 'create'])('does not %s with options that contradict each other', async (operation) => {
    expect(await ros(`service ${operation} --no-recreate --force-recreate ntp`, '/nonexistent')).toMatchObject({
      code: 2, stderr: `ros: "--force-recreate" and "--no-recreate" contradict each other\nhint: ros service ${operation} --help\n`,
    });
  });
});

describe('progress', () => {
  it('writes over one line of a terminal and takes it away at the end', async () => {
    const api = await serve({ 'POST /v1/services/ntp/pull': lines(progress('pulling'), progress(`${'x'.repeat(30)}\n`), progress('ok\u001b[2J'), done()) });
    const run = await ros('service pull ntp', api.socketPath, { isTty: true, columns: 20 });
    expect(run.stderr).toBe(`\rpulling\r${'x'.repeat(19)}\r${'ok [2J'.padEnd(19)}\r      \r`);
    expect(run.stdout).toBe('pulled ntp\n');
  });

  it('takes it away before an error too', async () => {
    const api = await serve({ 'POST /v1/services/ntp/pull': lines(progress('pulling'), failed('cannot pull')) });
    expect((await ros('service pull ntp', api.socketPath, { isTty: true })).stderr).toBe('\rpulling\r       \rros: cannot pull\n');
  });

  it('prints a line each elsewhere, the same only once', async () => {
    const api = await serve({ 'POST /v1/services/ntp/pull': lines(progress('a'), progress('a'), progress('b'), done()) });
    expect((await ros('service pull ntp', api.socketPath)).stderr).toBe('a\nb\n');
  });
});

describe('ros service up --foreground', () => {
  const line = (name: string, text: string) => ({ service: name, stream: 'stdout', at: '2026-08-01T12:00:00Z', line: text });

  it('prints what the services log until it is interrupted, then stops them', async () => {
    const controller = new AbortController();
    const api = await serve({
      'POST /v1/services/a/up': lines(done([service({ name: 'a' })])),
      'POST /v1/services/b/up': lines(done([service({ name: 'b' })])),
      'GET /v1/services/a/logs': (_request, response) => { response.flushHeaders(); },
      'GET /v1/services/b/logs': (_request, response) => { response.write(`${JSON.stringify(line('b', 'hello'))}\n`); },
      'POST /v1/services/a/stop': service({ name: 'a', state: 'stopped' }),
      'POST /v1/services/b/stop': service({ name: 'b', state: 'stopped' }),
    });
    const run = await ros('service up --foreground a b', api.socketPath, { signal: controller.signal, onPrint: (stdout) => { if (stdout.includes('hello')) controller.abort(); } });
    expect(run).toMatchObject({ code: 0, stderr: '', stdout: 'started a\nstarted b\nb | hello\nstopped b: stopped\nstopped a: stopped\n' });
    expect(api.requests).toContain(`GET /v1/services/a/logs?tail=10000&since=${now.getTime() / 1000}&follow=1`);
    expect(api.requests.slice(-2)).toEqual(['POST /v1/services/b/stop', 'POST /v1/services/a/stop']);
  });

  it('follows nothing when nothing came up', async () => {
    const api = await serve({ 'POST /v1/services/a/up': lines(failed('cannot start')) });
    expect(await ros('service up --foreground a', api.socketPath)).toMatchObject({ code: 1, stdout: '', stderr: 'ros: cannot start\n' });
  });

  it('prints no JSON', async () => {
    expect(await ros('service up --foreground --json a', '/nonexistent')).toMatchObject({ code: 2, stderr: 'ros: "--foreground" and "--json" do not go together\nhint: ros service up --help\n' });
  });
});
