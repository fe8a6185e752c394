import type { VersionInfo } from '../../client/client.ts';
import { defineCommand, jsonOption, toJson } from '../command.ts';
import { versionInfo } from '../version-info.ts';

export const version = defineCommand({
  name: 'version',
  group: 'Machine',
  summary: 'Print version and image of the operating system (also -v)',
  description: 'Prints the version and the image of the operating system.',
  options: { json: jsonOption },
  async run({ options }, context) {
    const info = await versionInfo(context);
    return context.print(options.json === true ? toJson(info) : format(info));
  },
});

/** As RancherOS prints it. */
export function format({ version: number, os }: VersionInfo): string {
  return `version ${number} from os image ${os}\n`;
}
