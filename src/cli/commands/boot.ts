import { defineCommand, jsonOption, toJson } from '../command.ts';

export const boot = defineCommand({
  name: 'boot',
  group: 'Machine',
  summary: 'Show where the time of this boot went',
  description: 'Shows the timeline of this boot, in seconds since the kernel started: phases, their tasks, the services,\nand the milestones (*).',
  options: {
    svg: { type: 'string', value: 'FILE', describe: 'draw it to a file ("-": to the output)' },
    json: jsonOption,
  },
  async run({ options }, { io, print, client }) {
    const report = await (await client()).boot();
    if (options.svg !== undefined) {
      const { drawBoot } = await import('../boot-svg.ts');
      const drawing = drawBoot(report);
      if (options.svg === '-') return print(drawing);
      const { writeFile } = await import('node:fs/promises');
      await writeFile(options.svg, drawing);
      return print(`wrote ${options.svg}\n`);
    }
    if (options.json === true) return print(toJson(report));
    const { bootChart } = await import('../boot-chart.ts');
    return print(bootChart(report, io.columns));
  },
});
