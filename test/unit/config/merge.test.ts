import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { merge, type ConfigMap } from '../../../src/config/merge.ts';

const scalar = fc.oneof(fc.string(), fc.integer(), fc.boolean());
const key = fc.oneof({ weight: 5, arbitrary: fc.constantFrom('a', 'b', 'c') }, { weight: 1, arbitrary: fc.string({ maxLength: 3 }) });
const { map } = fc.letrec<{ value: unknown; map: ConfigMap }>((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, fc.array(scalar, { maxLength: 3 }), tie('map')),
  map: fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
}));

describe('merging of layers', () => {
  it('merges maps and replaces lists and scalars', () => {
    expect(merge({ a: { x: 1, y: [1, 2] }, b: 1 }, { a: { y: [3], z: 4 }, b: { c: 1 } })).toEqual({ a: { x: 1, y: [3], z: 4 }, b: { c: 1 } });
  });

  it('takes null as nothing said', () => {
    expect(merge({ a: { x: 1 }, b: 2 }, { a: null, b: null, c: null })).toEqual({ a: { x: 1 }, b: 2 });
  });

  it('drops keys that reach for a prototype', () => {
    const evil = JSON.parse('{"__proto__":{"x":1},"a":{"constructor":{"prototype":{"x":1}}}}') as ConfigMap;
    expect(merge(evil, evil)).toEqual({ a: {} });
    expect(({} as ConfigMap)['x']).toBeUndefined();
  });

  it('leaves a map as it is when nothing is laid on it, and gives the upper one over nothing', () => {
    fc.assert(fc.property(map, (one) => {
      expect(merge(one, {})).toEqual(merge({}, one));
      expect(merge(one, one)).toEqual(merge({}, one));
    }));
  });

  it('always gives the upper layer its way', () => {
    fc.assert(fc.property(map, map, (base, over) => {
      const merged = merge(base, over);
      expect(merge(merged, over)).toEqual(merged);
      for (const name of Object.keys(base)) if (name !== '__proto__' && !Object.hasOwn(over, name)) expect(merged[name]).toEqual(base[name]);
    }));
  });

  it('gives the same whichever two of three layers are merged first', () => {
    // Not for a map over a scalar over a map: there the scalar in the middle cuts, or does not.
    const flat = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), scalar);
    const layer = fc.record({ plain: flat, list: fc.array(scalar), deep: fc.record({ deeper: flat }) }, { requiredKeys: [] });
    fc.assert(fc.property(layer, layer, layer, (one, two, three) => {
      expect(merge(merge(one, two), three)).toEqual(merge(one, merge(two, three)));
    }));
  });

  it('changes neither layer and shares nothing with them', () => {
    fc.assert(fc.property(map, map, (base, over) => {
      const before = structuredClone([base, over]);
      const merged = merge(base, over);
      scribble(merged);
      expect([base, over]).toEqual(before);
    }));
  });
});

function scribble(value: unknown): void {
  if (Array.isArray(value)) value.push('scribble');
  else if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) scribble(inner);
    (value as ConfigMap)['scribble'] = true;
  }
}
