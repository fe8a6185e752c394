import { RosError } from '../../lib/errors.ts';
import type { BootParametersChange } from '../../api/types.ts';
import { defineCommand, jsonOption, toJson, type Context } from '../command.ts';
import { warnOf } from '../config.ts';
import { editText } from '../edit-text.ts';
import { usageError } from '../parse.ts';
import { reportError } from '../report-error.ts';

const head = `# Kernel parameters of your own, which the boot menu of this machine passes besides those of CorralOS:
# one or more on a line, without quotes. They count from the next start. If it then does not start, the boot menu can change them (e).
`;

export const configSyslinux = defineCommand({
  name: 'config syslinux',
  group: 'Configuration',
  summary: 'Edit the kernel parameters of an installed machine',
  description: 'Opens the kernel parameters of your own, which the boot loader of an installed machine passes, in $VISUAL, $EDITOR or nano.\nThey count from the next start. The name is RancherOS\'s; the boot loader is GRUB.',
  options: {
    set: { type: 'string', value: 'TEXT', describe: 'set them to this, apart by blanks; "" for none' },
    json: { ...jsonOption, describe: 'print JSON; without --set what they are' },
  },
  async run({ options }, context) {
    const { bootParameters } = await context.client();
    if (options.set !== undefined) {
      const change = await bootParameters.replace(wordsOf(options.set));
      if (options.json === true) await context.print(toJson(change)); else await tell(change, context);
      return 0;
    }
    const { parameters, digest, ...more } = await bootParameters.read();
    if (options.json === true) { await context.print(toJson({ ...more, parameters, digest })); return 0; }
    if (!context.io.stdin.isTty) throw usageError('"ros config syslinux" needs a terminal', '"--set TEXT" and "--json" do without');
    await editText({
      what: 'kernel parameters', fileName: 'kernel-parameters', before: `${head}${parameters.map((one) => `${one}\n`).join('')}`,
      save: async (text) => {
        try {
          await tell(await bootParameters.replace(wordsOf(text), digest), context);
          return true;
        } catch (error) {
          if (!(error instanceof RosError) || error.code !== 'ERR_ROS_BAD_REQUEST') throw error;
          await reportError(error, context.io);
          return false;
        }
      },
    }, context);
    return 0;
  },
});

/** One or more on a line; lines with `#` at their beginning are comments. */
function wordsOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => !line.trimStart().startsWith('#')).flatMap((line) => line.split(/\s+/)).filter((word) => word !== '');
}

async function tell({ problems, written }: BootParametersChange, context: Context): Promise<void> {
  await warnOf(problems, context);
  await context.warn(written ? 'note: the kernel parameters count from the next start on' : 'ros: nothing was changed');
}
