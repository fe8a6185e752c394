/** The version of this machine: from the supervisor, or from the image's os-release while that does not answer. */
import type { VersionInfo } from '../client/client.ts';
import { RosError } from '../lib/errors.ts';
import type { Context } from './command.ts';

export async function versionInfo({ io, client }: Context): Promise<VersionInfo> {
  try {
    return await (await client({ patient: false })).version();
  } catch (error) {
    const { readFile } = await import('node:fs/promises');
    const text = await readFile(io.osReleasePath, 'utf8').catch(() => '');
    const version = /^VERSION="?([^"\n]+)"?$/m.exec(text)?.[1];
    if (version === undefined) {
      throw error instanceof RosError ? error : new RosError('ERR_ROS_VERSION', 'cannot tell the version: neither the supervisor nor os-release does', { cause: error });
    }
    const tagged = version.startsWith('v') ? version : `v${version}`;
    return { version: tagged, os: `corralos/os:${tagged}` };
  }
}
