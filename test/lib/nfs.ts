/** A real NFS server (Ganesha, which needs no kernel of its own) in a machine's network: it has one folder, as /data. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ensureHostTools } from '../../scripts/lib/host-tools.ts';
import { lanAddress, type Lan } from './lan.ts';
import { testDir } from './machine.ts';

const vfs = '/usr/lib/x86_64-linux-gnu/ganesha/libfsalvfs.so';

export async function serveNfs(lan: Lan): Promise<{ readonly folder: string; stop(): Promise<void> }> {
  await ensureHostTools([{ needs: 'ganesha.nfsd', from: 'nfs-ganesha' }, { needs: vfs, from: 'nfs-ganesha-vfs' }]);
  const place = resolve(testDir, 'nfs');
  const folder = join(place, 'data');
  rmSync(place, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o777); // containers come as uids that the server does not know
  writeFileSync(join(folder, 'hello'), 'from the server');
  const config = join(place, 'ganesha.conf');
  writeFileSync(config, `NFS_CORE_PARAM { Protocols = 4; Enable_NLM = false; Enable_RQUOTA = false; Bind_addr = ${lanAddress}; }
NFSv4 { Graceless = true; RecoveryBackend = fs; }
EXPORT { Export_Id = 1; Path = ${folder}; Pseudo = /data; Access_Type = RW; Squash = No_Root_Squash; SecType = sys; FSAL { Name = VFS; } }
`);
  const { stop } = lan.serve('ganesha.nfsd', ['-F', '-f', config, '-L', join(place, 'log'), '-p', join(place, 'pid')]);
  return { folder, stop };
}
