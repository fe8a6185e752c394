/**
 * Certificates for User Docker over the network. The machine has an authority of its own: its certificate and key are in
 * the configuration (`rancher.docker.ca_cert`, `ca_key`), as in RancherOS, with the server's pair. A client's pair is
 * handed out and not kept.
 */
import { chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TlsCertificate, TlsPair, TlsStatus } from '../api/types.ts';
import type { EngineOptions } from '../config/index.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import { Turns } from '../lib/turns.ts';
import { readTextFile, writeFileAtomic } from '../sys/files.ts';
import { isCertificateName, isSignedBy, keyFits, makeCertificate, readCertificate, type CertificateFacts, type KeyPair } from '../sys/tls.ts';

/** What it takes of the machine. */
export interface TlsHost {
  now(): Date;
  /** As the configuration says now. */
  docker(): Promise<EngineOptions>;
  /** Sets keys below `rancher.docker` in the user's configuration, all or none. */
  store(values: Readonly<Record<string, string>>): Promise<void>;
  hostname(): string;
  addresses(): readonly string[];
  /** Whether the configuration survives a reboot. */
  readonly isKept: () => boolean;
  readonly places: TlsPlaces;
}

export interface TlsPlaces {
  /** Where the server's files are for dockerd. */
  readonly server: string;
  /** Where `ros tls generate` puts a client's files unless told otherwise. */
  readonly client: string;
  /** On a tmpfs. */
  readonly work: string;
  /** Whose the server's files are: the root of the user plane, which knows no other of the machine's accounts. */
  readonly serverOwner: number;
}

/** /etc/docker is the same directory here, in the console and in the user plane, whose root is uid 100000. */
export const tlsPlaces: TlsPlaces = { server: '/etc/docker/tls', client: '/home/rancher/.docker', work: '/run/ros', serverOwner: 100_000 };

export interface TlsOrder { readonly kind: 'server' | 'client'; readonly names: readonly string[] }

const authorityDays = 3650;
const days = 1095;
/** An authority that ends sooner is not worth signing with; a certificate that does is worth a warning. */
const soonDays = 30;
const dayMs = 86_400_000;
/** Before any release of this system: whoever sees such a date has a clock that was never set. */
const plausibleFrom = Date.UTC(2025, 0);
const maxNames = 100;
const maxFileBytes = 256 * 1024;

/** The authority must not be made twice. */
const oneAtATime = new Turns(1);

/** Makes a pair, and the authority when there is none that would do. The server's goes into the configuration, too. */
export async function generateTls(host: TlsHost, order: TlsOrder): Promise<TlsPair> {
  const wrong = order.names.find((name) => !isCertificateName(name));
  if (wrong !== undefined) throw refused(`"${wrong.slice(0, 64)}" is neither a host name nor an IP address`);
  if (order.names.length > maxNames) throw refused(`more than ${maxNames} names`);
  const now = host.now();
  if (now.getTime() < plausibleFrom) {
    throw new RosError('ERR_ROS_TLS', `cannot make certificates: the clock says ${now.toISOString().slice(0, 10)}, nobody would take them for valid`, { hint: 'sudo ros service show ntp' });
  }
  return oneAtATime.take(0, async () => {
    const docker = await host.docker();
    const { authority, isNew, notes } = await authorityOf(host, docker, now);
    const left = Math.max(1, Math.floor(daysUntil(readCertificate(authority.cert).notAfter, now)));
    const names = order.kind === 'server' ? serverNames(host, order.names) : [];
    const commonName = order.kind === 'server' ? names[0] ?? 'localhost' : `client of ${host.hostname()}`;
    const pair = await makeCertificate({ purpose: order.kind, commonName, names, days: Math.min(days, left), authority }, host.places.work);
    const kept = { ...(isNew && { ca_cert: authority.cert, ca_key: authority.key }), ...(order.kind === 'server' && { server_cert: pair.cert, server_key: pair.key }) };
    if (Object.keys(kept).length > 0) await host.store(kept);
    if (order.kind === 'server') await writeServerFiles({ ...docker, caCert: authority.cert, serverCert: pair.cert, serverKey: pair.key }, host.places);
    return {
      ca: authority.cert, ...pair, expiresAt: readCertificate(pair.cert).notAfter.toISOString(), names: [...names], directory: order.kind === 'server' ? host.places.server : host.places.client,
      enabled: docker.tls, notes: [...notes, ...(host.isKept() || Object.keys(kept).length === 0 ? [] : ['the configuration is in RAM: after a reboot there is another authority'])],
    };
  });
}

/** Puts the server's files where dockerd reads them, as far as the configuration has them. The authority's key is none of its business. */
export async function writeServerFiles({ caCert, serverCert, serverKey }: Pick<EngineOptions, 'caCert' | 'serverCert' | 'serverKey'>, places: Pick<TlsPlaces, 'server' | 'serverOwner'>): Promise<void> {
  await mkdir(places.server, { recursive: true, mode: 0o755 });
  const files = [['ca.pem', caCert, 0o444], ['server-cert.pem', serverCert, 0o444], ['server-key.pem', serverKey, 0o400]] as const;
  for (const [name, text, mode] of files) {
    const path = join(places.server, name);
    if (text === undefined || text.trim() === '') continue;
    await writeFileAtomic(path, text, mode);
    await chown(path, places.serverOwner, places.serverOwner);
  }
}

/** Every certificate there is, and what is wrong with it. */
export async function tlsStatus(host: TlsHost): Promise<TlsStatus> {
  const docker = await host.docker();
  const now = host.now();
  const found: (TlsCertificate | undefined)[] = [
    judged('ca', 'rancher.docker.ca_cert', docker.caCert, now, () => (docker.caKey === undefined || docker.caCert === undefined || keyFits({ cert: docker.caCert, key: docker.caKey }) ? [] : ['its key is another\'s'])),
    judged('server', 'rancher.docker.server_cert', docker.serverCert, now, () => serverProblems(docker), () => notFor(docker.serverCert ?? '', host)),
  ];
  const file = join(host.places.server, 'server-cert.pem');
  const inUse = await readTextFile(file, maxFileBytes).catch(() => undefined);
  if (inUse !== undefined && inUse.trim() !== docker.serverCert?.trim()) found.push(judged('server', file, inUse, now, () => ['it is not the one of the configuration']));
  const clientFile = join(host.places.client, 'cert.pem');
  const client = await readTextFile(clientFile, maxFileBytes).catch(() => undefined);
  found.push(judged('client', clientFile, client, now, () => (docker.caCert === undefined || client === undefined || isSignedBy(client, docker.caCert) ? [] : ['it is not signed by this machine\'s authority'])));
  return { enabled: docker.tls, certificates: found.filter((one) => one !== undefined) };
}

async function authorityOf(host: TlsHost, { caCert, caKey }: EngineOptions, now: Date): Promise<{ authority: KeyPair; isNew: boolean; notes: string[] }> {
  const present = (text: string | undefined): text is string => text !== undefined && text.trim() !== '';
  if (present(caCert) && !present(caKey)) {
    throw new RosError('ERR_ROS_TLS', 'cannot sign a certificate: the configuration holds an authority (rancher.docker.ca_cert) without its key', { hint: 'set rancher.docker.ca_key, or remove ca_cert to have a new authority made' });
  }
  const notes: string[] = [];
  if (present(caCert) && present(caKey)) {
    const { notAfter } = readCertificate(caCert);
    if (!keyFits({ cert: caCert, key: caKey })) throw new RosError('ERR_ROS_TLS', 'cannot sign a certificate: rancher.docker.ca_key does not belong to rancher.docker.ca_cert');
    if (daysUntil(notAfter, now) >= soonDays) return { authority: { cert: caCert, key: caKey }, isNew: false, notes };
    notes.push(`the authority ends on ${notAfter.toISOString().slice(0, 10)}, so there is a new one: the server and every client need new certificates`);
  }
  const authority = await makeCertificate({ purpose: 'authority', commonName: `Docker of ${host.hostname()}`, days: authorityDays }, host.places.work);
  return { authority, isNew: true, notes };
}

/** Those that were asked for first: the first one becomes the subject. */
function serverNames(host: TlsHost, asked: readonly string[]): string[] {
  return [...new Set([...asked, host.hostname(), 'localhost', '127.0.0.1', ...host.addresses()])].filter(isCertificateName);
}

function serverProblems({ caCert, serverCert, serverKey }: EngineOptions): string[] {
  if (serverCert === undefined) return [];
  const problems = [];
  if (serverKey === undefined) problems.push('its key is missing');
  else if (!keyFits({ cert: serverCert, key: serverKey })) problems.push('its key is another\'s');
  if (caCert !== undefined && !isSignedBy(serverCert, caCert)) problems.push('it is not signed by this machine\'s authority');
  return problems;
}

/** An address that DHCP has changed since is what a client would stumble over. */
function notFor(pem: string, host: TlsHost): string[] {
  const { names } = readCertificate(pem);
  const missing = host.addresses().filter((address) => !address.includes(':') && !names.includes(address));
  return missing.length === 0 ? [] : [`it is not for ${missing.join(', ')}, where this machine is reached, too`];
}

function judged(
  kind: TlsCertificate['kind'], where: string, pem: string | undefined, now: Date, problemsOf: () => readonly string[], warningsOf: () => readonly string[] = () => [],
): TlsCertificate | undefined {
  if (pem === undefined || pem.trim() === '') return undefined;
  let facts: CertificateFacts;
  try {
    facts = readCertificate(pem);
    const left = daysUntil(facts.notAfter, now);
    const isOver = left < 0;
    const problems = [...(isOver ? ['it has expired'] : []), ...(facts.notBefore > now ? ['it is not valid yet'] : []), ...problemsOf()];
    const warnings = [...(!isOver && left < soonDays ? [`it expires in ${Math.floor(left)} days`] : []), ...warningsOf()];
    return { kind, where, subject: facts.subject, issuer: facts.issuer, names: [...facts.names], validFrom: facts.notBefore.toISOString(), expiresAt: facts.notAfter.toISOString(), daysLeft: Math.floor(left), problems, warnings };
  } catch (error) {
    return { kind, where, names: [], problems: [causeOf(error)], warnings: [] };
  }
}

function daysUntil(date: Date, now: Date): number { return (date.getTime() - now.getTime()) / dayMs; }
function refused(cause: string): RosError { return new RosError('ERR_ROS_BAD_REQUEST', `cannot make a certificate: ${cause}`); }
