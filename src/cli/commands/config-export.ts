import { causeOf, RosError } from '../../lib/errors.ts';
import { defineCommand, jsonOption, toJson } from '../command.ts';
import { privateOption, toYaml } from '../config.ts';

export const configExport = defineCommand({
  name: 'config export',
  group: 'Configuration',
  summary: 'Print what distinguishes this machine, as a cloud-config',
  description: 'Prints the configuration of this machine without what every machine has, as a cloud-config for another one. Secrets\nand the ssh host keys are left out.',
  options: {
    output: { type: 'string', alias: ['o'], value: 'FILE', describe: 'write it to FILE, which only its owner may read (0400)' },
    private: { ...privateOption, describe: 'with passwords, keys and tokens' },
    full: { type: 'boolean', alias: ['f'], describe: 'with what comes with the system, too' },
    json: jsonOption,
  },
  async run({ options }, { print, warn, client }) {
    const { config, leftOut } = await (await client()).config.export({ full: options.full === true, secrets: options.private === true });
    const text = options.json === true ? toJson(config) : `#cloud-config\n${Object.keys(config as object).length === 0 ? '' : await toYaml(config)}`;
    if (options.output === undefined) await print(text);
    else await writeOutput(options.output, text);
    if (leftOut.length > 0) await warn(`ros: left out as secret: ${leftOut.join(', ')} (--private keeps them)`);
  },
});

async function writeOutput(file: string, text: string): Promise<void> {
  const [{ basename, dirname, resolve }, { stat }, { writeFiles }] = await Promise.all([import('node:path'), import('node:fs/promises'), import('../write-files.ts')]);
  const path = resolve(file);
  await stat(dirname(path)).catch((error: unknown) => { throw new RosError('ERR_ROS_WRITE', `cannot write file "${file}": ${causeOf(error)}`, { cause: error }); });
  await writeFiles(dirname(path), [{ name: basename(path), text, mode: 0o400 }], { uid: 0, gid: 0 });
}
