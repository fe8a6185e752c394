/** What every picture of the services begins with. */
import type { ServiceGraph } from '../api/types.ts';

export type GraphNode = ServiceGraph['nodes'][number];
export type GraphEdge = ServiceGraph['edges'][number];

/** The services of each level, lowest level and first name first; a level that has none is left out. */
export function levelsOf({ nodes }: ServiceGraph): readonly (readonly GraphNode[])[] {
  const levels = new Map<number, GraphNode[]>();
  for (const node of nodes.toSorted((a, b) => a.level - b.level || (a.name < b.name ? -1 : 1))) levels.set(node.level, [...levels.get(node.level) ?? [], node]);
  return [...levels.values()];
}

/** What a service starts after, by name. */
export function needsOf({ edges }: ServiceGraph, name: string): readonly GraphEdge[] {
  return edges.filter(({ from }) => from === name).toSorted((a, b) => (a.to < b.to ? -1 : 1));
}
