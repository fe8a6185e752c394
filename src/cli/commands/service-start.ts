import { defineCommand } from '../command.ts';
import { actionOptions, actOn } from '../services.ts';

export const serviceStart = defineCommand({
  name: 'service start',
  group: 'Services',
  summary: 'Start services',
  description: 'Starts services that were stopped, and what they need.',
  operands: { label: 'NAME…', min: 1, max: 100 },
  options: {
    ...actionOptions,
    foreground: { type: 'boolean', describe: 'accepted for RancherOS\'s sake, where it did nothing either' },
  },
  run: (args, context) => actOn('start', args, context),
});
