import { defineCommand } from '../command.ts';
import { endMachine, forceOption } from '../end-machine.ts';

export const poweroff = defineCommand({
  name: 'poweroff',
  group: 'Power',
  summary: 'Switch the machine off',
  description: 'Stops all services and containers in order, then switches the machine off.',
  options: { force: forceOption },
  run: ({ options }, context) => endMachine('poweroff', options.force === true, context),
});
