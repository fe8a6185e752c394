import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findCycles, startGroups } from '../../../src/services/order.ts';

const edgesOf = (graph: Record<string, string[]>) => (name: string): string[] => graph[name] ?? [];

describe('findCycles', () => {
  it('names the members of every cycle, and a service that waits for itself', () => {
    const graph = { a: ['b'], b: ['c'], c: ['a'], d: ['a'], e: ['e'], f: [] };
    expect(findCycles(Object.keys(graph), edgesOf(graph))).toEqual([['a', 'b', 'c'], ['e']]);
  });

  it('takes a chain of ten thousand services', () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `s${index}`);
    expect(findCycles(names, (name) => (name === 's0' ? [] : [`s${Number(name.slice(1)) - 1}`]))).toEqual([]);
  });

  it('finds none in any graph whose edges point backwards, and one as soon as an edge closes a path', () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: 30 }), fc.array(fc.tuple(fc.nat(29), fc.nat(29)), { maxLength: 80 }), (count, pairs) => {
      const names = Array.from({ length: count }, (_, index) => `n${index}`);
      const graph: Record<string, string[]> = {};
      for (const [x, y] of pairs) if (x < count && y < x) (graph[`n${x}`] ??= []).push(`n${y}`);
      expect(findCycles(names, edgesOf(graph))).toEqual([]);
      graph['n0'] = [`n${count - 1}`];
      graph[`n${count - 1}`] = [...(graph[`n${count - 1}`] ?? []), 'n0'];
      expect(findCycles(names, edgesOf(graph)).flat()).toContain('n0');
    }));
  });
});

describe('startGroups', () => {
  it('puts what does not wait for each other into one group', () => {
    const graph = { console: ['network', 'syslog'], network: ['udev'], udev: [], syslog: [], ntp: ['network'] };
    expect(startGroups(Object.keys(graph), edgesOf(graph))).toEqual([['syslog', 'udev'], ['network'], ['console', 'ntp']]);
  });
});
