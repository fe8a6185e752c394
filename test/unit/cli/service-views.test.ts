import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ServiceDetails, ServiceGraph, ServiceStory } from '../../../src/api/types.ts';
import { tellStory } from '../../../src/cli/story.ts';
import { fail, lines, now, ros, serve, service, temporaryDirectory } from './support.ts';

const noService = fail(404, 'ERR_ROS_NO_SERVICE', 'cannot find service "nop": there is none of this name', 'did you mean "ntp"?');

describe('ros service show', () => {
  const details: ServiceDetails = {
    status: service({}),
    definition: { image: 'corralos/ntp:v1', environment: { A: 'yes', B: 'one\ntwo' }, command: ['sh', '-c', 'x'], labels: { 'io.rancher.os.scope': 'system' } },
    origins: [
      { path: ['image'], origin: 'shipped' }, { path: ['environment', 'A'], origin: 'cloud-config\u001b[2J' }, { path: ['environment', 'B'], origin: 'shipped' },
      { path: ['command'], origin: 'shipped' }, { path: ['labels', 'io.rancher.os.scope'], origin: 'shipped' }, { path: ['gone'], origin: 'shipped' },
    ],
  };

  it('prints the definition as YAML', async () => {
    const api = await serve({ 'GET /v1/services/ntp': details });
    expect((await ros('service show ntp', api.socketPath)).stdout).toBe(`image: corralos/ntp:v1
environment:
  A: 'yes'
  B: |-
    one
    two
command:
  - sh
  - -c
  - x
labels:
  io.rancher.os.scope: system
`);
  });

  it('prints which layer said what', async () => {
    const api = await serve({ 'GET /v1/services/ntp': details });
    expect((await ros('service show ntp --origin', api.socketPath)).stdout).toBe(String.raw`image: corralos/ntp:v1               # shipped
environment.A: 'yes'                 # cloud-config [2J
environment.B: "one\ntwo"            # shipped
command: [sh, -c, x]                 # shipped
labels.io.rancher.os.scope: system   # shipped
`);
  });

  it('prints all of it as JSON', async () => {
    const api = await serve({ 'GET /v1/services/ntp': details });
    expect(JSON.parse((await ros('service show --json ntp', api.socketPath)).stdout)).toEqual(details);
  });

  it('reports an unknown service', async () => {
    const api = await serve({ 'GET /v1/services/nop': noService });
    expect(await ros('service show nop', api.socketPath)).toMatchObject({ code: 1, stdout: '', stderr: 'ros: cannot find service "nop": there is none of this name\nhint: did you mean "ntp"?\n' });
  });
});

describe('ros service why', () => {
  const story: ServiceStory = { status: service({}), inStateMs: 12_300, waitsFor: [], failuresInARow: 0, exits: [], lastLines: [] };

  it('tells of a service that fails again and again', async () => {
    const api = await serve({
      'GET /v1/services/ntp/why': {
        ...story, status: service({ state: 'backoff', detail: 'exited with code 1, next try in 4 s', restarts: 2 }), nextTryMs: 4000, failuresInARow: 3,
        exits: [{ at: '2026-07-31T23:59:59Z', reason: 'killed: out of memory' }, { at: '2026-08-01T11:03:11Z', reason: 'exited with code 1', exitCode: 1, ranMs: 312 }],
        lastLines: [{ service: 'ntp', stream: 'stderr', at: '2026-08-01T11:03:11Z', line: 'no such file\u001b[2J' }],
      } satisfies ServiceStory,
    });
    expect(await ros('service why ntp', api.socketPath)).toMatchObject({
      code: 0,
      stdout: `ntp is in backoff for 12 s: it has failed 3 times in a row; next try in 4 s. It was restarted 2 times in this boot.

How it ended before:
  2026-07-31 23:59:59 killed: out of memory
  11:03:11 exited with code 1 after 0.3 s

The last lines of its log:
  no such file

hint: ros service logs ntp
`,
    });
  });

  it.each([
    [{ state: 'healthy' }, {}, 'ntp is healthy for 12 s.\n'],
    [{ state: 'waiting', detail: 'waits for network' }, { waitsFor: ['network (starting)', 'syslog (stopped)'] }, 'ntp is waiting for 12 s. It waits for network (starting), syslog (stopped).\n'],
    [{ state: 'parked' }, { failuresInARow: 25, inStateMs: 7_200_000 }, 'ntp is parked for 2 h: it has failed 25 times in a row and is not tried again until somebody starts it.\n\nhint: ros service logs ntp\nhint: ros service start ntp\n'],
    [{ state: 'failed', detail: 'exited with code 4' }, {}, 'ntp failed 12 s ago: exited with code 4.\n\nhint: ros service logs ntp\nhint: ros service start ntp\n'],
    [{ state: 'backoff' }, { failuresInARow: 1 }, 'ntp is in backoff for 12 s: it has failed once.\n\nhint: ros service logs ntp\n'],
    [
      { state: 'stopped', enabled: false, schedule: { schedule: '0 * * * *', action: 'start', nextRunAt: '2026-08-01T13:00:00Z' } }, {},
      'ntp is stopped for 12 s. Its schedule (0 * * * *) says start at 13:00:00. It is disabled.\n\nhint: ros service start ntp\n',
    ],
  ] as const)('tells of %j', (status, over, text) => {
    expect(tellStory({ ...story, ...over, status: service({ ...status }) }, now)).toBe(text);
  });

  it('prints the story as JSON, and reports an unknown service', async () => {
    const api = await serve({ 'GET /v1/services/ntp/why': story, 'GET /v1/services/nop/why': noService });
    expect(JSON.parse((await ros('service why --json ntp', api.socketPath)).stdout)).toEqual(story);
    expect(await ros('service why nop', api.socketPath)).toMatchObject({ code: 1, stdout: '' });
  });
});

describe('ros service graph', () => {
  const graph: ServiceGraph = {
    nodes: [
      { name: 'console', state: 'healthy', scope: 'system', level: 2 }, { name: 'network', state: 'starting', scope: 'system', level: 1 },
      { name: 'syslog', state: 'running', scope: 'system', level: 0 }, { name: 'a"<b>', state: 'failed', scope: 'user', level: 0 },
    ],
    edges: [
      { from: 'console', to: 'syslog', condition: 'started' }, { from: 'console', to: 'network', condition: 'healthy' },
      { from: 'network', to: 'a"<b>', condition: 'completed' }, { from: 'network', to: 'gone', condition: 'started' },
    ],
  };

  it('prints a line a level, and what each starts after', async () => {
    const api = await serve({ 'GET /v1/services/graph': graph });
    expect((await ros('service graph', api.socketPath)).stdout).toBe(`1  a"<b> syslog
2  network
3  console

network  after a"<b> (completed), gone (started)
console  after network (healthy), syslog (started)
`);
  });

  it('prints it for Graphviz', async () => {
    const api = await serve({ 'GET /v1/services/graph': graph });
    const { stdout } = await ros('service graph --dot', api.socketPath);
    expect(stdout).toMatch(/^digraph services \{\n[\s\S]*\n\}\n$/);
    expect(stdout).toContain('  "console" [label="console\\nhealthy"];\n');
    expect(stdout).toContain('  "a\\"<b>" [label="a\\"<b>\\nfailed", style="rounded,dashed"];\n');
    expect(stdout).toContain('  { rank=same; "a\\"<b>"; "syslog"; }\n');
    expect(stdout).toContain('  "console" -> "network" [label="healthy"];\n');
  });

  it('draws a box a service and a curve a dependency', async () => {
    const file = join(temporaryDirectory(), 'graph.svg');
    const api = await serve({ 'GET /v1/services/graph': graph });
    expect((await ros(`service graph --svg ${file}`, api.socketPath)).stdout).toBe(`wrote ${file}\n`);
    const drawing = readFileSync(file, 'utf8');
    expect(drawing).toMatch(/^<svg [^>]*>[\s\S]*<\/svg>\n$/);
    expect(drawing).not.toMatch(/NaN|undefined|Infinity/);
    expect(drawing).toContain('a&quot;&lt;b&gt;');
    expect(drawing).toContain('<title>console starts when network is healthy</title>');
    expect(drawing.match(/<g>/g)?.length).toBe(4);
    expect(drawing.match(/ starts when /g)?.length).toBe(3);
    const left = (name: string): number => Number(new RegExp(`<title>${name}: [a-z]+</title>\n<rect x="([\\d.]+)"`).exec(drawing)?.[1]);
    expect(left('syslog')).toBeLessThan(left('network'));
    expect(left('network')).toBeLessThan(left('console'));
  });

  it('draws no services too, and prints JSON', async () => {
    const api = await serve({ 'GET /v1/services/graph': { nodes: [], edges: [] } });
    expect((await ros('service graph --svg -', api.socketPath)).stdout).toMatch(/^<svg (?![\s\S]*(NaN|Infinity))/);
    expect(await ros('service graph', api.socketPath)).toMatchObject({ code: 0, stdout: '' });
    expect(JSON.parse((await ros('service graph --json', api.socketPath)).stdout)).toEqual({ nodes: [], edges: [] });
  });

  it('says so when it cannot write the drawing', async () => {
    const api = await serve({ 'GET /v1/services/graph': graph });
    const run = await ros('service graph --svg /nonexistent/x.svg', api.socketPath);
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toMatch(/^ros: cannot write drawing "\/nonexistent\/x.svg": ENOENT/);
  });
});

describe('ros service events', () => {
  const event = { cursor: 'b1-7', at: '2026-08-01T11:03:11.5Z', uptimeMs: 12_345, service: 'ntp', from: 'running', to: 'backoff', detail: 'exited with code 1' };

  it('prints an event a line, and says where some are missing', async () => {
    const api = await serve({ 'GET /v1/services/events': lines({ gap: '3 events are no longer kept' }, event, { ...event, from: 'backoff', to: 'waiting', detail: '' }) });
    expect((await ros('service events', api.socketPath)).stdout).toBe(`-- 3 events are no longer kept
11:03:11 [   12.345] ntp: running -> backoff (exited with code 1)
11:03:11 [   12.345] ntp: backoff -> waiting
`);
    expect(api.requests).toEqual(['GET /v1/services/events']);
  });

  it('goes on behind a cursor until it is interrupted', async () => {
    const controller = new AbortController();
    const api = await serve({ 'GET /v1/services/events': (_request, response) => { response.write(`${JSON.stringify(event)}\n`); } });
    const run = await ros('service events -f --since b1-6 --tail 5 --json', api.socketPath, { signal: controller.signal, onPrint: () => { controller.abort(); } });
    expect(run).toMatchObject({ code: 0, stdout: `${JSON.stringify(event)}\n`, stderr: '' });
    expect(api.requests).toEqual(['GET /v1/services/events?tail=5&since=b1-6&follow=1']);
  });

  it('reports a cursor that the supervisor does not know', async () => {
    const api = await serve({ 'GET /v1/services/events': fail(400, 'ERR_ROS_BAD_REQUEST', 'cannot read cursor "x"') });
    expect(await ros('service events --since x', api.socketPath)).toMatchObject({ code: 1, stderr: 'ros: cannot read cursor "x"\n' });
  });
});

describe('ros service validate', () => {
  const good = { services: [{ name: 'a', scope: 'system', image: 'x' }, { name: 'b', scope: 'user', image: 'y' }], problems: [] };
  const fileOf = (text: string): string => {
    const file = join(temporaryDirectory(), 'x.yml');
    writeFileSync(file, text);
    return file;
  };

  it('names the services of a good file', async () => {
    const file = fileOf('a: {}\n');
    const api = await serve({ 'POST /v1/services/validate': good });
    expect(await ros(`service validate ${file}`, api.socketPath)).toMatchObject({ code: 0, stdout: `${file}: 2 services: a (system), b (user)\n`, stderr: '' });
    expect(api.bodies).toEqual([JSON.stringify({ text: 'a: {}\n', origin: file })]);
  });

  it('prints every problem, and fails', async () => {
    const file = fileOf('x');
    const api = await serve({ 'POST /v1/services/validate': { services: [], problems: ['line 3, column 5: unknown key "imag"', 'line 4: two'] } });
    expect(await ros(`service validate ${file}`, api.socketPath)).toMatchObject({ code: 1, stdout: `${file}: line 3, column 5: unknown key "imag"\n${file}: line 4: two\n` });
    expect((await ros(`service validate --json ${file}`, api.socketPath)).code).toBe(1);
  });

  it('reads what comes in', async () => {
    const api = await serve({ 'POST /v1/services/validate': { services: [good.services[0]], problems: [] } });
    expect(await ros('service validate -', api.socketPath, { stdin: 'a: {}' })).toMatchObject({ code: 0, stdout: '-: 1 service: a (system)\n' });
    expect(api.bodies).toEqual([JSON.stringify({ text: 'a: {}', origin: '/dev/stdin' })]);
  });

  it('asks nobody about a file that cannot be read or is too large', async () => {
    const api = await serve({ 'POST /v1/services/validate': good });
    const missing = await ros('service validate /nonexistent.yml', api.socketPath);
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toMatch(/^ros: cannot read service file "\/nonexistent.yml": ENOENT/);
    expect(await ros('service validate /dev/zero', api.socketPath)).toMatchObject({ code: 1, stderr: 'ros: cannot read service file "/dev/zero": it is larger than 256 KiB\n' });
    expect(await ros('service validate -', api.socketPath, { stdin: 'x'.repeat(256 * 1024 + 1) })).toMatchObject({ code: 1, stderr: 'ros: cannot read service file "-": it is larger than 256 KiB\n' });
    expect(api.requests).toEqual([]);
  });
});
