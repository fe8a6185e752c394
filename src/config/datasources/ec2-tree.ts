/** The tree of small files that EC2 began and others took over: `user-data`, `meta-data/hostname`, `meta-data/public-keys/…`. */
import type { Found } from '../found.ts';
import type { Web } from './datasource.ts';
import { hostnameOf, textOf } from './json.ts';

export interface TreeOptions {
  /** With its version: `http://169.254.169.254/latest`. */
  readonly base: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The name of the datasource. */
  readonly source: string;
  /** Which file has the host name; `hostname` unless given. */
  readonly hostnameFile?: string;
  /** Whether the list of keys is asked for as a folder, with a slash at its end. */
  readonly keysAreFolder: boolean;
}

const maxKeys = 50;

/** Undefined when there is no instance id: that is not such a tree, but somebody who answers everything. */
export async function readTree(web: Web, options: TreeOptions): Promise<Found | undefined> {
  const { base, headers = {}, source, hostnameFile = 'hostname', keysAreFolder } = options;
  const read = (path: string): Promise<Buffer | undefined> => web.get(`${base}/${path}`, { headers });
  const readText = async (path: string): Promise<string> => textOf((await read(path))?.toString('utf8')) ?? '';

  if (!/^[\w.:-]{1,128}$/.test(await readText('meta-data/instance-id'))) return undefined;
  const [userData, hostname, list] = await Promise.all([read('user-data'), readText(`meta-data/${hostnameFile}`), readText(`meta-data/public-keys${keysAreFolder ? '/' : ''}`)]);
  const keys: Record<string, string> = {};
  for (const [index, line] of list.split('\n').slice(0, maxKeys).entries()) {
    const entry = line.trim();
    const name = String(index).padStart(3, '0');
    if (/^(?:ssh|ecdsa|sk)-\S+ /.test(entry)) { keys[name] = entry; continue; }
    // `0=name` is asked for by its number, `name/` by its name.
    const folder = entry.split('=')[0]?.replace(/\/$/, '') ?? '';
    const key = folder === '' ? '' : await readText(`meta-data/public-keys/${encodeURIComponent(folder)}/openssh-key`);
    if (key !== '') keys[name] = key;
  }
  return { source, userData, metadata: { ...hostnameOf(hostname), sshPublicKeys: keys }, problems: [] };
}

/** The token that a service of this kind wants to see with every request; undefined: it is of the older kind, without. */
export async function fetchToken(web: Web, url: string, lifetimeHeader: string, statusOf: (error: unknown) => number | undefined): Promise<string | undefined> {
  try {
    return textOf((await web.get(url, { method: 'PUT', headers: { [lifetimeHeader]: '300' } }))?.toString('latin1'));
  } catch (error) {
    if ([400, 405, 501].includes(statusOf(error) ?? 0)) return undefined;
    throw error;
  }
}
