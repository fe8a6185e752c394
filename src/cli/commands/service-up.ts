import { defineCommand, type Context } from '../command.ts';
import { creationOptions, creationQuery } from '../creation.ts';
import { followLogs, tailWithSince } from '../follow-logs.ts';
import { usageError } from '../parse.ts';
import { actOn, operateOn } from '../services.ts';

export const serviceUp = defineCommand({
  name: 'service up',
  group: 'Services',
  summary: 'Create and start services',
  description: 'Makes the containers of services and starts them, what they need first. One that is there is replaced when its\nservice has changed since.',
  operands: { label: 'NAME…', min: 1, max: 100 },
  options: {
    foreground: { type: 'boolean', describe: 'print what they log until Ctrl-C, then stop them' },
    ...creationOptions,
  },
  async run(args, context) {
    const query = creationQuery(args, 'service up');
    if (args.options.foreground !== true) return (await operateOn('up', args, context, query)).exitCode;
    if (args.options.json === true) throw usageError('"--foreground" and "--json" do not go together', 'ros service up --help');
    const since = Math.floor(context.io.now().getTime() / 1000);
    const { exitCode, outcomes } = await operateOn('up', args, context, query);
    const names = [...new Set(outcomes.flatMap(({ services }) => services.map(({ name }) => name)))];
    return names.length === 0 ? exitCode : Math.max(exitCode, await attend(names, since, context));
  },
});

/** Prints their lines; Ctrl-C stops them, the last one first. */
async function attend(names: readonly string[], since: number, context: Context): Promise<number> {
  const exitCode = await followLogs(names, { tail: tailWithSince, since }, false, context);
  if (!context.io.signal.aborted) return exitCode;
  return actOn('stop', { names: names.toReversed(), options: {} }, context.uninterrupted());
}
