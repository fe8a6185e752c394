import { defineCommand, toJson } from '../command.ts';

export const configSchema = defineCommand({
  name: 'config schema',
  group: 'Configuration',
  summary: 'Print the JSON Schema of a cloud-config',
  description: 'Prints the JSON Schema of a cloud-config, for editors: they then complete keys and mark what is wrong.',
  options: { keys: { type: 'boolean', describe: 'print only the keys, one a line, as "ros config get" takes them' } },
  async run({ options }, { print, client }) {
    const schema = await (await client()).config.schema();
    return print(options.keys === true ? keysOf(schema).map((key) => `${key}\n`).join('') : toJson(schema));
  },
});

/** The keys that have a name of their own, groups too. */
function keysOf(schema: unknown, above = ''): string[] {
  const properties = typeof schema === 'object' && schema !== null && 'properties' in schema ? schema.properties : undefined;
  return Object.entries(properties ?? {}).flatMap(([key, below]) => [`${above}${key}`, ...keysOf(below, `${above}${key}.`)]);
}
