import { defineCommand } from '../command.ts';
import { actionOptions, actOn } from '../services.ts';

export const serviceRestart = defineCommand({
  name: 'service restart',
  group: 'Services',
  summary: 'Restart services',
  description: 'Stops services and starts them again.',
  operands: { label: 'NAME…', min: 1, max: 100 },
  options: actionOptions,
  run: (args, context) => actOn('restart', args, context),
});
