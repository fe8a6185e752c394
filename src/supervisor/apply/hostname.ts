/** The machine's name. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../../config/index.ts';
import { exists, writeFileAtomic } from '../../sys/files.ts';
import { paths } from '../machine.ts';
import type { Part } from './part.ts';

export const hostnamePart: Part = {
  name: 'hostname', keys: ['hostname', 'rancher.defaults.hostname'], effect: 'now',
  of: (settings) => ({ hostname: settings.hostname, hostnameIsSet: settings.hostnameIsSet, hosts: hostsFile(settings) }),
  what: (before, after) => (before.hostname === after.hostname ? 'hostname: /etc/hosts' : `hostname: "${before.hostname}" becomes "${after.hostname}"`),
  boot: (_machine, settings) => setHostname(settings),
  apply: (_machine, _before, after) => setHostname(after),
};

/** The machine's, which the console shares: what `write_files` says of it there is said of this one. Pure. */
export function hostsFile({ hostname, writeFiles }: Settings): string {
  const own = `127.0.0.1 localhost\n127.0.1.1 ${hostname}\n::1 localhost ip6-localhost ip6-loopback\n`;
  const said = writeFiles.filter(({ path, container }) => path === '/etc/hosts' && container === 'console');
  return said.reduce((text, { contentBase64, append }) => {
    const content = Buffer.from(contentBase64, 'base64').toString('utf8').replace(/\n?$/, '\n');
    return append ? `${text}${content}` : content;
  }, own);
}

async function setHostname(settings: Settings): Promise<void> {
  const { hostname, hostnameIsSet } = settings;
  await writeFile('/proc/sys/kernel/hostname', hostname);
  await mkdir(paths.runtimeEtc, { recursive: true });
  // The network container leaves a name that somebody chose alone, and takes the DHCP server's in place of a default.
  await writeFileAtomic(join(paths.runtimeEtc, 'hostname.source'), hostnameIsSet ? 'config\n' : 'default\n', 0o644);
  await writeFileAtomic(join(paths.runtimeEtc, 'hostname'), `${hostname}\n`, 0o644);
  // There before any container: a runtime that finds no file to mount over makes one that only root can read.
  const resolver = join(paths.runtimeEtc, 'resolv.conf');
  if (!(await exists(resolver))) await writeFileAtomic(resolver, '', 0o644);
  await writeFileAtomic(join(paths.runtimeEtc, 'hosts'), hostsFile(settings), 0o644);
}
