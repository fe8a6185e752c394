import { describe, expect, it } from 'vitest';
import { parseSince } from '../../../src/cli/commands/service-logs.ts';
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
    expect((await ros('s list -q -a', api.socketPath)).stdout).toBe('acpid\nconsole\nsyslog\n');
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

describe('ros service ps', () => {
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

  it('leaves out what is older than --since', async () => {
    const api = await serve({ 'GET /v1/services/ntp/logs': lines(line('ntp', '2026-08-01T11:00:00Z', 'old'), line('ntp', '2026-08-01T11:59:30Z', 'new')) });
    expect((await ros('service logs ntp --since 1m', api.socketPath)).stdout).toBe('new\n');
  });

  it('reads ages and times', () => {
    expect(parseSince('2h', now)).toBe(now.getTime() - 7_200_000);
    expect(parseSince('2026-08-01T11:00:00Z', now)).toBe(Date.parse('2026-08-01T11:00:00Z'));
    expect(() => parseSince('yesterday', now)).toThrow('needs a time or an age');
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
