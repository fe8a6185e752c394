import { RosError } from '../../lib/errors.ts';
import { defineCommand, jsonOption, type Context } from '../command.ts';
import { usageError } from '../parse.ts';
import { actOn } from '../services.ts';

export const serviceRm = defineCommand({
  name: 'service rm',
  group: 'Services',
  summary: 'Remove the containers of services',
  description: 'Removes the containers of services that do not run, after asking. "ros service down" stops them first.',
  operands: { label: 'NAME…', min: 1, max: 100 },
  options: {
    force: { type: 'boolean', alias: ['f'], describe: 'do not ask' },
    volumes: { type: 'boolean', alias: ['v'], describe: 'remove the nameless volumes of the containers too' },
    json: jsonOption,
  },
  async run(args, context) {
    const { names, options } = args;
    if (options.force !== true && !(await isWanted(names, context))) throw new RosError('ERR_ROS_NOT_CONFIRMED', 'nothing was removed');
    return actOn('rm', args, context, { force: options.force === true, volumes: options.volumes === true });
  },
});

async function isWanted(names: readonly string[], { io }: Context): Promise<boolean> {
  if (!io.stdin.isTty) throw usageError('"ros service rm" cannot ask whether it may: nobody sits at a terminal', 'add -f');
  await io.stderr.write(`Remove ${names.join(', ')}? [yN] `);
  return /^y(es)?$/i.test((await io.stdin.readLine() ?? '').trim());
}
