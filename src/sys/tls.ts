/** Certificates: made by the program `openssl`, read by Node. Private keys are in files of root's alone while it works, never in arguments. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { causeOf, RosError } from '../lib/errors.ts';
import { run } from './exec.ts';

/** Both as PEM. */
export interface KeyPair { readonly cert: string; readonly key: string }

/** What may be done with a certificate. */
export type Purpose = 'authority' | 'server' | 'client';

export interface CertificateOrder {
  readonly purpose: Purpose;
  readonly commonName: string;
  /** The names and addresses it is for: host names, `*.name`, IPv4 and IPv6. */
  readonly names?: readonly string[];
  readonly days: number;
  /** Who signs it; absent: it signs itself. */
  readonly authority?: KeyPair;
}

export interface CertificateFacts {
  /** One line: `O=CorralOS, CN=…`. */
  readonly subject: string;
  readonly issuer: string;
  readonly names: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const uses: Readonly<Record<Purpose, readonly string[]>> = {
  authority: ['basicConstraints = critical,CA:TRUE,pathlen:0', 'keyUsage = critical,keyCertSign,cRLSign'],
  server: ['basicConstraints = critical,CA:FALSE', 'keyUsage = critical,digitalSignature', 'extendedKeyUsage = serverAuth'],
  client: ['basicConstraints = critical,CA:FALSE', 'keyUsage = critical,digitalSignature', 'extendedKeyUsage = clientAuth'],
};

/**
 * A new key (EC P-256) and its certificate (ECDSA with SHA-256). `workParent` is where a directory for the time of the work
 * is made: on a tmpfs, so that no key is left on a disk.
 */
export async function makeCertificate(order: CertificateOrder, workParent: string): Promise<KeyPair> {
  await mkdir(workParent, { recursive: true });
  const work = await mkdtemp(join(workParent, 'tls-')); // 0700
  const file = (name: string): string => join(work, name);
  try {
    await writeFile(file('request.cnf'), requestOf(order), { mode: 0o600 });
    const signedBy = order.authority === undefined ? [] : ['-CA', file('ca.pem'), '-CAkey', file('ca-key.pem')];
    if (order.authority !== undefined) {
      await writeFile(file('ca.pem'), order.authority.cert, { mode: 0o600 });
      await writeFile(file('ca-key.pem'), order.authority.key, { mode: 0o600 });
    }
    await run('openssl', [
      'req', '-x509', '-batch', '-config', file('request.cnf'), '-sha256', '-days', String(order.days), '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
      '-noenc', '-keyout', file('key.pem'), '-out', file('cert.pem'), ...signedBy,
    ], { timeoutMs: 60_000 });
    return { cert: await readFile(file('cert.pem'), 'utf8'), key: await readFile(file('key.pem'), 'utf8') };
  } catch (error) {
    throw new RosError('ERR_ROS_TLS', `cannot make a certificate for "${order.commonName}": ${causeOf(error)}`, { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The request as openssl's configuration. Names are checked by `isCertificateName`, so none of them can be a line of its own. */
function requestOf({ purpose, commonName, names = [], authority }: CertificateOrder): string {
  const wrong = names.find((name) => !isCertificateName(name));
  if (wrong !== undefined) throw new Error(`"${wrong.slice(0, 64)}" is neither a host name nor an IP address`);
  return [
    '[req]', 'distinguished_name = subject', 'x509_extensions = extensions', 'prompt = no', 'string_mask = utf8only',
    '[subject]', 'O = CorralOS', `CN = ${commonName.replaceAll(/[^A-Za-z0-9.: *-]/g, '-').slice(0, 64)}`,
    '[extensions]', ...uses[purpose], 'subjectKeyIdentifier = hash', ...(authority === undefined ? [] : ['authorityKeyIdentifier = keyid:always']),
    ...(names.length === 0 ? [] : [`subjectAltName = ${names.map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`).join(',')}`]), '',
  ].join('\n');
}

/** A host name, its first label perhaps `*`, or an IP address without a zone. */
export function isCertificateName(name: string): boolean {
  return (isIP(name) !== 0 && !name.includes('%'))
    || (name.length <= 253 && /^(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$/.test(name));
}

/** Of the first certificate in the text. Throws in words when there is none. */
export function readCertificate(pem: string): CertificateFacts {
  const certificate = parse(pem);
  return {
    subject: certificate.subject.trim().replaceAll('\n', ', '),
    issuer: certificate.issuer.trim().replaceAll('\n', ', '),
    names: (certificate.subjectAltName ?? '').split(', ').filter((name) => name !== '').map((name) => name.replace(/^(?:DNS|IP Address):/, '')),
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
  };
}

export function isSignedBy(pem: string, authorityPem: string): boolean {
  const authority = parse(authorityPem);
  const certificate = parse(pem);
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

/** Whether the private key belongs to the certificate; false for one that cannot be read. */
export function keyFits({ cert, key }: KeyPair): boolean {
  try {
    return parse(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function parse(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    // What Node says of it speaks of OpenSSL's inside.
    throw new RosError('ERR_ROS_TLS', 'cannot read certificate: it is no certificate in PEM form', { cause: error });
  }
}
