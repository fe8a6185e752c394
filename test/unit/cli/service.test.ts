import { describe, expect, it } from 'vitest';
import { parseSince } from '../../../src/cli/commands/service-logs.ts';
import type { Catalog } from '../../../src/api/types.ts';
import { fail, lines, now, ros, serve, service } from './support.ts';

const services = [
  service({ name: 'syslog' }),
  service({ name: 'console', state: 'backoff', detail: 'exited with code 1, next try in 2 s', restarts: 3, exitCode: 1 }),
  service({ name: 'acpid', enabled: false, state: 'stopped' }),
];

describe('ros service list', () => {
  it('prints a line a service that begins as in RancherOS', async () => {
    const api = await serve({ 'GET /v1/services': services });
    expect(await ros('service list', api.socketPath)).toEqual({
      code: 0,
      stderr: '',
      signals: [],
      stdout: `ENABLED  NAME     STATE    UPTIME  RESTARTS  DETAIL
disabled acpid    stopped  -       0
enabled  console  backoff  -       3         exited with code 1, next try in 2 s
enabled  syslog   healthy  2m 3s   0
`,
    });
  });

  it('prints names only with -q, also as "ros s list"', async () => {
    const api = await serve({ 'GET /v1/services': services });
    expect((await ros('s list -q', api.socketPath)).stdout).toBe('acpid\nconsole\nsyslog\n');
    expect(api.requests).toEqual(['GET /v1/services']);
  });

  it('prints what the supervisor said with --json', async () => {
    const api = await serve({ 'GET /v1/services': [services[0]] as object });
    expect(JSON.parse((await ros('service list --json', api.socketPath)).stdout)).toEqual([services[0]]);
  });

  it('keeps control characters away from the terminal', async () => {
    const api = await serve({ 'GET /v1/services': [service({ detail: 'a\u001b[2Jb\nc' })] as object });
    expect((await ros('service list', api.socketPath)).stdout).toContain('a [2Jb c\n');
  });
});

describe('ros service list -a', () => {
  const core = { name: 'core', url: 'https://example.org/core', services: 2, fetchedAt: '2026-08-01T09:00:00Z' };
  const catalog: Catalog = {
    services: [
      { name: 'amazon-ecs-agent', repository: 'core', enabled: false }, { name: 'syslog', repository: 'core', enabled: true },
      { name: '/var/lib/rancher/conf/x.yml', enabled: true },
    ],
    repositories: [
      core, { name: 'mine', url: 'https://example.org/mine', services: 0, problem: 'cannot reach it: no route\u001b[2J' },
      { name: 'shipped', url: 'file:///usr/share/ros/repository', services: 3 }, { name: 'usb', url: 'file:///media/usb', services: 0, problem: 'there is no such folder' },
    ],
  };

  it('adds what could be enabled, and says how old that is', async () => {
    const api = await serve({ 'GET /v1/services': services, 'GET /v1/services/available': catalog });
    expect(await ros('service list -a', api.socketPath)).toMatchObject({
      code: 0,
      stderr: '',
      stdout: `ENABLED  NAME                         STATE    UPTIME  RESTARTS  REPOSITORY  DETAIL
enabled  /var/lib/rancher/conf/x.yml  -        -       -         -
disabled acpid                        stopped  -       0         -
disabled amazon-ecs-agent             -        -       -         core
enabled  console                      backoff  -       3         -           exited with code 1, next try in 2 s
enabled  syslog                       healthy  2m 3s   0         core

repository core: https://example.org/core (fetched 3 h ago)
repository mine: https://example.org/mine (never fetched): cannot reach it: no route [2J
repository usb: file:///media/usb: there is no such folder
`,
    });
    expect(api.requests).toEqual(['GET /v1/services/available', 'GET /v1/services']);
  });

  it('prints every name once with -q, and both answers with --json', async () => {
    const api = await serve({ 'GET /v1/services': services, 'GET /v1/services/available': catalog });
    expect((await ros('service list -a -q', api.socketPath)).stdout).toBe('/var/lib/rancher/conf/x.yml\nacpid\namazon-ecs-agent\nconsole\nsyslog\n');
    expect(JSON.parse((await ros('service list -a --json', api.socketPath)).stdout)).toMatchObject({ services: [{ name: 'acpid' }, { name: 'console' }, { name: 'syslog' }], catalog });
  });

  it('asks the network with -u', async () => {
    const api = await serve({ 'GET /v1/services': [services[0]] as object, 'GET /v1/services/available': { services: [], repositories: [core] } });
    expect(await ros('service list -u', api.socketPath)).toMatchObject({
      code: 0, stdout: 'ENABLED  NAME    STATE    UPTIME  RESTARTS  DETAIL\nenabled  syslog  healthy  2m 3s   0\n\nrepository core: https://example.org/core (fetched 3 h ago)\n',
    });
    expect(api.requests[0]).toBe('GET /v1/services/available?update=1');
  });

  it('fails with -u when a repository could not be asked', async () => {
    const api = await serve({ 'GET /v1/services': [], 'GET /v1/services/available': catalog });
    expect(await ros('service list -u -q', api.socketPath)).toMatchObject({
      code: 1, stdout: '',
      stderr: 'ros: cannot update repository "mine": cannot reach it: no route [2J\nros: cannot update repository "usb": there is no such folder\n',
    });
  });
});

describe('ros service ps', () => {
  it('prints what became of a schedule, and when it is next', async () => {
    const schedule = { schedule: '0 * * * *', action: 'start', lastRunAt: '2026-08-01T11:00:00Z', lastResult: 'exited with code 1', nextRunAt: '2026-08-02T12:00:00Z' } as const;
    const api = await serve({ 'GET /v1/services': [service({}), service({ name: 'backup', state: 'stopped', exitCode: 1, schedule }), service({ name: 'x', schedule: { schedule: '@daily', action: 'restart' } })] });
    expect((await ros('service ps', api.socketPath)).stdout).toBe(
      `NAME    IMAGE                CONTAINER     STATE             PID  UPTIME  SCHEDULE          LAST RUN  RESULT              NEXT RUN
backup  corralos/ntp:v0.1.0  0123456789ab  stopped (exit 1)  -    -       0 * * * *         11:00:00  exited with code 1  2026-08-02 12:00:00
ntp     corralos/ntp:v0.1.0  0123456789ab  healthy           321  2m 3s   -                 -         -                   -
x       corralos/ntp:v0.1.0  0123456789ab  healthy           321  2m 3s   @daily (restart)  -         -                   -
`);
  });

  it('prints the containers of the services named', async () => {
    const api = await serve({ 'GET /v1/services': [...services, { ...service({ name: 'init', state: 'failed', exitCode: 4 }), containerId: undefined }] });
    expect((await ros('service ps init syslog', api.socketPath)).stdout).toBe(
      `NAME    IMAGE                CONTAINER     STATE            PID  UPTIME
init    corralos/ntp:v0.1.0  -             failed (exit 4)  -    -
syslog  corralos/ntp:v0.1.0  0123456789ab  healthy          321  2m 3s
`);
  });

  it('prints container ids with -q', async () => {
    const api = await serve({ 'GET /v1/services': services });
    expect((await ros('service ps -q syslog', api.socketPath)).stdout).toBe('0123456789abcdef0123\n');
  });

  it('suggests the right name for a misspelt one', async () => {
    const api = await serve({ 'GET /v1/services': services });
    expect(await ros('service ps sylog', api.socketPath)).toMatchObject({
      code: 1, stdout: '', stderr: 'ros: cannot find service "sylog": there is none of this name\nhint: did you mean "syslog"?\n',
    });
  });
});

describe('ros service start, stop and restart', () => {
  it('acts on one after the other and says what became of each', async () => {
    const api = await serve({
      'POST /v1/services/ntp/restart': service({}),
      'POST /v1/services/syslog/restart': service({ name: 'syslog', state: 'running', detail: 'waits for its health check' }),
    });
    expect(await ros('service restart ntp syslog -t 3', api.socketPath)).toMatchObject({
      code: 0, stdout: 'restarted ntp: healthy\nrestarted syslog: running (waits for its health check)\n',
    });
    expect(api.requests).toEqual(['POST /v1/services/ntp/restart?timeoutS=3', 'POST /v1/services/syslog/restart?timeoutS=3']);
  });

  it('goes on after one that fails, and fails itself in the end', async () => {
    const api = await serve({
      'POST /v1/services/nope/stop': fail(404, 'ERR_ROS_NO_SERVICE', 'cannot find service "nope": there is none of this name', 'ros service list'),
      'POST /v1/services/ntp/stop': service({ state: 'stopped' }),
    });
    expect(await ros('service stop nope ntp', api.socketPath)).toMatchObject({
      code: 1,
      stdout: 'stopped ntp: stopped\n',
      stderr: 'ros: cannot find service "nope": there is none of this name\nhint: ros service list\n',
    });
  });

  it('escapes names in the path', async () => {
    const api = await serve({ 'POST /v1/services/..%2F..%2Fpower/start': service({}) });
    expect((await ros('service start ../../power', api.socketPath)).code).toBe(0);
  });

  it('needs a name', async () => {
    expect(await ros('service start', '/nonexistent')).toMatchObject({
      code: 2, stderr: 'ros: "ros service start" needs NAME…\nhint: ros service start --help\n',
    });
  });
});

describe('ros service logs', () => {
  const line = (name: string, at: string, text: string) => ({ service: name, stream: 'stdout', at, line: text });

  it('prints the lines of one service as they are', async () => {
    const api = await serve({ 'GET /v1/services/ntp/logs': lines(line('ntp', '2026-08-01T11:00:00Z', 'one'), line('ntp', '2026-08-01T11:00:01Z', '\u001b[31mtwo\u001b[0m\u001b[2J')) });
    expect((await ros('service logs ntp --lines 5', api.socketPath)).stdout).toBe('one\n\u001b[31mtwo\u001b[0m\n');
    expect(api.requests).toEqual(['GET /v1/services/ntp/logs?tail=5']);
  });

  it('puts the name in front and sorts by time when there are several', async () => {
    const api = await serve({
      'GET /v1/services/ntp/logs': lines(line('ntp', '2026-08-01T11:00:02Z', 'late')),
      'GET /v1/services/console/logs': lines(line('console', '2026-08-01T11:00:01Z', 'early')),
    });
    expect((await ros('service logs ntp console', api.socketPath)).stdout).toBe('console | early\nntp     | late\n');
  });

  it('asks for what is not older than --since', async () => {
    const api = await serve({ 'GET /v1/services/ntp/logs': lines(line('ntp', '2026-08-01T11:59:30Z', 'new')) });
    expect((await ros('service logs ntp --since 1m', api.socketPath)).stdout).toBe('new\n');
    expect(api.requests).toEqual([`GET /v1/services/ntp/logs?tail=10000&since=${now.getTime() / 1000 - 60}`]);
  });

  it('reads ages and times', () => {
    expect(parseSince('2h', now)).toBe(now.getTime() / 1000 - 7200);
    expect(parseSince('2026-08-01T11:00:00.9Z', now)).toBe(Date.parse('2026-08-01T11:00:00Z') / 1000);
    expect(parseSince('1785585600', now)).toBe(1_785_585_600);
    expect(() => parseSince('yesterday', now)).toThrow('needs a time or an age');
  });

  it.each(['', '-f '])('prints one of two when the other is unknown (%s)', async (option) => {
    const api = await serve({
      'GET /v1/services/nope/logs': fail(404, 'ERR_ROS_NO_SERVICE', 'cannot find service "nope": there is none of this name'),
      'GET /v1/services/ntp/logs': lines(line('ntp', '2026-08-01T11:00:00Z', 'one')),
    });
    expect(await ros(`service logs ${option}nope ntp`, api.socketPath)).toMatchObject({
      code: 1, stdout: 'ntp  | one\n', stderr: 'ros: cannot find service "nope": there is none of this name\n',
    });
  });

  it('follows until it is interrupted, and ends cleanly', async () => {
    const controller = new AbortController();
    const api = await serve({
      'GET /v1/services/ntp/logs': (_request, response) => { response.write(`${JSON.stringify(line('ntp', '2026-08-01T11:00:00Z', 'first'))}\n{"half`); },
    });
    const run = await ros('service logs -f ntp', api.socketPath, { signal: controller.signal, onPrint: () => { controller.abort(); } });
    expect(run).toMatchObject({ code: 0, stdout: 'first\n', stderr: '' });
    expect(api.requests).toEqual(['GET /v1/services/ntp/logs?tail=100&follow=1']);
  });

  it('says so when the supervisor goes away in the middle', async () => {
    const api = await serve({
      'GET /v1/services/ntp/logs': (request, response) => {
        response.write(`${JSON.stringify(line('ntp', '2026-08-01T11:00:00Z', 'first'))}\n`, () => { setTimeout(() => { request.socket.destroy(); }, 20); });
      },
    });
    expect(await ros('service logs -f ntp', api.socketPath)).toMatchObject({
      code: 1, stdout: 'first\n', stderr: 'ros: cannot read on from the supervisor: aborted\nhint: it may be restarting: try again in a moment\n',
    });
  });
});
