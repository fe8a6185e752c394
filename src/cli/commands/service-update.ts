import { defineCommand, jsonOption } from '../command.ts';
import { operateOn } from '../services.ts';

export const serviceUpdate = defineCommand({
  name: 'service update',
  group: 'Services',
  summary: 'Move a service to a newer image',
  description: 'Fetches the image of a service anew, or another one, and puts a container of it in the place of the old one.',
  operands: { label: 'NAME [IMAGE]', min: 1, max: 2 },
  options: { json: jsonOption },
  async run({ names: [name = '', image], options }, context) {
    const { exitCode } = await operateOn('update', { names: [name], options }, context, image === undefined ? {} : { image });
    return exitCode;
  },
});
