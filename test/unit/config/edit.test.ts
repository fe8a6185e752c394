import fc from 'fast-check';
import { dump, load, type DumpOptions } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { setInYaml, type Scalar } from '../../../src/config/edit.ts';
import { parseYaml, YamlError, type Tree } from '../../../src/config/yaml.ts';

/** Lines as a text. */
const lines = (...all: readonly string[]): string => all.map((line) => `${line}\n`).join('');

const config = lines(
  '#cloud-config',
  '# the kitchen\'s machine',
  'hostname: kitchen   # not the cellar\'s',
  '',
  'rancher:',
  '  # what it runs',
  '  services_include:',
  '    kernel-headers: true # for zfs',
  '    # zfs: true',
  '',
  '  ssh: {port: 22}',
  '  password: "a # b"',
  'ssh_authorized_keys:',
  '- ssh-rsa AAAA me@home',
  '# the end',
);

describe('setting a value that is there', () => {
  it('changes the value and nothing else', () => {
    expect(setInYaml(config, ['rancher', 'services_include', 'kernel-headers'], false)).toBe(config.replace('true # for', 'false # for'));
    expect(setInYaml(config, ['hostname'], 'cellar')).toBe(config.replace('kitchen   #', 'cellar   #'));
    expect(setInYaml(config, ['rancher', 'password'], 'secret')).toBe(config.replace('"a # b"', 'secret'));
  });

  it('changes it inside of braces', () => {
    expect(setInYaml(config, ['rancher', 'ssh', 'port'], 2222)).toBe(config.replace('22}', '2222}'));
    expect(setInYaml('a: {b: "x", c: [1, 2]} # c\n', ['a', 'b'], 'x, y')).toBe('a: {b: \'x, y\', c: [1, 2]} # c\n');
  });

  it('leaves the text alone when it says so already, however it is written', () => {
    expect(setInYaml('rancher: {debug: yes, ssh: {port: 0x16}}\nhostname: "a"\n', ['rancher', 'debug'], true)).toBe('rancher: {debug: yes, ssh: {port: 0x16}}\nhostname: "a"\n');
    expect(setInYaml('hostname: "a"\n', ['hostname'], 'a')).toBe('hostname: "a"\n');
  });

  it.each<[string, Scalar, string]>([
    ['a word', 'plain', 'plain'], ['a word that is a boolean elsewhere', 'yes', "'yes'"], ['a number as text', '0644', "'0644'"], ['nothing', '', "''"],
    ['two lines', 'a\nb', '"a\\nb"'], ['a colon', 'a: b', "'a: b'"], ['a comment', 'a #b', "'a #b'"], ['a number', 1.5, '1.5'], ['a boolean', true, 'true'],
    ['a URL', 'https://a/b?c#d', 'https://a/b?c#d'], ['quotes', `it's "it"`, `it's "it"`], ['a control character', '\u0007', '"\\a"'],
  ])('quotes %s where YAML wants it', (_what, value, written) => {
    expect(setInYaml('# c\nkey: old # comment\n', ['key'], value)).toBe(`# c\nkey: ${written} # comment\n`);
  });

  it.each([
    ['a block with a comment at its head', 'a: |- # c\n  # one\nb: 1\n', 'a: new # c\nb: 1\n'],
    ['a map with a comment at its head', 'a: # c\n  b: 1 # b\n', 'a: new # c\n'],
    ['a literal block', 'a: |\n  one\n  two\n\nb: 1 # b\n', 'a: new\n\nb: 1 # b\n'],
    ['a block that keeps its blank lines', 'a: |+\n  one\n\n\nb: 1 # b\n', 'a: new\nb: 1 # b\n'],
    ['a folded block at the end', '# c\nb: 1\na: >-\n  one\n  two\n', '# c\nb: 1\na: new\n'],
    ['a plain value over lines', 'a: one\n  two # c\nb: 1\n', 'a: new # c\nb: 1\n'],
    ['a quoted value over lines', 'a: "one\n  # two"  # c\nb: 1\n', 'a: new  # c\nb: 1\n'],
    ['a value on its own line', 'a:\n  # c\n  one\nb: 1\n', 'a:\n  # c\n  new\nb: 1\n'],
    ['a list', 'a:\n- 1 # one\n- 2\nb: 1 # b\n', 'a: new\nb: 1 # b\n'],
    ['a map', 'a:\n  x: 1\n  y: {z: 2}\nb: 1 # b\n', 'a: new\nb: 1 # b\n'],
    ['a list in brackets', 'a: [1, # one\n  2,\n ]  # c\nb: 1\n', 'a: new  # c\nb: 1\n'],
    ['nothing', 'a:   # c\nb: 1\n', 'a: new   # c\nb: 1\n'],
    ['null', 'a: ~ # c\nb: 1\n', 'a: new # c\nb: 1\n'],
    ['an alias', 'b: &x 1\na: *x # c\n', 'b: &x 1\na: new # c\n'],
    ['a tagged value', 'a: !!str 5 # c\n', 'a: new # c\n'],
  ])('replaces %s', (_what, text, expected) => {
    expect(setInYaml(text, ['a'], 'new')).toBe(expected);
  });
});

describe('setting a value that is not there', () => {
  it('puts it behind the last key of the innermost map there is, below the comments that belong to that', () => {
    expect(setInYaml(config, ['rancher', 'services_include', 'open-iscsi'], true)).toBe(config.replace('    # zfs: true\n', '    # zfs: true\n    open-iscsi: true\n'));
    expect(setInYaml(config, ['rancher', 'debug'], true)).toBe(config.replace('"a # b"\n', '"a # b"\n  debug: true\n'));
    expect(setInYaml(config, ['runcmd'], 'x')).toBe(`${config}runcmd: x\n`);
    expect(setInYaml(config, ['rancher', 'ssh', 'daemon'], false)).toBe(config.replace('{port: 22}', '{port: 22, daemon: false}'));
  });

  it('makes the parents that are missing, indented as the file is', () => {
    expect(setInYaml('rancher:\n    ssh:\n        port: 22\n', ['rancher', 'upgrade', 'policy'], 'auto'))
      .toBe('rancher:\n    ssh:\n        port: 22\n    upgrade:\n        policy: auto\n');
    expect(setInYaml('hostname: a\n', ['rancher', 'ssh', 'port'], 22)).toBe('hostname: a\nrancher:\n  ssh:\n    port: 22\n');
    expect(setInYaml('rancher: {a: 1}\n', ['rancher', 'ssh', 'port'], 22)).toBe('rancher: {a: 1, ssh: {port: 22}}\n');
    expect(setInYaml('rancher: {}\n', ['rancher', 'ssh', 'port'], 22)).toBe('rancher: {ssh: {port: 22}}\n');
  });

  it('fills a key that has no value, below the comments under it', () => {
    expect(setInYaml('rancher:\n  services_include: # none yet\n    # zfs: true\n  debug: true\n', ['rancher', 'services_include', 'x'], true))
      .toBe('rancher:\n  services_include: # none yet\n    # zfs: true\n    x: true\n  debug: true\n');
    expect(setInYaml('rancher: null # c\nhostname: a', ['rancher', 'debug'], true)).toBe('rancher: # c\n  debug: true\nhostname: a');
    expect(setInYaml('rancher:', ['rancher', 'debug'], true)).toBe('rancher:\n  debug: true\n');
    expect(setInYaml('{rancher:}\n', ['rancher', 'debug'], true)).toBe('{rancher: {debug: true}}\n');
  });

  it('begins a file that has nothing in it', () => {
    expect(setInYaml('', ['rancher', 'debug'], true)).toBe('#cloud-config\nrancher:\n  debug: true\n');
    expect(setInYaml('\n  \n', ['hostname'], 'a')).toBe('#cloud-config\nhostname: a\n');
    expect(setInYaml('#cloud-config', ['hostname'], 'a')).toBe('#cloud-config\nhostname: a\n');
    expect(setInYaml('#cloud-config\n#\tall of it\n# hostname: b\n', ['hostname'], 'a')).toBe('#cloud-config\n#\tall of it\n# hostname: b\nhostname: a\n');
    expect(setInYaml('#cloud-config\n---\n', ['hostname'], 'a')).toBe('#cloud-config\n---\nhostname: a\n');
  });

  it('quotes keys where YAML wants it', () => {
    const text = 'rancher:\n  services_include:\n    a: true\n';
    const set = (key: string): string => setInYaml(text, ['rancher', 'services_include', key], true).slice(text.length);
    expect(set('/var/lib/rancher/conf/x.yml')).toBe('    /var/lib/rancher/conf/x.yml: true\n');
    expect(set('https://a/b.yml?c=d#e')).toBe('    https://a/b.yml?c=d#e: true\n');
    expect(set('on')).toBe('    \'on\': true\n');
    expect(set('12')).toBe('    \'12\': true\n');
    expect(set('a: b')).toBe('    \'a: b\': true\n');
    expect(set('#x')).toBe('    \'#x\': true\n');
  });

  it('finds its place among keys that look alike', () => {
    const text = lines('a:', '  b:', '    c: 1', '  d:', '    b:', '      c: 2', 'b:', '  c: 3');
    expect(setInYaml(text, ['a', 'd', 'b', 'c'], 9)).toBe(text.replace('c: 2', 'c: 9'));
    expect(setInYaml(text, ['b', 'c'], 9)).toBe(text.replace('c: 3', 'c: 9'));
    expect(setInYaml(text, ['a', 'b', 'e'], 9)).toBe(text.replace('    c: 1\n', '    c: 1\n    e: 9\n'));
  });

  it('is not led astray by blocks of text', () => {
    const text = lines('a:', '  script: |', '    # no comment', '    b: 1', '', '  # a comment', 'b: 2');
    expect(setInYaml(text, ['a', 'x'], 1)).toBe(text.replace('# a comment\n', '# a comment\n  x: 1\n'));
    expect(setInYaml('a: |+\n  text\n\n', ['b'], 1)).toBe('a: |+\n  text\n\nb: 1\n');
    expect(setInYaml('a: "x\n  # y"', ['b'], 1)).toBe('a: "x\n  # y"\nb: 1\n');
    expect(setInYaml('a: [x, # y\n  ]\n', ['b'], 1)).toBe('a: [x, # y\n  ]\nb: 1\n');
  });
});

describe('removing a value', () => {
  it('takes its lines out', () => {
    expect(setInYaml(config, ['hostname'], undefined)).toBe(config.replace(/^hostname.*\n/m, ''));
    expect(setInYaml(config, ['ssh_authorized_keys'], undefined)).toBe(config.replace(/^ssh_auth.*\n.*\n/m, ''));
    expect(setInYaml('a: |\n  x\n\n  y\n\n# c\nb: 1', ['a'], undefined)).toBe('\n# c\nb: 1');
  });

  it('takes out the maps that are empty then, but none that was empty before', () => {
    expect(setInYaml('a:\n  b:\n    c: 1 # gone\n  d: {}\n# end\n', ['a', 'b', 'c'], undefined)).toBe('a:\n  d: {}\n# end\n');
    expect(setInYaml('#cloud-config\na:\n  b:\n    c: 1\n# end\n', ['a', 'b', 'c'], undefined)).toBe('#cloud-config\n# end\n');
    expect(setInYaml('a: {b: {}, c: 1}\n', ['a', 'b', 'x'], undefined)).toBe('a: {b: {}, c: 1}\n');
  });

  it.each([['a', '{b: 2, c: 3}'], ['b', '{a: 1, c: 3}'], ['c', '{a: 1, b: 2}']])('takes %s out of braces', (key, expected) => {
    expect(setInYaml('x: {a: 1, b: 2, c: 3} # c\n', ['x', key], undefined)).toBe(`x: ${expected} # c\n`);
  });

  it('leaves the text alone when there is no such value', () => {
    for (const path of [['x'], ['hostname', 'x'], ['rancher', 'x', 'y'], ['ssh_authorized_keys', '0']]) expect(setInYaml(config, path, undefined)).toBe(config);
    expect(setInYaml('', ['x'], undefined)).toBe('');
  });
});

describe('files of all kinds', () => {
  it('keeps the line ends of a file from Windows', () => {
    const text = config.replaceAll('\n', '\r\n');
    expect(setInYaml(text, ['rancher', 'a', 'b'], 1)).toBe(text.replace('"a # b"\r\n', '"a # b"\r\n  a:\r\n    b: 1\r\n'));
    expect(setInYaml(text, ['hostname'], 'x')).toBe(text.replace('kitchen   #', 'x   #'));
    expect(setInYaml(text, ['hostname'], undefined)).toBe(text.replace(/^hostname.*\r\n/m, ''));
    expect(setInYaml('a:\r\n  b: |\r\n    x\r\n  c: 1\r\n', ['a', 'b'], 'z')).toBe('a:\r\n  b: z\r\n  c: 1\r\n');
  });

  it('manages without a line end at the end, with tabs in comments and with a byte order mark', () => {
    expect(setInYaml('a: 1\n#\tc', ['b'], 2)).toBe('a: 1\n#\tc\nb: 2\n');
    expect(setInYaml('a: 1\t# c\t', ['a'], 2)).toBe('a: 2\t# c\t');
    expect(setInYaml('\uFEFFa:\n  b: 1\n', ['a', 'c'], 2)).toBe('\uFEFFa:\n  b: 1\n  c: 2\n');
    expect(setInYaml('\uFEFFa: 1\n', ['c'], 2)).toBe('\uFEFFa: 1\nc: 2\n');
  });

  it('writes a file anew that it cannot change safely, with the comments at its head and every value as it was', () => {
    const text = '#cloud-config\n# mine\n\nbase: &base\n  mode: 0644\n  on: yes # lost\nother: *base\n';
    const result = setInYaml(text, ['base', 'mode'], '0600');
    expect(result).toBe(lines('#cloud-config', '# mine', '', 'base:', '  mode: \'0600\'', '  \'on\': yes', 'other:', '  mode: 0644', '  \'on\': yes'));
    expect(setInYaml('a: &x {b: 1}\nc: *x\n', ['c', 'b'], 3)).toBe('#cloud-config\na:\n  b: 1\nc:\n  b: 3\n');
    expect(setInYaml('a: &x {b: 1}\nc:\n  <<: *x\n', ['c', 'b'], undefined)).toBe('#cloud-config\na:\n  b: 1\n');
  });

  it('sets nothing under a value that is no map, and says which', () => {
    expect(() => setInYaml(config, ['hostname', 'x', 'y'], 1)).toThrow('cannot set "hostname.x.y": "hostname" is not a map');
    expect(() => setInYaml(config, ['ssh_authorized_keys', '0'], 'x')).toThrow('"ssh_authorized_keys" is not a map');
    expect(() => setInYaml('- a\n', ['x'], 1)).toThrow('cannot set "x": the document is not a map');
    expect(() => setInYaml('', ['__proto__', 'x'], 1)).toThrow('the key "__proto__" is not allowed');
  });

  it('refuses a text that is no YAML', () => {
    expect(() => setInYaml('a: [\n', ['a'], 1)).toThrow(YamlError);
  });
});

describe('whatever the file', () => {
  const word = fc.oneof(fc.constantFrom('a', 'b', 'c', 'ssh', 'x.yml', '/a/b.yml', 'https://h/x.yml', 'on', '7', '#', 'a b'), fc.string({ minLength: 1, maxLength: 6, unit: 'grapheme-ascii' }));
  const key = word.filter((name) => name !== '__proto__');
  const scalar = fc.oneof(fc.integer(), fc.boolean(), word, fc.constantFrom('', 'yes', '0644', 'a: b', '- x', '"', "'"));
  const { map } = fc.letrec<{ value: unknown; map: Record<string, unknown> }>((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, scalar, fc.constant(null), fc.array(scalar, { maxLength: 2 }), tie('map')),
    map: fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  }));
  const comments = fc.array(fc.record({ at: fc.nat(), indent: fc.nat({ max: 6 }), text: fc.constantFrom('', ' x: 1', '\tt', ' "') }), { maxLength: 6 });
  const path = fc.array(key, { minLength: 1, maxLength: 4 });

  const style = fc.constantFrom({}, { indent: 4 }, { seqNoIndent: true }, { flowLevel: 1 }, { flowLevel: 2 });

  /** `document` as YAML with comment lines anywhere in it. */
  const commented = (document: unknown, notes: readonly { at: number; indent: number; text: string }[], options: DumpOptions): string => {
    const all = dump(document, { lineWidth: -1, ...options }).split('\n');
    for (const { at, indent, text } of notes) all.splice(at % all.length, 0, `${' '.repeat(indent)}#${text}`);
    return all.join('\n');
  };
  /** A path that goes through no value but maps. */
  const canHold = (document: Record<string, unknown>, [first = '', ...rest]: readonly string[]): boolean => {
    const value = Object.hasOwn(document, first) ? document[first] : undefined;
    return rest.length === 0 || value === undefined || value === null || (typeof value === 'object' && !Array.isArray(value) && canHold(value as Record<string, unknown>, rest));
  };
  const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
  const withValue = (document: unknown, [first = '', ...rest]: readonly string[], value: Scalar): unknown => {
    const base = isMap(document) ? document : {};
    return { ...base, [first]: rest.length === 0 ? value : withValue(Object.hasOwn(base, first) ? base[first] : undefined, rest, value) };
  };
  const at = (document: unknown, names: readonly string[]): unknown => names.reduce<unknown>((value, name) => (isMap(value) && Object.hasOwn(value, name) ? value[name] : undefined), document);
  /** Which of `some` are not found in `all` in their order. */
  const lost = (some: readonly string[], all: readonly string[]): string[] => {
    let from = 0;
    return some.filter((line) => {
      const found = all.indexOf(line, from);
      if (found >= 0) from = found + 1;
      return found < 0;
    });
  };

  it('says what it should, and every line is there still but the one that changed', () => {
    fc.assert(fc.property(map, comments, style, path, scalar, (document, notes, options, names, value) => {
      fc.pre(canHold(document, names));
      const text = commented(document, notes, options);
      const result = setInYaml(text, names, value);
      expect(load(result)).toEqual(withValue(document, names, value));
      const old = at(document, names);
      if (typeof old === 'object' && old !== null && Object.keys(old).length > 0) return; // its lines are gone with it
      const written = (line: string): boolean => line.trim() !== '';
      expect(lost(text.split('\n').filter(written), result.split('\n')).length).toBeLessThanOrEqual(1);
      expect(lost(text.split('\n').filter((line) => line.trim().startsWith('#')), result.split('\n'))).toEqual([]);
    }), { numRuns: 1000 });
  });

  it('sets a new value and removes it again without a trace', () => {
    fc.assert(fc.property(map, comments, style, path, (document, notes, options, names) => {
      const parents = names.map((_name, depth) => at(document, names.slice(0, depth))).filter((value) => value !== undefined);
      fc.pre(at(document, names) === undefined && parents.every((parent) => isMap(parent) && Object.keys(parent).length > 0));
      const text = commented(document, notes, options);
      const end = text.endsWith('\n') ? '' : '\n';
      expect([text, text + end]).toContain(setInYaml(setInYaml(text, names, 'value'), names, undefined));
    }), { numRuns: 500 });
  });
});

describe('setting a list or a map', () => {
  const set = (text: string, path: readonly string[], value: string): string => setInYaml(text, path, (parseYaml(`[${value}]`) as Tree[])[0]);

  it('writes it on lines of its own, indented as the file is', () => {
    expect(set('rancher:\n    docker:\n        tls: true # c\n', ['rancher', 'docker', 'extra_args'], '["--x=y", "b: c", 0644]'))
      .toBe('rancher:\n    docker:\n        tls: true # c\n        extra_args:\n            - --x=y\n            - \'b: c\'\n            - 0644\n');
    expect(set('', ['runcmd'], '[a, [b, c]]')).toBe('#cloud-config\nruncmd:\n  - a\n  - - b\n    - c\n');
    expect(set('a:\n', ['a', 'b'], '{c: [1]}')).toBe('a:\n  b:\n    c:\n      - 1\n');
  });

  it('writes it in brackets within brackets, and when there is nothing in it', () => {
    expect(set('rancher: {docker: {x: 1}}\n', ['rancher', 'docker', 'z'], '[a, {b: c}]')).toBe('rancher: {docker: {x: 1, z: [a, {b: c}]}}\n');
    expect(set('a: 1 # c\n', ['a'], '[]')).toBe('a: [] # c\n');
  });

  it.each([
    ['a value', 'a: x # c\nb: 1\n', 'a: # c\n  - 1\n  - 2\nb: 1\n'],
    ['a list', 'a: # c\n- x\n- y # y\nb: 1\n', 'a: # c\n  - 1\n  - 2\nb: 1\n'],
    ['brackets', 'a: [x,\n  y] # c\nb: 1\n', 'a:\n  - 1\n  - 2\nb: 1\n'],
    ['a block', 'a: |- # c\n  x\n  y\n\nb: 1\n', 'a: # c\n  - 1\n  - 2\n\nb: 1\n'],
    ['nothing', 'a:\nb: 1\n', 'a:\n  - 1\n  - 2\nb: 1\n'],
    ['a value at the end of a file without a line end', 'b: 1\na: x', 'b: 1\na:\n  - 1\n  - 2\n'],
    ['a value in a file of another system', 'a: x\r\nb: 1\r\n', 'a:\r\n  - 1\r\n  - 2\r\nb: 1\r\n'],
  ])('replaces %s', (_what, text, expected) => {
    expect(set(text, ['a'], '[1, 2]')).toBe(expected);
  });

  it('leaves the text alone when it says so already', () => {
    const text = 'a: [1, "two", yes]\n';
    expect(set(text, ['a'], '[1, two, true]')).toBe(text);
  });
});
