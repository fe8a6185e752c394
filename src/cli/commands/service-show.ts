import { defineCommand, jsonOption, toJson } from '../command.ts';

export const serviceShow = defineCommand({
  name: 'service show',
  group: 'Services',
  summary: 'Print a service as it is in force',
  description: 'Prints a service as all its layers together say it, in the words of a service file.',
  operands: { label: 'NAME', min: 1, max: 1 },
  options: {
    origin: { type: 'boolean', describe: 'print a value a line, and behind it which layer said it' },
    json: jsonOption,
  },
  async run({ names: [name = ''], options }, { print, client }) {
    const details = await (await client()).service(name);
    if (options.json === true) return print(toJson(details));
    const { definitionYaml, originLines } = await import('../definition.ts');
    return print(options.origin === true ? originLines(details) : definitionYaml(details));
  },
});
