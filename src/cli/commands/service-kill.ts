import { defineCommand, jsonOption } from '../command.ts';
import { actOn } from '../services.ts';

export const serviceKill = defineCommand({
  name: 'service kill',
  group: 'Services',
  summary: 'Send a signal to services',
  description: 'Sends a signal to the first process of services. One that dies of it is started again, as after every failure.',
  operands: { label: 'NAME…', min: 1, max: 100 },
  options: {
    signal: { type: 'string', alias: ['s'], value: 'SIGNAL', describe: 'the signal, such as SIGHUP (SIGKILL)' },
    json: jsonOption,
  },
  run: (args, context) => actOn('kill', args, context, { signal: args.options.signal ?? 'SIGKILL' }),
});
