import type { ConfigDiff } from '../../api/types.ts';
import { defineCommand, jsonOption, toJson } from '../command.ts';
import { privateOption } from '../config.ts';
import { oneLine } from '../format.ts';
import { versionOf } from '../version-number.ts';

export const configDiff = defineCommand({
  name: 'config diff',
  group: 'Configuration',
  summary: 'Tell what differs between versions of cloud-config.yml',
  description: 'Prints the values that differ: between the version before the last change and the file, between version N and the\nfile, or between the versions N and M. Secrets are masked.',
  operands: { label: 'N [M]', min: 0, max: 2 },
  options: { private: privateOption, json: jsonOption },
  async run({ names: [from, to], options }, { print, client }) {
    const diff = await (await client()).config.diff(versionOf(from, 'config diff'), versionOf(to, 'config diff'), options.private === true);
    return print(options.json === true ? toJson(diff) : await format(diff));
  },
});

export async function format({ from, to, changes, same }: ConfigDiff): Promise<string> {
  const { inline } = await import('../definition.ts');
  if (changes.length === 0) return same ? '' : `no value differs between version ${from} and ${to}, only comments or how it is written\n`;
  return changes.map(({ path, before, after }) => {
    const key = oneLine(path.join('.'));
    return `${before === undefined ? '' : `- ${key}: ${inline(before)}\n`}${after === undefined ? '' : `+ ${key}: ${inline(after)}\n`}`;
  }).join('');
}
