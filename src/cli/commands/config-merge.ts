import { applyProposal } from '../apply-config.ts';
import { defineCommand, jsonOption, toJson } from '../command.ts';
import { inputOption, readGiven, tellChange } from '../config.ts';
import { usageError } from '../parse.ts';

export const configMerge = defineCommand({
  name: 'config merge',
  group: 'Configuration',
  summary: 'Merge a cloud-config into cloud-config.yml',
  description: 'Merges a file, or what comes in, into /var/lib/rancher/conf/cloud-config.yml: maps key by key, lists and single values\nreplace what was there. Nothing is written when either has errors. "ros config apply" puts it into effect.',
  operands: { label: 'FILE', min: 0, max: 1 },
  options: {
    input: inputOption,
    apply: { type: 'boolean', describe: 'put it into effect at once, as "ros config apply" does' },
    json: jsonOption,
  },
  async run({ names: [file], options }, context) {
    const given = await readGiven(options.input, file, 'config merge', context);
    if (given === undefined) throw usageError('"ros config merge" needs a file, or something that comes in', 'ros config merge -i FILE');
    const change = await (await context.client()).config.merge(given.text, given.origin);
    if (options.json === true) await context.print(toJson(change));
    const exitCode = options.json === true ? Number(!change.valid) : await tellChange(change, context);
    return exitCode !== 0 || options.apply !== true ? exitCode : applyProposal({}, options, context);
  },
});
