/** Encrypted devices (LUKS), through cryptsetup. A secret goes through its standard input or a file, never through its arguments. */
import { exists } from './files.ts';
import { tryTool } from './exec.ts';

/** Deriving the key takes seconds by design, and many more where the processor is emulated. */
const openMs = 120_000;
/** cryptsetup's exit code for a passphrase or key that does not fit. */
const wrongSecret = 2;

export type Secret = { readonly passphrase: string } | { readonly keyFile: string };

/** The open device of a closed one. */
export function mappedName(uuid: string, device: string): string { return `luks-${uuid === '' ? device.replaceAll('/', '-').replace(/^-dev-/, '') : uuid}`; }
export function mappedPath(name: string): string { return `/dev/mapper/${name}`; }
export async function isOpen(name: string): Promise<boolean> { return exists(mappedPath(name)); }

/** False when the secret does not fit; throws when it could not even be tried. */
export async function openLuks(device: string, name: string, secret: Secret): Promise<boolean> {
  const [file, input] = 'keyFile' in secret ? [secret.keyFile, ''] : ['-', secret.passphrase];
  const { code, stderr } = await tryTool('cryptsetup', ['open', '--type', 'luks', '--key-file', file, device, name], { input, timeoutMs: openMs });
  if (code !== 0 && code !== wrongSecret) throw new Error(stderr.trim().split('\n').at(-1) ?? `exit code ${code}`);
  return code === 0;
}
