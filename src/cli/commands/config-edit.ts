import { applyProposal } from '../apply-config.ts';
import { defineCommand } from '../command.ts';
import { tellChange, warnOf } from '../config.ts';
import { editText } from '../edit-text.ts';
import { usageError } from '../parse.ts';

export const configEdit = defineCommand({
  name: 'config edit',
  group: 'Configuration',
  summary: 'Edit cloud-config.yml',
  description: 'Opens cloud-config.yml in $VISUAL, $EDITOR or nano, and saves it when it has no errors; else it says what is wrong and\noffers the text again. "ros config apply" puts it into effect.',
  options: { apply: { type: 'boolean', describe: 'put it into effect at once, as "ros config apply" does' } },
  async run({ options }, context) {
    if (!context.io.stdin.isTty) throw usageError('"ros config edit" needs a terminal', '"ros config set" and "ros config merge" do without');
    const { config } = await context.client();
    const { text, digest } = await config.file();
    const isSaved = await editText({
      what: 'configuration', fileName: 'cloud-config.yml', before: text === '' ? '#cloud-config\n' : text,
      save: async (edited) => {
        const change = await config.replace(edited, digest);
        if (change.valid) await tellChange(change, context); else await warnOf(change.problems, context);
        return change.valid;
      },
    }, context);
    return isSaved && options.apply === true ? applyProposal({}, {}, context) : 0;
  },
});
