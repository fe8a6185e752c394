/** The order of the services as a drawing: a column a level, from left to right, and a curve from each service to what it starts after. */
import type { ServiceGraph, ServiceState } from '../api/types.ts';
import { levelsOf, needsOf, type GraphEdge, type GraphNode } from './graph.ts';
import { escape, fixed, shorten } from './svg.ts';

const margin = 24;
const top = 84;
const boxHeight = 40;
const rowHeight = 60;
const columnGap = 96;
const longestName = 28;
const legendWidth = 100;

/** What a state means: it is well, on its way, off, or in trouble. */
const kinds = {
  up: { colour: '#2b8a3e', fill: '#ebfbee', states: ['running', 'healthy'] },
  'on its way': { colour: '#3b5bdb', fill: '#edf2ff', states: ['waiting', 'starting', 'stopping'] },
  off: { colour: '#868e96', fill: '#f1f3f5', states: ['stopped'] },
  'in trouble': { colour: '#c92a2a', fill: '#fff5f5', states: ['unhealthy', 'backoff', 'parked', 'failed'] },
} as const satisfies Record<string, { colour: string; fill: string; states: readonly ServiceState[] }>;

const dashes = { started: '1 4', healthy: '', completed: '7 4' } as const satisfies Record<GraphEdge['condition'], string>;

interface Box { readonly node: GraphNode; readonly x: number; readonly y: number; readonly width: number }

export function drawGraph(graph: ServiceGraph): string {
  const columns = place(arrange(graph));
  const boxes = columns.flat();
  const width = Math.max(7 * legendWidth, ...boxes.map((box) => box.x + box.width)) + margin;
  const height = top + Math.max(0, ...columns.map(({ length }) => length)) * rowHeight + margin;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${fixed(width)}" height="${height}" viewBox="0 0 ${fixed(width)} ${height}" font-family="sans-serif" font-size="12">`,
    '<title>Services in the order of their start</title>',
    `<rect width="${fixed(width)}" height="${height}" fill="#ffffff"/>`,
    `<text x="${margin}" y="30" font-size="16" font-weight="bold">Services in the order of their start</text>`,
    ...legend(),
    ...curves(graph, boxes),
    ...boxes.flatMap(draw),
    '</svg>\n',
  ].join('\n');
}

/** Each service at about the height of what it starts after: few curves cross then. */
function arrange(graph: ServiceGraph): readonly (readonly GraphNode[])[] {
  const heights = new Map<string, number>();
  return levelsOf(graph).map((nodes) => {
    const wanted = new Map(nodes.map(({ name }) => {
      const above = needsOf(graph, name).map(({ to }) => heights.get(to)).filter((height) => height !== undefined);
      return [name, above.length === 0 ? 0 : above.reduce((sum, height) => sum + height, 0) / above.length];
    }));
    const arranged = nodes.toSorted((a, b) => (wanted.get(a.name) ?? 0) - (wanted.get(b.name) ?? 0));
    arranged.forEach(({ name }, row) => { heights.set(name, row - (arranged.length - 1) / 2); });
    return arranged;
  });
}

/** Columns as wide as their longest name, short ones in the middle of the tall ones. */
function place(columns: readonly (readonly GraphNode[])[]): readonly (readonly Box[])[] {
  const rows = Math.max(0, ...columns.map(({ length }) => length));
  let left = margin;
  return columns.map((nodes) => {
    const x = left;
    const width = Math.max(96, 32 + 7.5 * Math.min(longestName, Math.max(...nodes.map(({ name }) => name.length))));
    left += width + columnGap;
    return nodes.map((node, row) => ({ node, x, y: top + (row + (rows - nodes.length) / 2) * rowHeight, width }));
  });
}

function draw({ node, x, y, width }: Box): string[] {
  const { colour, fill } = kindOf(node.state);
  return [
    `<g><title>${escape(`${node.name}: ${node.state}`)}</title>`,
    `<rect x="${fixed(x)}" y="${fixed(y)}" width="${fixed(width)}" height="${boxHeight}" rx="6" fill="${fill}" stroke="${colour}" stroke-width="1.5"${node.scope === 'user' ? ' stroke-dasharray="6 3"' : ''}/>`,
    `<text x="${fixed(x + width / 2)}" y="${fixed(y + 17)}" text-anchor="middle" font-weight="bold">${escape(shorten(node.name, longestName))}</text>`,
    `<text x="${fixed(x + width / 2)}" y="${fixed(y + 32)}" text-anchor="middle" fill="${colour}">${node.state}</text></g>`,
  ];
}

function kindOf(state: ServiceState): { colour: string; fill: string } {
  return Object.values(kinds).find(({ states }) => (states as readonly ServiceState[]).includes(state)) ?? kinds.off;
}

/** From the right side of what is first to the left side of what comes after it. */
function curves({ edges }: ServiceGraph, boxes: readonly Box[]): string[] {
  const at = new Map(boxes.map((box) => [box.node.name, box]));
  const ends = edges.flatMap((edge) => {
    const [first, after] = [at.get(edge.to), at.get(edge.from)];
    return first === undefined || after === undefined ? [] : [{ edge, first, after }];
  });
  return ends.map(({ edge: { from, to, condition }, first, after }) => {
    const [x1, x2] = [first.x + first.width, after.x];
    const y1 = portOf(first, after, ends.filter((other) => other.first === first).map((other) => other.after));
    const y2 = portOf(after, first, ends.filter((other) => other.after === after).map((other) => other.first));
    const bend = Math.max(32, (x2 - x1) / 2);
    const path = `M${fixed(x1)} ${fixed(y1)} C${fixed(x1 + bend)} ${fixed(y1)} ${fixed(x2 - bend)} ${fixed(y2)} ${fixed(x2)} ${fixed(y2)}`;
    return `<path d="${path}" ${stroke(dashes[condition])}><title>${escape(`${from} starts when ${to} is ${condition}`)}</title></path>`;
  });
}

/** The height at a side of `box` for the curve to `other`: a little apart from those to all `others`, in their order. */
function portOf(box: Box, other: Box, others: readonly Box[]): number {
  const index = others.toSorted((a, b) => a.y - b.y || a.x - b.x).indexOf(other);
  return box.y + boxHeight / 2 + (index - (others.length - 1) / 2) * Math.min(8, (boxHeight - 12) / others.length);
}

function legend(): string[] {
  const y = 50;
  const x = (index: number): number => margin + index * legendWidth;
  return [
    ...Object.entries(kinds).map(([kind, { colour, fill }], index) =>
      `<rect x="${x(index)}" y="${y}" width="12" height="12" rx="3" fill="${fill}" stroke="${colour}"/><text x="${x(index) + 18}" y="${y + 10}">${kind}</text>`),
    ...Object.entries(dashes).map(([condition, dash], index) =>
      `<path d="M${x(index + 4)} ${y + 6} h24" ${stroke(dash)}/><text x="${x(index + 4) + 30}" y="${y + 10}">${condition}</text>`),
  ];
}

function stroke(dash: string): string {
  return `fill="none" stroke="#868e96" stroke-width="1.5"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}`;
}
