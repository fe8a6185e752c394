import { mkdirSync, chmodSync, chownSync, readFileSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TlsPair, TlsStatus } from '../../../src/api/types.ts';
import { writeFiles } from '../../../src/cli/write-files.ts';
import { ros, serve, temporaryDirectory } from './support.ts';

const pair: TlsPair = { ca: 'CA\n', cert: 'CERT\n', key: 'KEY\n', names: [], expiresAt: '2029-08-01T12:00:00.000Z', directory: '/etc/docker/tls', enabled: false, notes: [] };
const isRoot = process.geteuid?.() === 0;
const owner = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

function modes(directory: string): Record<string, string> {
  return Object.fromEntries(readdirSync(directory).map((name) => [name, (statSync(join(directory, name)).mode & 0o777).toString(8)]));
}

describe('ros tls generate', () => {
  it('writes a client\'s files, the key for its owner alone', async () => {
    const api = await serve({ 'POST /v1/tls/generate': { ...pair, directory: '/home/rancher/.docker' } });
    const directory = join(temporaryDirectory(), 'new');
    const run = await ros(`tls gen -d ${directory}`, api.socketPath, { environment: { SUDO_UID: String(owner.uid || 1100), SUDO_GID: String(owner.gid || 1100) } });
    expect(run).toMatchObject({ code: 0, stderr: '', stdout: `wrote ${directory}/ca.pem, ${directory}/cert.pem, ${directory}/key.pem\nvalid until 2029-08-01\n` });
    expect(api.bodies).toEqual(['{"kind":"client","names":[]}']);
    expect(modes(directory)).toEqual({ 'ca.pem': '644', 'cert.pem': '644', 'key.pem': '600' });
    expect(readFileSync(join(directory, 'key.pem'), 'utf8')).toBe('KEY\n');
    expect(statSync(join(directory, 'key.pem')).uid).toBe(owner.uid || 1100);
  });

  it('has the server\'s made for every name it is given, and says how to turn TLS on', async () => {
    const api = await serve({ 'POST /v1/tls/generate': { ...pair, names: ['a', 'b'], notes: ['it is new'] } });
    const run = await ros('tls generate -s -H a --hostname b', api.socketPath);
    expect(api.bodies).toEqual(['{"kind":"server","names":["a","b"]}']);
    expect(run.stdout).toBe('wrote /etc/docker/tls/ca.pem, /etc/docker/tls/server-cert.pem, /etc/docker/tls/server-key.pem\nvalid until 2029-08-01, for a, b\n'
      + 'Docker over TLS is off. To turn it on: sudo ros config set rancher.docker.tls true, then sudo ros config apply\n');
    expect(run.stderr).toBe('Out directory (-d, --dir) not specified, using default: /etc/docker/tls\nnote: it is new\n');
    expect(await ros('tls generate -s -H a b', api.socketPath)).toMatchObject({ code: 2, stderr: 'ros: unexpected argument "b"\nhint: ros tls generate --help\n' });
    expect(api.requests).toHaveLength(1);
  });

  it.runIf(isRoot)('as root does not follow a link in somebody\'s home to where he could not go', async () => {
    const home = join(temporaryDirectory(), 'home');
    const secret = temporaryDirectory();
    mkdirSync(home);
    chownSync(home, 1100, 1100);
    chmodSync(join(home, '..'), 0o755);
    symlinkSync(secret, join(home, '.docker'));
    await expect(writeFiles(join(home, '.docker'), [{ name: 'key.pem', text: 'x', mode: 0o600 }], owner)).rejects.toThrow('EACCES');
    expect(readdirSync(secret)).toEqual([]);
    expect(process.geteuid?.()).toBe(0);
    await writeFiles(join(home, 'own/.docker'), [{ name: 'key.pem', text: 'x', mode: 0o600 }], owner);
    expect(statSync(join(home, 'own/.docker/key.pem'))).toMatchObject({ uid: 1100, gid: 1100 });
  });
});

describe('ros tls status', () => {
  const status: TlsStatus = {
    enabled: true,
    certificates: [
      { kind: 'ca', where: 'rancher.docker.ca_cert', subject: 'O=CorralOS, CN=Docker of box', issuer: 'O=CorralOS, CN=Docker of box', names: [], validFrom: '2026-08-01T00:00:00Z', expiresAt: '2036-08-01T00:00:00Z', daysLeft: 3650, problems: [], warnings: [] },
      { kind: 'server', where: 'rancher.docker.server_cert', subject: 'O=CorralOS, CN=box', issuer: 'O=CorralOS, CN=Docker of box', names: ['box', '10.0.2.15'], validFrom: '2026-08-01T00:00:00Z', expiresAt: '2026-08-13T00:00:00Z', daysLeft: 12, problems: [], warnings: ['it expires in 12 days'] },
    ],
  };

  it('shows each certificate, whose it is and how long it is valid', async () => {
    const api = await serve({ 'GET /v1/tls': status });
    expect(await ros('tls status', api.socketPath)).toMatchObject({ code: 0, stdout: `Docker over TLS is on.

ca
  in       rancher.docker.ca_cert
  subject  O=CorralOS, CN=Docker of box
  valid    2026-08-01 to 2036-08-01, 3650 days left

server
  in       rancher.docker.server_cert
  subject  O=CorralOS, CN=box
  issuer   O=CorralOS, CN=Docker of box
  names    box, 10.0.2.15
  valid    2026-08-01 to 2026-08-13, 12 days left
  warning  it expires in 12 days
` });
  });

  it('fails when a connection would', async () => {
    const api = await serve({ 'GET /v1/tls': { enabled: false, certificates: [{ kind: 'server', where: 'x', names: [], problems: ['it has expired'], warnings: [] }] } });
    expect(await ros('tls status', api.socketPath)).toMatchObject({ code: 1, stdout: 'Docker over TLS is off (rancher.docker.tls).\n\nserver\n  in       x\n  problem  it has expired\n' });
  });

  it('says what to do where there are none', async () => {
    const api = await serve({ 'GET /v1/tls': { enabled: false, certificates: [] } });
    expect((await ros('tls status', api.socketPath)).stdout).toContain('There are no certificates: sudo ros tls generate -s -H NAME\n');
  });
});
