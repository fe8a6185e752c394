import { defineCommand, jsonOption, toJson } from '../command.ts';
import { inputOption, readGiven } from '../config.ts';
import { oneLine } from '../format.ts';

export const configImages = defineCommand({
  name: 'config images',
  group: 'Configuration',
  summary: 'Print the images that a cloud-config names',
  description: 'Prints the images of the services in a file, in what comes in, or (at a terminal, with neither) in this machine\'s\nconfiguration: on one line, in order.',
  operands: { label: 'FILE', min: 0, max: 1 },
  options: { input: inputOption, json: jsonOption },
  async run({ names: [file], options }, context) {
    const given = await readGiven(options.input, file, 'config images', context);
    const images = await (await context.client()).config.images(given?.text);
    await context.print(options.json === true ? toJson(images) : `${images.map(oneLine).join(' ')}\n`);
  },
});
