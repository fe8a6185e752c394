import { applyProposal } from '../apply-config.ts';
import { defineCommand, jsonOption, toJson } from '../command.ts';
import { tellChange } from '../config.ts';
import { versionOf } from '../version-number.ts';

export const configUndo = defineCommand({
  name: 'config undo',
  group: 'Configuration',
  summary: 'Put an earlier version of cloud-config.yml back',
  description: 'Puts back the version before the last change, or version N ("ros config history"); again goes back further. During a\ntrial it ends that. "ros config apply" puts it into effect, and so does the next boot.',
  operands: { label: 'N', min: 0, max: 1 },
  options: {
    apply: { type: 'boolean', describe: 'put it into effect at once, as "ros config apply" does' },
    json: jsonOption,
  },
  async run({ names: [to], options }, context) {
    const change = await (await context.client()).config.undo(versionOf(to, 'config undo'));
    if (options.json === true) await context.print(toJson(change));
    const exitCode = options.json === true ? Number(!change.valid) : await tellChange(change, context);
    return exitCode !== 0 || options.apply !== true ? exitCode : applyProposal({}, options, context);
  },
});
