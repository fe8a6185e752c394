import { defineCommand, jsonOption, toJson } from '../command.ts';
import { svgOption, writeDrawing } from '../write-drawing.ts';

export const serviceGraph = defineCommand({
  name: 'service graph',
  group: 'Services',
  summary: 'Show in which order services start, and why',
  description: 'Shows in which order services start: those of a line together, each after what it needs.',
  options: {
    dot: { type: 'boolean', describe: 'print it for Graphviz' },
    svg: svgOption,
    json: jsonOption,
  },
  async run({ options }, { print, client }) {
    const graph = await (await client()).graph();
    if (options.svg !== undefined) {
      const { drawGraph } = await import('../graph-svg.ts');
      return writeDrawing(options.svg, drawGraph(graph), print);
    }
    if (options.json === true) return print(toJson(graph));
    const { graphDot, graphText } = await import('../graph-text.ts');
    return print(options.dot === true ? graphDot(graph) : graphText(graph));
  },
});
