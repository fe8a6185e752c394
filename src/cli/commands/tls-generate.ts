import { join } from 'node:path';
import type { TlsPair } from '../../api/types.ts';
import { defineCommand } from '../command.ts';
import { oneLine } from '../format.ts';
import type { Io } from '../io.ts';
import type { Owner, WrittenFile } from '../write-files.ts';

export const tlsGenerate = defineCommand({
  name: 'tls generate',
  alias: 'tls gen',
  group: 'Machine',
  summary: 'Make certificates for Docker over the network',
  description: 'Makes a certificate and its key: for a client, who then reaches Docker on port 2376, or with -s for the server.\nThis machine\'s own authority signs them; it is made once and kept in the configuration. "ros tls status" tells\nhow long they are valid.',
  options: {
    server: { type: 'boolean', alias: ['s'], describe: 'make the server\'s, and keep it in the configuration' },
    hostname: { type: 'strings', alias: ['H'], value: 'NAME', describe: 'a name or address of the server; this machine\'s own are always among them' },
    dir: { type: 'string', alias: ['d'], value: 'DIR', describe: 'where to put the files (/etc/docker/tls; of a client /home/rancher/.docker)' },
  },
  async run({ options }, { io, print, warn, client }) {
    const isServer = options.server === true;
    const names = options.hostname ?? [];
    if (!isServer && names.length > 0) await warn('ros: --hostname says nothing of a client: it counts with --server');
    const pair = await (await client()).generateTls(isServer ? 'server' : 'client', isServer ? names : []);
    const directory = options.dir ?? (isServer || io.euid === 0 ? pair.directory : join(io.environment['HOME'] ?? pair.directory, '.docker'));
    if (options.dir === undefined) await warn(`Out directory (-d, --dir) not specified, using default: ${directory}`);
    const files = filesOf(pair, isServer);
    if (!isServer || options.dir !== undefined) {
      const { writeFiles } = await import('../write-files.ts');
      await writeFiles(directory, files, ownerOf(io));
    }
    await print(`wrote ${files.map(({ name }) => join(directory, name)).join(', ')}\nvalid until ${pair.expiresAt.slice(0, 10)}${pair.names.length === 0 ? '' : `, for ${oneLine(pair.names.join(', '))}`}\n`);
    for (const note of pair.notes) await warn(`note: ${oneLine(note)}`);
    if (isServer) await print(pair.enabled ? 'User Docker takes it with: sudo ros config apply\n' : 'Docker over TLS is off. To turn it on: sudo ros config set rancher.docker.tls true, then sudo ros config apply\n');
  },
});

function filesOf({ ca, cert, key }: TlsPair, isServer: boolean): readonly WrittenFile[] {
  const prefix = isServer ? 'server-' : '';
  return [{ name: 'ca.pem', text: ca, mode: 0o644 }, { name: `${prefix}cert.pem`, text: cert, mode: 0o644 }, { name: `${prefix}key.pem`, text: key, mode: 0o600 }];
}

/** Whoever typed sudo; without it rancher, as in RancherOS. */
function ownerOf({ environment }: Io): Owner {
  const number = (text: string | undefined): number | undefined => (text !== undefined && /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined);
  return { uid: number(environment['SUDO_UID']) ?? 1100, gid: number(environment['SUDO_GID']) ?? 1100 };
}
