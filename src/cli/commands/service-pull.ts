import { defineCommand, jsonOption } from '../command.ts';
import { operateOn } from '../services.ts';

export const servicePull = defineCommand({
  name: 'service pull',
  group: 'Services',
  summary: 'Fetch the images of services',
  description: 'Fetches the images of services, also those that are there: they may have changed. Containers stay as they are;\n"ros service up" replaces them.',
  operands: { label: 'NAME…', min: 1, max: 100 },
  options: {
    'ignore-pull-failures': { type: 'boolean', describe: 'report what cannot be fetched, and succeed all the same' },
    json: jsonOption,
  },
  async run(args, context) {
    const { exitCode } = await operateOn('pull', args, context);
    return args.options['ignore-pull-failures'] === true ? 0 : exitCode;
  },
});
