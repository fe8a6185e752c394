/** The order of the services as text, and as Graphviz reads it. */
import type { ServiceGraph } from '../api/types.ts';
import { oneLine, table } from './format.ts';
import { levelsOf, needsOf } from './graph.ts';

/** A line a level, then a line a service that starts after others. */
export function graphText(graph: ServiceGraph): string {
  const levels = levelsOf(graph);
  const needs = levels.flat().flatMap(({ name }) => {
    const after = needsOf(graph, name).map(({ to, condition }) => `${oneLine(to)} (${condition})`);
    return after.length === 0 ? [] : [[oneLine(name), `after ${after.join(', ')}`]];
  });
  return [
    table(levels.map((nodes, index) => [String(index + 1), nodes.map(({ name }) => oneLine(name)).join(' ')])),
    table(needs),
  ].filter((part) => part !== '').join('\n');
}

/** Arrows lead from a service to what it starts after; the first to start is on the left. */
export function graphDot(graph: ServiceGraph): string {
  const levels = levelsOf(graph);
  return [
    'digraph services {',
    '  rankdir=RL;',
    '  node [shape=box, style=rounded, fontname="sans-serif"];',
    ...levels.flat().map(({ name, state, scope }) => `  ${quoted(name)} [label=${quoted(`${name}\n${state}`)}${scope === 'user' ? ', style="rounded,dashed"' : ''}];`),
    ...levels.map((nodes) => `  { rank=same; ${nodes.map(({ name }) => `${quoted(name)};`).join(' ')} }`),
    ...levels.flat().flatMap(({ name }) => needsOf(graph, name)).map(({ from, to, condition }) => `  ${quoted(from)} -> ${quoted(to)} [label=${quoted(condition)}];`),
    '}\n',
  ].join('\n');
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`;
}
