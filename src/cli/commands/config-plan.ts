import { defineCommand, jsonOption, toJson } from '../command.ts';
import { planText, readInput, warnOf } from '../config.ts';

export const configPlan = defineCommand({
  name: 'config plan',
  group: 'Configuration',
  summary: 'Tell what applying would change',
  description: 'Tells what "ros config apply" would change on the running machine, what it would restart and what has to wait for the\nnext boot. With a FILE ("-": what comes in): as if that were merged into the configuration. Changes nothing.',
  operands: { label: 'FILE', min: 0, max: 1 },
  options: {
    replace: { type: 'boolean', describe: 'as if FILE stood in the place of cloud-config.yml' },
    json: jsonOption,
  },
  async run({ names: [file], options }, context) {
    const given = file === undefined ? {} : await readInput(file, context);
    const plan = await (await context.client()).config.plan({ ...given, ...(options.replace === true && { replace: true }) });
    if (options.json === true) await context.print(toJson(plan));
    else {
      await warnOf(plan.problems, context);
      if (plan.valid) await context.print(planText(plan));
    }
    return plan.valid ? 0 : 1;
  },
});
