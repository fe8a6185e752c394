import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EngineOptions } from '../../../src/config/index.ts';
import { isSignedBy, keyFits, makeCertificate, readCertificate } from '../../../src/sys/tls.ts';
import { generateTls, tlsStatus, type TlsHost } from '../../../src/supervisor/tls.ts';

const dayMs = 86_400_000;
let directory: string;
let docker: EngineOptions;
let now: Date;
let addresses: string[];
let stores: string[][];
let host: TlsHost;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tls-'));
  docker = { registryMirrors: [], insecureRegistries: [], hosts: [], logOpts: {}, defaultUlimits: {}, extraArgs: [], tlsArgs: [], environment: [], tls: false };
  now = new Date(Date.now() + 2000); // certificates begin with a whole second
  addresses = ['10.0.2.15'];
  stores = [];
  host = {
    now: () => now,
    docker: async () => docker,
    async store({ ca_cert: caCert, ca_key: caKey, server_cert: serverCert, server_key: serverKey }) {
      const values = Object.entries({ caCert, caKey, serverCert, serverKey }).filter(([, value]) => value !== undefined);
      stores.push(values.map(([key]) => key));
      docker = { ...docker, ...Object.fromEntries(values) };
    },
    hostname: () => 'box',
    addresses: () => addresses,
    isKept: () => true,
    places: { server: join(directory, 'etc'), client: join(directory, 'home'), work: join(directory, 'run'), serverOwner: process.getuid?.() ?? 0 },
  };
});
afterEach(() => { rmSync(directory, { recursive: true }); });

describe('ros tls generate', () => {
  it('makes the authority once, and keeps it and the server\'s pair in the configuration, all at once', async () => {
    const server = await generateTls(host, { kind: 'server', names: ['box.example.org', 'localhost'] });
    const client = await generateTls(host, { kind: 'client', names: [] });
    expect(stores).toEqual([['caCert', 'caKey', 'serverCert', 'serverKey']]);
    expect(server.names).toEqual(['box.example.org', 'localhost', 'box', '127.0.0.1', '10.0.2.15']);
    expect(readCertificate(server.cert)).toMatchObject({ subject: 'O=CorralOS, CN=box.example.org', names: server.names });
    expect([server, client].map(({ cert }) => isSignedBy(cert, docker.caCert ?? ''))).toEqual([true, true]);
    expect(client.ca).toBe(docker.caCert);
    expect(JSON.stringify([server, client])).not.toContain(JSON.stringify(docker.caKey).slice(30, 90));
  });

  it('puts the server\'s files where dockerd reads them, the key for its owner alone', async () => {
    const { cert, key, ca } = await generateTls(host, { kind: 'server', names: [] });
    const file = (name: string): [string, number] => [readFileSync(join(directory, 'etc', name), 'utf8'), statSync(join(directory, 'etc', name)).mode & 0o777];
    expect([file('ca.pem'), file('server-cert.pem'), file('server-key.pem')]).toEqual([[ca, 0o444], [cert, 0o444], [key, 0o400]]);
  });

  it('signs with the RSA authority that a RancherOS machine brings along', async () => {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-noenc', '-subj', '/O=rancher', '-days', '1080', '-keyout', join(directory, 'k'), '-out', join(directory, 'c')], { stdio: 'ignore' });
    docker = { ...docker, caCert: readFileSync(join(directory, 'c'), 'utf8'), caKey: readFileSync(join(directory, 'k'), 'utf8') };
    const { cert } = await generateTls(host, { kind: 'client', names: [] });
    expect(isSignedBy(cert, docker.caCert ?? '')).toBe(true);
    expect(stores).toEqual([]);
    // Nothing is valid longer than who signed it.
    expect(readCertificate(cert).notAfter.getTime()).toBeLessThanOrEqual(readCertificate(docker.caCert ?? '').notAfter.getTime());
  });

  it('replaces an authority that is about to end, and says what follows', async () => {
    await generateTls(host, { kind: 'server', names: [] });
    const before = docker.caCert;
    const pair = await makeCertificate({ purpose: 'authority', commonName: 'old', days: 10 }, join(directory, 'run'));
    docker = { ...docker, caCert: pair.cert, caKey: pair.key };
    const client = await generateTls(host, { kind: 'client', names: [] });
    expect(client.notes[0]).toMatch(/^the authority ends on \d{4}-\d\d-\d\d, so there is a new one: the server and every client need new certificates$/);
    expect([before, pair.cert]).not.toContain(docker.caCert);
  });

  it('refuses what cannot work, and changes nothing', async () => {
    await generateTls(host, { kind: 'server', names: [] });
    const good = docker;
    docker = { ...good, caKey: good.serverKey ?? '' };
    await expect(generateTls(host, { kind: 'client', names: [] })).rejects.toThrow('rancher.docker.ca_key does not belong to rancher.docker.ca_cert');
    const { caKey: _, ...without } = good;
    docker = without;
    await expect(generateTls(host, { kind: 'client', names: [] })).rejects.toThrow('without its key');
    await expect(generateTls(host, { kind: 'server', names: ['a b'] })).rejects.toThrow('"a b" is neither a host name nor an IP address');
    now = new Date('1970-01-01T00:03:00Z');
    await expect(generateTls(host, { kind: 'client', names: [] })).rejects.toThrow('the clock says 1970-01-01');
    expect(stores).toHaveLength(1);
  });
});

describe('ros tls status', () => {
  it('shows the authority, the server and the client that is where one looks for it', async () => {
    await generateTls(host, { kind: 'server', names: [] });
    const client = await generateTls(host, { kind: 'client', names: [] });
    mkdirSync(join(directory, 'home'));
    writeFileSync(join(directory, 'home/cert.pem'), client.cert);
    const { enabled, certificates } = await tlsStatus(host);
    expect(enabled).toBe(false);
    expect(certificates.map(({ kind, daysLeft, problems, warnings }) => ({ kind, daysLeft, problems, warnings }))).toEqual([
      { kind: 'ca', daysLeft: 3649, problems: [], warnings: [] }, { kind: 'server', daysLeft: 1094, problems: [], warnings: [] }, { kind: 'client', daysLeft: 1094, problems: [], warnings: [] },
    ]);
    expect(JSON.stringify(certificates)).not.toContain('PRIVATE');
    expect(keyFits({ cert: docker.serverCert ?? '', key: docker.serverKey ?? '' })).toBe(true);
  });

  it('warns 30 days before the end, and says when it has come', async () => {
    await generateTls(host, { kind: 'server', names: [] });
    now = new Date(now.getTime() + 1070 * dayMs);
    expect((await tlsStatus(host)).certificates[1]).toMatchObject({ problems: [], warnings: ['it expires in 24 days'] });
    now = new Date(now.getTime() + 30 * dayMs);
    expect((await tlsStatus(host)).certificates[1]).toMatchObject({ problems: ['it has expired'], warnings: [] });
    now = new Date(now.getTime() - 1200 * dayMs);
    expect((await tlsStatus(host)).certificates[1]).toMatchObject({ problems: ['it is not valid yet'] });
  });

  it('says what does not fit together', async () => {
    await generateTls(host, { kind: 'server', names: [] });
    const other = await makeCertificate({ purpose: 'authority', commonName: 'other', days: 100 }, join(directory, 'run'));
    docker = { ...docker, caCert: other.cert };
    addresses = ['192.168.1.7'];
    const { certificates } = await tlsStatus(host);
    expect(certificates.map(({ problems, warnings }) => [...problems, ...warnings])).toEqual([
      ['its key is another\'s'], ['it is not signed by this machine\'s authority', 'it is not for 192.168.1.7, where this machine is reached, too'],
    ]);
    docker = { ...docker, serverCert: other.cert, caCert: 'rubbish' };
    const rest = await tlsStatus(host);
    expect(rest.certificates[0]?.problems).toEqual(['cannot read certificate: it is no certificate in PEM form']);
    expect(rest.certificates.at(-1)).toMatchObject({ where: join(directory, 'etc/server-cert.pem'), problems: ['it is not the one of the configuration'] });
  });
});
