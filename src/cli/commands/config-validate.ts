import { defineCommand, jsonOption, toJson } from '../command.ts';
import { inputOption, problemText, readGiven } from '../config.ts';

export const configValidate = defineCommand({
  name: 'config validate',
  group: 'Configuration',
  summary: 'Check a cloud-config',
  description: 'Checks a file, what comes in, or (at a terminal, with neither) all of this machine\'s configuration, and prints what is\nwrong and where. The exit code is 1 when something is; keys that are right and not active yet are told as notes.',
  operands: { label: 'FILE', min: 0, max: 1 },
  options: { input: inputOption, json: jsonOption },
  async run({ names: [file], options }, context) {
    const given = await readGiven(options.input, file, 'config validate', context);
    const judgement = await (await context.client()).config.validate(given?.text, given?.origin ?? 'the configuration');
    if (options.json === true) await context.print(toJson(judgement));
    else await context.print(judgement.problems.map(problemText).join(''));
    return judgement.valid ? 0 : 1;
  },
});
