import { defineCommand, jsonOption, toJson } from '../command.ts';
import { svgOption, writeDrawing } from '../write-drawing.ts';

export const boot = defineCommand({
  name: 'boot',
  group: 'Machine',
  summary: 'Show where the time of this boot went',
  description: 'Shows the timeline of this boot, in seconds since the kernel started: phases, their tasks, the services,\nand the milestones (*).',
  options: {
    svg: svgOption,
    json: jsonOption,
  },
  async run({ options }, { io, print, client }) {
    const report = await (await client()).boot();
    if (options.svg !== undefined) {
      const { drawBoot } = await import('../boot-svg.ts');
      return writeDrawing(options.svg, drawBoot(report), print);
    }
    if (options.json === true) return print(toJson(report));
    const { bootChart } = await import('../boot-chart.ts');
    return print(bootChart(report, io.columns));
  },
});
