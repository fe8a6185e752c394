import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BootReport, MachineStatus } from '../../../src/api/types.ts';
import { multiCallNames } from '../../../src/cli/main.ts';
import { lines, ros, serve, service, temporaryDirectory } from './support.ts';

describe('ros -v and ros os version', () => {
  it('prints version and image as RancherOS does', async () => {
    const api = await serve({ 'GET /v1/version': { version: 'v0.1.0', os: 'corralos/os:v0.1.0' } });
    expect((await ros('-v', api.socketPath)).stdout).toBe('version v0.1.0 from os image corralos/os:v0.1.0\n');
    expect((await ros('--version', api.socketPath)).stdout).toBe('version v0.1.0 from os image corralos/os:v0.1.0\n');
    expect((await ros('os version', api.socketPath)).stdout).toBe('v0.1.0\n');
  });

  it('prints what it was built as while the supervisor does not answer', async () => {
    expect((await ros('-v', '/nonexistent/control.sock', { version: '0.1.0' })).stdout).toBe('version v0.1.0 from os image corralos/os:v0.1.0\n');
  });
});

describe('ros status', () => {
  const machine: MachineStatus = {
    version: 'v0.1.0', kernel: '6.12.48', hostname: 'rancher', uptimeMs: 93_784_000, state: { kind: 'ram' },
    addresses: [{ interface: 'eth0', address: '10.0.2.15/24' }, { interface: 'eth1', address: '192.168.1.7/24' }],
    warnings: [], unhealthy: [service({ state: 'backoff', detail: 'exited with code 1' })],
  };

  it('prints a fact a line', async () => {
    const api = await serve({ 'GET /v1/status': machine });
    expect((await ros('status', api.socketPath)).stdout).toBe(`version    v0.1.0
kernel     6.12.48
hostname   rancher
uptime     1d 2h
state      RAM: nothing survives a reboot
address    eth0 10.0.2.15/24
           eth1 192.168.1.7/24
warning    none
unhealthy  ntp: backoff, exited with code 1
`);
  });

  it('prints the same as JSON', async () => {
    const api = await serve({ 'GET /v1/status': machine });
    expect(JSON.parse((await ros('status --json', api.socketPath)).stdout)).toEqual(machine);
  });
});

describe('ros logs', () => {
  it('prints records with the time since the kernel started', async () => {
    const api = await serve({ 'GET /v1/logs': lines({ level: 30, uptimeMs: 1234, time: '', msg: 'phase config (1/6): done' }, { level: 50, uptimeMs: 123_456, time: '', msg: 'bad\u0007' }) });
    expect((await ros('logs -n 2', api.socketPath)).stdout).toBe('[    1.234] info  phase config (1/6): done\n[  123.456] error bad\n');
    expect(api.requests).toEqual(['GET /v1/logs?tail=2']);
  });
});

describe('ros boot', () => {
  const report: BootReport = {
    bootId: '1f<2',
    entries: [
      { name: 'read configuration', kind: 'task', startMs: 1000, endMs: 1400 },
      { name: 'config', kind: 'phase', startMs: 1000, endMs: 1500 },
      { name: 'engine', kind: 'phase', startMs: 1500, endMs: 6000 },
      { name: 'ntp', kind: 'service', startMs: 6000, endMs: 7000, error: 'exited with code 1' },
      { name: 'console', kind: 'service', startMs: 6000 },
    ],
    bootMs: { supervisor: 900, ssh: 10_000 },
  };

  it('draws a bar for every phase, task and service', async () => {
    const api = await serve({ 'GET /v1/boot': report });
    expect((await ros('boot', api.socketPath)).stdout).toBe(`NAME                      START       TOOK  0                            10.00 s
* supervisor runs        0.90 s             |   *                              |
config                   1.00 s     0.50 s  |   ===                            |
  read configuration     1.00 s     0.40 s  |   --                             |
engine                   1.50 s     4.50 s  |     ================             |
  ntp                    6.00 s     1.00 s  |                    !!!!          | exited with code 1
  console                6.00 s    running  |                    ..............|
* ssh answers           10.00 s             |                                 *|
total                              10.00 s
`);
  });

  it('draws a picture that is well-formed and escapes names', async () => {
    const file = join(temporaryDirectory(), 'boot.svg');
    const api = await serve({ 'GET /v1/boot': { ...report, entries: [...report.entries, { name: '<&">', kind: 'task', startMs: 1, endMs: 2 }] } });
    expect((await ros(`boot --svg ${file}`, api.socketPath)).stdout).toBe(`wrote ${file}\n`);
    const drawing = readFileSync(file, 'utf8');
    expect(drawing).toMatch(/^<svg [^>]*>[\s\S]*<\/svg>\n$/);
    expect(drawing).toContain('&lt;&amp;&quot;&gt;');
    expect(drawing).toContain('ssh answers 10.00 s');
    expect(drawing).not.toMatch(/NaN|undefined|Infinity/);
    expect(drawing.match(/<g>/g)?.length).toBe(6);
    expect(drawing.match(/<g>/g)?.length).toBe(drawing.match(/<\/g>/g)?.length);
  });

  it('draws an empty report too', async () => {
    const api = await serve({ 'GET /v1/boot': { bootId: '', entries: [], bootMs: {} } });
    expect((await ros('boot --svg -', api.socketPath)).stdout).not.toMatch(/NaN|Infinity/);
    expect((await ros('boot', api.socketPath)).code).toBe(0);
  });
});

describe('ros wait-for-docker', () => {
  it('says when Docker is ready', async () => {
    const api = await serve({ 'GET /_ping': (_request, response) => { response.end('OK'); } });
    expect(await ros('wait-for-docker', '/nonexistent', { dockerSocketPath: api.socketPath })).toMatchObject({ code: 0, stdout: 'Docker is ready\n' });
  });

  it('gives up after the time it was given', async () => {
    expect(await ros('wait-for-docker -t 0', '/nonexistent')).toMatchObject({
      code: 1, stderr: 'ros: cannot reach Docker at "/nonexistent/docker.sock": nothing after 0 s\nhint: sudo ros service list\n',
    });
  });
});

describe('a name that is a command of its own', () => {
  it('is a link to ros in the console', () => {
    const image = readFileSync(join(import.meta.dirname, '../../../system-services/console/image.yml'), 'utf8');
    for (const name of multiCallNames) expect(image).toMatch(new RegExp(`^  usr/s?bin/${name}: (?:\\.\\./bin/)?ros$`, 'm'));
  });
});
