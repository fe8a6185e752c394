import { defineCommand, jsonOption } from '../command.ts';
import { operateOn } from '../services.ts';

export const serviceEnable = defineCommand({
  name: 'service enable',
  group: 'Services',
  summary: 'Make services part of this machine',
  description: 'Makes services part of this machine: those of a repository by their name ("ros service list -a"), those of a file\nby its path below /var/lib/rancher/conf, and those of a URL. Their images are fetched at once; they start at the\nnext boot.',
  operands: { label: 'NAME…', min: 1, max: 100 },
  options: {
    now: { type: 'boolean', describe: 'start them at once' },
    json: jsonOption,
  },
  run: async (args, context) => (await operateOn('enable', args, context, { now: args.options.now === true })).exitCode,
});
