import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isCertificateName, isSignedBy, keyFits, makeCertificate, readCertificate, type KeyPair } from '../../../src/sys/tls.ts';

const directory = mkdtempSync(join(tmpdir(), 'tls-test-'));
const work = join(directory, 'work');
let authority: KeyPair;
let server: KeyPair;

beforeAll(async () => {
  authority = await makeCertificate({ purpose: 'authority', commonName: 'Docker of box', days: 3650 }, work);
  server = await makeCertificate({ purpose: 'server', commonName: 'box', names: ['box', '*.example.org', '10.0.2.15', 'fd00::1'], days: 30, authority }, work);
});
afterAll(() => { rmSync(directory, { recursive: true }); });

function openssl(...args: string[]): string { return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }); }

function written(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

describe('certificates', () => {
  it('are signed by the authority, for the names and addresses they are told', () => {
    const facts = readCertificate(server.cert);
    expect(facts).toMatchObject({ subject: 'O=CorralOS, CN=box', issuer: 'O=CorralOS, CN=Docker of box', names: ['box', '*.example.org', '10.0.2.15', 'FD00:0:0:0:0:0:0:1'] });
    expect(Math.round((facts.notAfter.getTime() - facts.notBefore.getTime()) / 86_400_000)).toBe(30);
    expect(isSignedBy(server.cert, authority.cert)).toBe(true);
    expect(isSignedBy(authority.cert, server.cert)).toBe(false);
  });

  it('are accepted by openssl for what they are for, and for nothing else', async () => {
    const client = await makeCertificate({ purpose: 'client', commonName: 'client', days: 30, authority }, work);
    const ca = written('ca.pem', authority.cert);
    const verify = (purpose: string, pair: KeyPair): string => openssl('verify', '-x509_strict', '-purpose', purpose, '-CAfile', ca, written('cert.pem', pair.cert));
    expect(verify('sslserver', server)).toContain('OK');
    expect(verify('sslclient', client)).toContain('OK');
    expect(() => verify('sslclient', server)).toThrow();
    expect(() => verify('sslserver', client)).toThrow();
    expect(openssl('x509', '-noout', '-text', '-in', written('cert.pem', server.cert))).toMatch(/ecdsa-with-SHA256[\s\S]*P-256/);
  });

  it('come with their keys, and nothing of the work is left', () => {
    expect(keyFits(server)).toBe(true);
    expect(keyFits({ cert: server.cert, key: authority.key })).toBe(false);
    expect(keyFits({ cert: server.cert, key: 'nonsense' })).toBe(false);
    expect(readdirSync(work)).toEqual([]);
  });

  it('are made for names only: nothing of one reaches openssl as a line of its own', async () => {
    expect(['box', 'a.b-c.example', '*.example.org', '192.168.1.7', 'fd00::1', 'my_host'].filter(isCertificateName)).toHaveLength(6);
    expect(['', 'a b', 'a,DNS:b', 'a\nb', '-a', 'a-', 'a..b', '*', 'a.*', 'fe80::1%eth0', 'x'.repeat(64), `${'a.'.repeat(127)}a`].filter(isCertificateName)).toEqual([]);
    await expect(makeCertificate({ purpose: 'server', commonName: 'box', names: ['box\n[x]'], days: 1, authority }, work)).rejects.toThrow('neither a host name nor an IP address');
  });

  it('say what is wrong with a text that is none', () => {
    expect(() => readCertificate('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')).toThrow('cannot read certificate: it is no certificate in PEM form');
  });
});
