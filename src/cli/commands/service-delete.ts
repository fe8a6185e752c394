import { defineCommand, jsonOption } from '../command.ts';
import { withdraw } from '../services.ts';

export const serviceDelete = defineCommand({
  name: 'service delete',
  group: 'Services',
  summary: 'Forget services that were enabled or disabled',
  description: 'Forgets what "enable" and "disable" were told of services. Those of a repository can be enabled again.',
  operands: { label: 'NAME…', min: 1, max: 100 },
  options: { json: jsonOption },
  run: (args, context) => withdraw('delete', args, context),
});
