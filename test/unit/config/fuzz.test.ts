import { isDeepStrictEqual } from 'node:util';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { mergeInYaml } from '../../../src/config/edit-merge.ts';
import { setInYaml, type Scalar } from '../../../src/config/edit.ts';
import { dhcpcdOptions } from '../../../src/config/dhcpcd-options.ts';
import { readOptionsFile } from '../../../src/config/engine-words.ts';
import { readEngineFile } from '../../../src/config/engine-file.ts';
import { keyOf } from '../../../src/config/datasources/gce.ts';
import { parseNetworkConfig } from '../../../src/config/datasources/network-config.ts';
import { ovfProperties } from '../../../src/config/datasources/vmware.ts';
import { parseKernelCmdline, splitParameters } from '../../../src/config/kernel-cmdline.ts';
import { judgeKey, pathOfKey, valueOfText } from '../../../src/config/key.ts';
import { parseLayer } from '../../../src/config/load.ts';
import { maskSecrets, maskText } from '../../../src/config/secrets.ts';
import { settingsOf } from '../../../src/config/settings.ts';
import { readUserData } from '../../../src/config/user-data.ts';
import { validate } from '../../../src/config/validate.ts';
import { isTreeMap, parseYaml, plainValue, YamlError } from '../../../src/config/yaml.ts';
import { RosError } from '../../../src/lib/errors.ts';
import { anyText, brokenText, cmdline, configTree, longCmdline, longText, marker, messageText, written } from '../../lib/config-texts.ts';
import { corpus, expectPlain, fuzzTimeoutMs, holds, inBoundedTime } from '../../lib/fuzz.ts';

const longLength = 100_000;

/** Whatever a text holds: a configuration and problems come of it, never an exception. */
function layerLaw(text: string): void {
  const { config, problems } = parseLayer(text, 'file');
  expectPlain(config);
  const lines = text.split(/\r\n?|\n/);
  for (const { line, snippet } of problems) {
    if (line !== undefined) expect(line).toBeLessThanOrEqual(lines.length);
    // What is shown of a line is its beginning, and of the line that is meant.
    if (line !== undefined && snippet !== undefined) expect(lines[line - 1]).toContain((snippet.split('\n')[0] ?? '').replace(/ ?…$/, '').trimEnd());
  }
  expectPlain(settingsOf(config));
  expectPlain(maskSecrets(config));
}

describe('any text as a layer of the configuration', { timeout: fuzzTimeoutMs }, () => {
  it.each(corpus('layer'))('is read: %s', async (_what, text) => { await inBoundedTime(() => { layerLaw(text); }); });
  it('is read, or refused with its line', () => holds(brokenText, layerLaw, 400));
  it('is read in bounded time', () => holds(longText(longLength), (text) => inBoundedTime(() => { layerLaw(text); }), 20));

  it('has no value in what is said of it', () => holds(written(configTree({ faults: true })), (text) => {
    expect(JSON.stringify(parseLayer(text, 'file').problems)).not.toContain(marker);
  }, 300));

  it('comes back the same when it is written out and read again', () => holds(configTree({ faults: false }), (tree) => {
    const yaml = (value: unknown): string => dump(value, { lineWidth: -1, noRefs: true });
    const { config } = parseLayer(yaml(tree), 'file');
    expect(parseLayer(yaml(config), 'file')).toMatchObject({ config, valid: true });
  }, 300));
});

function cmdlineLaw(text: string): void {
  const { fragment } = parseKernelCmdline(text);
  expectPlain(fragment);
  const { config } = validate(fragment, 'kernel parameters');
  expectPlain(config);
  settingsOf(config);
}

describe('any kernel parameters', { timeout: fuzzTimeoutMs }, () => {
  it.each(corpus('cmdline'))('are read: %s', async (_what, text) => { await inBoundedTime(() => { cmdlineLaw(text); }); });
  it('are read', () => holds(cmdline, cmdlineLaw, 500));
  it('are read in bounded time', () => holds(longCmdline, (text) => inBoundedTime(() => { cmdlineLaw(text); }), 30));

  it('come apart where they were put together', () => {
    const plain = fc.stringMatching(/^[a-z.]{1,8}(?:=[a-z0-9,/:=.-]{0,8})?$/);
    const quoted = fc.stringMatching(/^[a-z.]{1,8}="[a-z \][{},:]{0,8}"$/);
    const bracketed = fc.stringMatching(/^[a-z.]{1,8}=\[[a-z ,]{0,8}\]$/);
    return holds(fc.array(fc.oneof(plain, quoted, bracketed), { maxLength: 8 }), (words) => { expect(splitParameters(words.join(' '))).toEqual(words); }, 300);
  });
});

const known = (error: unknown): boolean => error instanceof YamlError || (error instanceof RosError && !error.message.includes('could not be written'));

/** The result of an edit, or undefined where it was refused in words. */
function attempt(edit: () => string): string | undefined {
  try {
    return edit();
  } catch (error) {
    if (known(error)) return undefined;
    throw error;
  }
}

function valueAt(text: string, path: readonly string[]): unknown {
  return path.reduce<unknown>((below, step) => (typeof below === 'object' && below !== null && Object.hasOwn(below, step) ? (below as Record<string, unknown>)[step] : undefined), plainValue(parseYaml(text)));
}

function setLaw([text, path, value]: readonly [string, readonly string[], Scalar | undefined]): void {
  const result = attempt(() => setInYaml(text, path, value));
  if (result === undefined) return;
  expectPlain(parseYaml(result));
  expect(valueAt(result, path) ?? undefined).toEqual(value);
}

function mergeLaw([text, over]: readonly [string, string]): void {
  const result = attempt(() => mergeInYaml(text, over));
  if (result === undefined) return;
  expectPlain(parseYaml(result));
  // What was laid on top is all there, at least.
  const leaves = (tree: unknown, above: readonly string[]): (readonly string[])[] =>
    (isTreeMap(tree) ? Object.entries(tree).flatMap(([key, value]) => leaves(value, [...above, key])) : tree === null || Array.isArray(tree) ? [] : [above]);
  for (const path of leaves(parseYaml(over), [])) if (path.length > 0) expect(isDeepStrictEqual(valueAt(result, path), valueAt(over, path)), path.join('.')).toBe(true);
}

describe('a change in any text', { timeout: fuzzTimeoutMs }, () => {
  const paths = fc.array(fc.oneof(fc.constantFrom('rancher', 'hostname', 'users', 'a'), anyText), { minLength: 1, maxLength: 4 });
  const value = fc.oneof(anyText, fc.integer(), fc.boolean(), fc.constant(undefined));

  it.each(corpus('edit'))('is made: %s', (_what, text) => {
    setLaw([text, ['rancher', 'debug'], true]);
    setLaw([text, ['rancher', 'debug'], undefined]);
    mergeLaw([text, 'rancher: {debug: true}\n']);
  });
  it('is made, or refused in words', () => holds(fc.tuple(brokenText, paths, value), setLaw, 400));
  it('is made of a whole configuration, too', () => holds(fc.tuple(written(configTree({ faults: true })), fc.oneof(brokenText, written(configTree({ faults: true })))), mergeLaw, 300));
  it('is made in bounded time', () => holds(longText(longLength), (text) => inBoundedTime(() => { setLaw([text, ['rancher', 'debug'], true]); mergeLaw(['hostname: a\n', text]); }), 15));
});

/** What others hand over, each read by its own reader; what one throws is named behind it. */
const readers: Readonly<Record<string, readonly [read: (text: string) => unknown, throws?: string]>> = {
  'user-data': [async (text) => { for (const bytes of [Buffer.from(text), Buffer.from(Buffer.from(text).toString('base64')), gzipSync(text)]) await readUserData(bytes); }],
  'network-config': [(text) => parseNetworkConfig(text), 'YamlError'],
  'OVF': [(text) => ovfProperties(text)],
  'a key of GCE': [(text) => keyOf(text, new Date(0))],
  'conf/docker': [(text) => readOptionsFile(text)],
  'daemon.json': [(text) => readEngineFile(text, 'daemon.json')],
  'dhcp_args': [(text) => dhcpcdOptions(text)],
  'a key and a value of a command line': [(text) => { const path = pathOfKey(text, {}); judgeKey(path); valueOfText(path, text); }, 'RosError'],
  'a text with secrets': [(text) => maskText(text)],
};

describe.each(Object.entries(readers))('%s', { timeout: fuzzTimeoutMs }, (_name, [read, throws]) => {
  const law = async (text: string): Promise<void> => {
    try {
      await read(text);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== throws) throw error;
    }
  };
  it('is read, whatever it is', () => holds(fc.oneof(messageText(0), brokenText), law, 150));
  it('is read in bounded time', () => holds(messageText(longLength), (text) => inBoundedTime(() => law(text)), 12));
});
