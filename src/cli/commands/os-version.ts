import { defineCommand, jsonOption, toJson } from '../command.ts';
import { versionInfo } from '../version-info.ts';

export const osVersion = defineCommand({
  name: 'os version',
  group: 'Machine',
  summary: 'Print the version of the operating system',
  description: 'Prints the version alone, such as v0.1.0.',
  options: { json: jsonOption },
  async run({ options }, context) {
    const { version } = await versionInfo(context);
    return context.print(options.json === true ? toJson({ version }) : `${version}\n`);
  },
});
