import { describe, expect, it } from 'vitest';
import { fail, ros, serve, service } from './support.ts';

const noService = fail(404, 'ERR_ROS_NO_SERVICE', 'cannot find service "nope": there is none of this name', 'did you mean "ntp"?');
const noServiceText = 'ros: cannot find service "nope": there is none of this name\nhint: did you mean "ntp"?\n';

describe('ros service down, kill and rm', () => {
  it.each([
    ['down -t 3 ntp', 'down?timeoutS=3', 'stopped and removed'],
    ['kill ntp', 'kill?signal=SIGKILL', 'killed'],
    ['kill -s HUP ntp', 'kill?signal=HUP', 'killed'],
    ['rm -f ntp', 'rm?force=1', 'removed'],
    ['rm -fv ntp', 'rm?force=1&volumes=1', 'removed'],
  ])('does "%s"', async (words, request, done) => {
    const api = await serve({ [`POST /v1/services/ntp/${words.split(' ')[0] ?? ''}`]: service({ state: 'stopped' }) });
    expect(await ros(`service ${words}`, api.socketPath)).toMatchObject({ code: 0, stdout: `${done} ntp: stopped\n`, stderr: '' });
    expect(api.requests).toEqual([`POST /v1/services/ntp/${request}`]);
  });

  it.each(['down', 'kill', 'rm -f'])('reports what "%s" cannot do, and goes on', async (words) => {
    const action = words.split(' ')[0] ?? '';
    const api = await serve({ [`POST /v1/services/nope/${action}`]: noService, [`POST /v1/services/ntp/${action}`]: service({ state: 'stopped' }) });
    const run = await ros(`service ${words} nope ntp --json`, api.socketPath);
    expect(run).toMatchObject({ code: 1, stderr: noServiceText });
    expect(JSON.parse(run.stdout)).toMatchObject([{ name: 'ntp', state: 'stopped' }]);
  });
});

describe('ros service rm without -f', () => {
  it('asks, and removes after a yes', async () => {
    const api = await serve({ 'POST /v1/services/a/rm': service({ name: 'a', state: 'stopped' }), 'POST /v1/services/b/rm': service({ name: 'b', state: 'stopped' }) });
    expect(await ros('service rm a b', api.socketPath, { isTty: true, stdin: ' Y\n' })).toMatchObject({
      code: 0, stdout: 'removed a: stopped\nremoved b: stopped\n', stderr: 'Remove a, b? [yN] ',
    });
    expect(api.requests).toEqual(['POST /v1/services/a/rm', 'POST /v1/services/b/rm']);
  });

  it.each(['n\n', '\n', 'yesterday\n', undefined])('removes nothing after %j', async (stdin) => {
    const api = await serve({});
    expect(await ros('service rm a', api.socketPath, { isTty: true, ...(stdin !== undefined && { stdin }) })).toMatchObject({
      code: 1, stdout: '', stderr: 'Remove a? [yN] ros: nothing was removed\n',
    });
    expect(api.requests).toEqual([]);
  });

  it('refuses where nobody can answer', async () => {
    const api = await serve({});
    expect(await ros('service rm a', api.socketPath, { stdin: 'y\n' })).toMatchObject({
      code: 2, stdout: '', stderr: 'ros: "ros service rm" cannot ask whether it may: nobody sits at a terminal\nhint: add -f\n',
    });
    expect(api.requests).toEqual([]);
  });
});

describe('ros service disable and delete', () => {
  const path = '/var/lib/rancher/conf/x.yml';
  const encoded = encodeURIComponent(path);

  it('takes names and paths, and prints what there is to say', async () => {
    const api = await serve({
      'POST /v1/services/ntp/disable': { notes: ['disabled ntp: it runs until the next boot', 'a note'] },
      [`POST /v1/services/${encoded}/disable`]: { notes: [] },
    });
    expect(await ros(`service disable ntp ${path}`, api.socketPath)).toMatchObject({
      code: 0, stdout: `disabled ntp: it runs until the next boot\na note\ndisabled ${path}\n`, stderr: '',
    });
    expect(api.requests).toEqual(['POST /v1/services/ntp/disable', `POST /v1/services/${encoded}/disable`]);
  });

  it('stops with --now', async () => {
    const api = await serve({ 'POST /v1/services/ntp/disable': { notes: [] } });
    expect(JSON.parse((await ros('service disable --now ntp --json', api.socketPath)).stdout)).toEqual([{ name: 'ntp', notes: [] }]);
    expect(api.requests).toEqual(['POST /v1/services/ntp/disable?now=1']);
  });

  it('deletes', async () => {
    const api = await serve({ [`POST /v1/services/${encoded}/delete`]: { notes: [] } });
    expect(await ros(`service delete ${path}`, api.socketPath)).toMatchObject({ code: 0, stdout: `deleted ${path}\n` });
  });

  it.each(['disable', 'delete'])('reports what it cannot %s, and goes on', async (how) => {
    const api = await serve({ [`POST /v1/services/nope/${how}`]: noService, [`POST /v1/services/ntp/${how}`]: { notes: [] } });
    expect(await ros(`service ${how} nope ntp`, api.socketPath)).toMatchObject({ code: 1, stdout: `${how}d ntp\n`, stderr: noServiceText });
  });
});

describe('ros service start', () => {
  it('accepts --foreground', async () => {
    const api = await serve({ 'POST /v1/services/ntp/start': service({}) });
    expect(await ros('service start --foreground ntp', api.socketPath)).toMatchObject({ code: 0, stdout: 'started ntp: healthy\n' });
    expect(api.requests).toEqual(['POST /v1/services/ntp/start']);
  });
});
