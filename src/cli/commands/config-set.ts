import { defineCommand, jsonOption, toJson } from '../command.ts';
import { applyProposal } from '../apply-config.ts';
import { tellChange } from '../config.ts';

export const configSet = defineCommand({
  name: 'config set',
  group: 'Configuration',
  summary: 'Set a value in cloud-config.yml',
  description: 'Sets a value in /var/lib/rancher/conf/cloud-config.yml, whose comments stay. The value is YAML ("[a, b]", "{a: b}", yes)\nor else text; "null" removes the key. Nothing is written that would have errors.\n"ros config apply" puts it into effect, and so does the next boot.',
  operands: { label: 'KEY VALUE', min: 2, max: 2 },
  options: {
    apply: { type: 'boolean', describe: 'put it into effect at once, as "ros config apply" does' },
    json: jsonOption,
  },
  async run({ names: [key = '', value = ''], options }, context) {
    const change = await (await context.client()).config.set(key, value);
    if (options.json === true) await context.print(toJson(change));
    const exitCode = options.json === true ? Number(!change.valid) : await tellChange(change, context);
    return exitCode !== 0 || options.apply !== true ? exitCode : applyProposal({}, options, context);
  },
});
