import { defineCommand, jsonOption } from '../command.ts';
import { operateOn } from '../services.ts';

export const serviceBuild = defineCommand({
  name: 'service build',
  group: 'Services',
  summary: 'Make the images of services that say how',
  description: 'Makes the images of services whose file says from which folder ("build"). Containers stay as they are;\n"ros service up" replaces them.',
  operands: { label: 'NAME…', min: 1, max: 100 },
  options: {
    'no-cache': { type: 'boolean', describe: 'make every step anew' },
    pull: { type: 'boolean', describe: 'ask for a newer base image' },
    'force-rm': { type: 'boolean', describe: 'remove the containers of the steps, also when one fails' },
    json: jsonOption,
  },
  run: async (args, context) => (await operateOn('build', args, context, {
    noCache: args.options['no-cache'] === true, pull: args.options.pull === true, forceRm: args.options['force-rm'] === true,
  })).exitCode,
});
