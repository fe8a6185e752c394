/** A folder as a tar stream, by the system's tar (busybox), so that its content never lies in our memory. */
import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { RosError } from '../lib/errors.ts';

export interface TarStream {
  readonly stream: Readable;
  /** Resolves when tar has ended well; rejects with its last words otherwise. */
  readonly done: Promise<void>;
  /** Ends tar when nobody reads on. */
  end(): void;
}

export async function openTar(folder: string): Promise<TarStream> {
  const isFolder = await stat(folder).then((found) => found.isDirectory(), () => false);
  if (!isFolder) throw new RosError('ERR_ROS_READ', `cannot read folder "${folder}": there is no such folder`);
  const child = spawn('/bin/tar', ['-c', '-C', folder, '.'], { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said = (said + text).slice(-500); });
  const done = new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new RosError('ERR_ROS_READ', `cannot read folder "${folder}": ${said.trim() || `tar ended with exit code ${code}`}`));
    });
  });
  done.catch(() => undefined); // whoever asks hears it
  return { stream: child.stdout, done, end: () => { child.kill('SIGKILL'); } };
}
