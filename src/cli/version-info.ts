/** The version of this machine: from the supervisor; while that does not answer, the one this program was built as. */
import type { VersionInfo } from '../client/client.ts';
import type { Context } from './command.ts';

export async function versionInfo({ io, client }: Context): Promise<VersionInfo> {
  try {
    return await (await client({ patient: false })).version();
  } catch (error) {
    if (io.signal.aborted) throw error;
    const version = io.version.startsWith('v') ? io.version : `v${io.version}`;
    return { version, os: `corralos/os:${version}` };
  }
}
