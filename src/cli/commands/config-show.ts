import { defineCommand, jsonOption, toJson } from '../command.ts';
import { privateOption, toYaml, warnOf } from '../config.ts';

export const configShow = defineCommand({
  name: 'config show',
  group: 'Configuration',
  summary: 'Print the whole configuration in force',
  description: 'Prints the configuration as all layers and the defaults together say it. Secrets are masked.',
  options: {
    origin: { type: 'boolean', describe: 'print a value a line, and behind it which layer said it' },
    private: privateOption,
    json: jsonOption,
  },
  async run({ options }, context) {
    const { config, origins, problems } = await (await context.client()).config.view(options.private === true);
    if (options.json === true) return context.print(toJson({ config, origins, problems }));
    if (options.origin === true) {
      const { originLines } = await import('../definition.ts');
      await context.print(originLines({ definition: config as Readonly<Record<string, unknown>>, origins }));
    } else await context.print(await toYaml(config));
    await warnOf(problems.filter(({ severity }) => severity !== 'note'), context);
  },
});
