import fc from 'fast-check';
import { dump } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { mergeInYaml } from '../../../src/config/edit-merge.ts';
import { merge, type ConfigMap } from '../../../src/config/merge.ts';
import { parseYaml, plainValue, YamlError } from '../../../src/config/yaml.ts';

const read = (text: string): unknown => plainValue(parseYaml(text));

describe('merging into a text', () => {
  it('merges maps key by key, replaces lists and scalars, and keeps comments', () => {
    const text = '#cloud-config\nhostname: a # mine\nrancher:\n  # what it runs\n  ssh: {port: 22}\n  modules: [x] # few\n  debug: true\n';
    const over = 'rancher:\r\n  modules:\r\n    - v\r\n    - w\r\n  ssh:\r\n    daemon: no\r\n  debug:\r\nruncmd: [a]\r\n';
    expect(mergeInYaml(text, over)).toBe(`#cloud-config
hostname: a # mine
rancher:
  # what it runs
  ssh: {port: 22, daemon: no}
  modules: # few
    - v
    - w
  debug: true
runcmd:
  - a
`);
  });

  it('takes the other text as it is where there is nothing yet, its comments too', () => {
    const over = '#cloud-config\n# a kitchen\nhostname: kitchen   # not the cellar\'s';
    expect(mergeInYaml('', over)).toBe(`${over}\n`);
    expect(mergeInYaml('#cloud-config\n', over)).toBe(`${over}\n`);
    expect(mergeInYaml('#cloud-config\n# keep me\n', 'hostname: a\n')).toBe('#cloud-config\n# keep me\nhostname: a\n');
  });

  it('leaves a text alone that says so already', () => {
    const text = 'a: {b: yes} # c\n';
    expect(mergeInYaml(text, 'a:\n  b: true\n')).toBe(text);
    expect(mergeInYaml(text, '')).toBe(text);
  });

  it('replaces a scalar by a map and a map by a scalar', () => {
    expect(read(mergeInYaml('a: 1\nb: {c: 2}\n', 'a: {x: {y: 1}}\nb: 3\n'))).toEqual({ a: { x: { y: 1 } }, b: 3 });
  });

  it('throws when either is no YAML', () => {
    expect(() => mergeInYaml('a: [', 'b: 1')).toThrow(YamlError);
    expect(() => mergeInYaml('b: 1', '\tb: [')).toThrow(YamlError);
  });

  it('takes no longer than it must for a thousand values', () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`NAME_${index}`, 'x'.repeat(100)]));
    const started = performance.now();
    expect(read(mergeInYaml('hostname: a\nrancher: {environment: {A: b}}\n', dump({ rancher: { environment: many } })))).toEqual({ hostname: 'a', rancher: { environment: { A: 'b', ...many } } });
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('says what merging the values says, whatever they are', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'x.y', '12', 'on');
    const { map } = fc.letrec((tie) => ({
      map: fc.dictionary(key, tie('value'), { maxKeys: 4 }),
      value: fc.oneof({ depthSize: 'small' }, fc.string(), fc.integer(), fc.boolean(), fc.array(tie('value'), { maxLength: 3 }), tie('map')),
    }));
    fc.assert(fc.property(map, map, fc.constantFrom(-1, 0, 1), (base, over, flowLevel) => {
      const text = `# head\n${dump(base, { flowLevel })}`;
      expect(read(mergeInYaml(text, dump(over)))).toEqual(merge(base as ConfigMap, over as ConfigMap));
    }), { numRuns: 200 });
  });
});
