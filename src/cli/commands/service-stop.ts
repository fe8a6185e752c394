import { defineCommand } from '../command.ts';
import { actionOptions, actOn } from '../services.ts';

export const serviceStop = defineCommand({
  name: 'service stop',
  group: 'Services',
  summary: 'Stop services',
  description: 'Stops services. They stay stopped until they are started again or the machine boots anew.',
  operands: { label: 'NAME…', min: 1, max: 100 },
  options: actionOptions,
  run: (args, context) => actOn('stop', args, context),
});
