import { defineCommand } from '../command.ts';
import { creationOptions, creationQuery } from '../creation.ts';
import { operateOn } from '../services.ts';

export const serviceCreate = defineCommand({
  name: 'service create',
  group: 'Services',
  summary: 'Make the containers of services without starting them',
  description: 'Makes the containers of services and does not start them. One that is there is replaced when its service has\nchanged since.',
  operands: { label: 'NAME…', min: 1, max: 100 },
  options: creationOptions,
  run: async (args, context) => (await operateOn('create', args, context, creationQuery(args, 'service create'))).exitCode,
});
