import { defineCommand } from '../command.ts';
import { endMachine, forceOption } from '../end-machine.ts';

export const halt = defineCommand({
  name: 'halt',
  group: 'Power',
  summary: 'Stop the machine and leave it switched on',
  description: 'Stops all services and containers in order, then the processor; the machine stays switched on.',
  options: {
    force: forceOption,
    poweroff: { type: 'boolean', alias: ['p', 'P'], describe: 'switch off instead' },
    reboot: { type: 'boolean', alias: ['r'], describe: 'restart instead' },
    halt: { type: 'boolean', alias: ['H'], describe: 'halt: what it does anyway' },
  },
  run: ({ options }, context) =>
    endMachine(options.reboot === true ? 'reboot' : options.poweroff === true ? 'poweroff' : 'halt', options.force === true, context),
});
