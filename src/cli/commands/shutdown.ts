import { RosError } from '../../lib/errors.ts';
import { defineCommand } from '../command.ts';
import { endMachine, forceOption } from '../end-machine.ts';
import { usageError } from '../parse.ts';

export const shutdown = defineCommand({
  name: 'shutdown',
  group: 'Power',
  summary: 'Switch off, restart or halt the machine now',
  description: 'Ends the machine now, as "poweroff" does unless an option says otherwise. Only "now" (or "+0") is a time it knows.',
  operands: { label: 'now', min: 0, max: 100 },
  options: {
    poweroff: { type: 'boolean', alias: ['h', 'P'], describe: 'switch off: what it does anyway' },
    reboot: { type: 'boolean', alias: ['r'], describe: 'restart' },
    halt: { type: 'boolean', alias: ['H'], describe: 'stop and stay switched on' },
    cancel: { type: 'boolean', alias: ['c'], describe: 'not possible: a shutdown begins at once' },
    force: forceOption,
  },
  async run({ names, options }, context) {
    if (options.cancel === true) throw new RosError('ERR_ROS_UNSUPPORTED', 'cannot cancel a shutdown: it begins at once, there is never one that waits');
    const [time = 'now'] = names;
    if (time !== 'now' && time !== '+0') throw usageError(`cannot shut down at "${time}": only "now" is possible`, 'shutdown -h now');
    await endMachine(options.reboot === true ? 'reboot' : options.halt === true ? 'halt' : 'poweroff', options.force === true, context);
  },
});
