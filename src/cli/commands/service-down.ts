import { defineCommand } from '../command.ts';
import { actionOptions, actOn } from '../services.ts';

export const serviceDown = defineCommand({
  name: 'service down',
  group: 'Services',
  summary: 'Stop services and remove their containers',
  description: 'Stops services and removes their containers. "ros service up" makes them anew.',
  operands: { label: 'NAME…', min: 1, max: 100 },
  options: actionOptions,
  run: (args, context) => actOn('down', args, context),
});
