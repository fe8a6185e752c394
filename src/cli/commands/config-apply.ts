import { applyProposal } from '../apply-config.ts';
import { defineCommand, jsonOption } from '../command.ts';
import { readInput, secondsOf } from '../config.ts';
import { usageError } from '../parse.ts';

export const configApply = defineCommand({
  name: 'config apply',
  group: 'Configuration',
  summary: 'Put the configuration into effect',
  description: 'Puts the configuration into effect on the running machine: only what differs, after telling what that is. With a FILE\n("-": what comes in) that is merged into cloud-config.yml first. The exit code is 1 when a part of it failed.\nOn trial everything is undone when its time is over, unless "ros config confirm" is called: a change to the network\nthat cuts you off heals by itself.',
  operands: { label: 'FILE', min: 0, max: 1 },
  options: {
    try: { type: 'string', value: 'TIME', describe: 'on trial for TIME (60s, 2m): undone unless confirmed' },
    replace: { type: 'boolean', describe: 'FILE takes the place of cloud-config.yml' },
    force: { type: 'boolean', alias: ['f'], describe: 'do not ask before services are restarted' },
    json: jsonOption,
  },
  async run({ names: [file], options }, context) {
    if (options.replace === true && file === undefined) throw usageError('"--replace" needs a FILE', 'ros config apply --help');
    const trySeconds = options.try === undefined ? undefined : secondsOf(options.try, '--try', 'config apply');
    if (trySeconds !== undefined && (trySeconds < 10 || trySeconds > 3600)) throw usageError('a trial takes from 10 s to 1 h', 'ros config apply --try 60s');
    const given = file === undefined ? {} : await readInput(file, context);
    return applyProposal({ ...given, ...(options.replace === true && { replace: true }), ...(trySeconds !== undefined && { trySeconds }) }, options, context);
  },
});
