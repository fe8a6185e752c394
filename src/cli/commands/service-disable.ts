import { defineCommand, jsonOption } from '../command.ts';
import { withdraw } from '../services.ts';

export const serviceDisable = defineCommand({
  name: 'service disable',
  group: 'Services',
  summary: 'Leave services out from the next boot on',
  description: 'Leaves services out from the next boot on. What "enable" was told of them is kept: they can be enabled again.',
  operands: { label: 'NAME…', min: 1, max: 100 },
  options: {
    now: { type: 'boolean', describe: 'stop them at once' },
    json: jsonOption,
  },
  run: (args, context) => withdraw('disable', args, context),
});
