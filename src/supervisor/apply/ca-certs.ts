/** Certificate authorities that the machine trusts besides, or instead of, those of the image. */
import { X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CaCertsSetting } from '../../config/index.ts';
import { causeOf, RosError } from '../../lib/errors.ts';
import { bindMount, unmount } from '../../sys/disk.ts';
import { readTextFile, writeFileAtomic } from '../../sys/files.ts';
import { mounts } from '../../sys/proc.ts';
import type { TarEntry } from '../../sys/tar-pack.ts';
import type { ServiceDefinition } from '../../services/definition.ts';
import { paths, type Machine } from '../machine.ts';
import type { Part } from './part.ts';
import { putNow } from './put.ts';

const bundle = '/etc/ssl/certs/ca-certificates.crt';
const ownBundle = join(paths.runtimeEtc, 'ca-certificates.crt');
const limit = 8 * 1024 * 1024;
/** Containers that have another bundle than their image's, by id; there as soon as there was one. */
const recordFile = join(paths.rancher, 'ca-certs.json');

export const caCertsPart: Part = {
  name: 'ca_certs', keys: ['ca_certs'], effect: 'now',
  of: ({ caCerts }) => caCerts,
  what: (_before, { caCerts }) => `ca_certs: ${caCerts.trusted.length} of the configuration${caCerts.removeDefaults ? ' only' : ''}; the engines are started again, their containers go on`,
  async boot(_machine, { caCerts }) { if (isSet(caCerts)) await writeBundle(caCerts); },
  async apply(machine, _before, { caCerts }) {
    const failures: string[] = [];
    await writeBundle(caCerts).catch((error: unknown) => { failures.push(causeOf(error)); });
    failures.push(...await putNow(machine, () => true, (service, id) => bundleEntries(caCerts, service, id)));
    await restartEngines(machine).catch((error: unknown) => { failures.push(causeOf(error)); });
    if (failures.length > 0) throw new Error(failures.join('; '));
  },
};

/** The bundle for a container that is about to start or runs; nothing at no cost where the configuration has never said anything. */
export async function bundleEntries(caCerts: CaCertsSetting, service: ServiceDefinition, id: string): Promise<TarEntry[]> {
  const record = await readRecord();
  if (!isSet(caCerts) && !record.has(id)) return [];
  if (service.scope !== 'system' || service.readOnly || (service.builtIn && service.name !== 'console' && service.name !== 'docker')) return [];
  // The machine's own file is the same as the images' where nothing is mounted over it.
  const text = await readTextFile(isSet(caCerts) ? ownBundle : bundle, limit);
  if (text === undefined) return [];
  if (isSet(caCerts)) record.add(id); else record.delete(id);
  await writeFileAtomic(recordFile, JSON.stringify([...record].slice(-100)), 0o644);
  return [{ path: bundle, kind: 'file', mode: 0o644, uid: 0, gid: 0, content: Buffer.from(text) }];
}

/** A dockerd reads whom to trust once. HUP tells the user plane to start its own again. */
async function restartEngines({ systemDocker, systemEngine }: Machine): Promise<void> {
  const plane = await systemEngine.inspect('docker');
  if (plane?.running === true) await systemEngine.kill(plane.id, 'SIGHUP');
  await systemDocker.restart();
}

/** For the machine's own programs: System Docker, and what the supervisor fetches. */
async function writeBundle(caCerts: CaCertsSetting): Promise<void> {
  if ((await mounts()).some(({ target }) => target === bundle)) await unmount(bundle);
  if (!isSet(caCerts)) return;
  const good: string[] = [];
  const bad: number[] = [];
  for (const [index, pem] of caCerts.trusted.entries()) if (isCertificate(pem)) good.push(`${pem.trim()}\n`); else bad.push(index + 1);
  const defaults = caCerts.removeDefaults ? '' : (await readTextFile(bundle, limit)) ?? '';
  await mkdir(dirname(ownBundle), { recursive: true });
  await writeFileAtomic(ownBundle, `${defaults}${good.join('')}`, 0o644);
  await bindMount(ownBundle, bundle);
  if (bad.length > 0) throw new RosError('ERR_ROS_CERTIFICATE', `cannot trust ca_certs.trusted, entry ${bad.join(', ')}: it is no certificate in PEM form`);
}

function isCertificate(pem: string): boolean {
  try { return new X509Certificate(pem).ca; } catch { return false; }
}

function isSet({ trusted, removeDefaults }: CaCertsSetting): boolean { return trusted.length > 0 || removeDefaults; }

async function readRecord(): Promise<Set<string>> {
  try { return new Set(JSON.parse((await readTextFile(recordFile, limit)) ?? '[]') as string[]); } catch { return new Set(); }
}
