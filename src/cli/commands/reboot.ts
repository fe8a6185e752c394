import { defineCommand } from '../command.ts';
import { endMachine, forceOption } from '../end-machine.ts';

export const reboot = defineCommand({
  name: 'reboot',
  group: 'Power',
  summary: 'Restart the machine',
  description: 'Stops all services and containers in order, then restarts the machine.',
  options: { force: forceOption },
  run: ({ options }, context) => endMachine('reboot', options.force === true, context),
});
