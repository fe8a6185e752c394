/**
 * YAML as cloud-config means it. RancherOS read YAML 1.1 (`yes` is true, `0644` is octal), js-yaml reads 1.2, and
 * either loses what was written where the schema wants text (`hostname: 007`). So an unquoted scalar that is not plainly
 * a string stays a `Plain`: its text and what YAML 1.1 makes of it. The schema, which knows better, chooses.
 */
import {
  boolYaml11Tag, CORE_SCHEMA, defineMappingTag, defineScalarTag, floatCoreTag, intCoreTag, intYaml11Tag, loadAll, mapTag,
  mergeTag, NOT_RESOLVED, YAMLException, type ScalarTagDefinition,
} from 'js-yaml';
import { isForbiddenKey } from './merge.ts';

/** An unquoted scalar that YAML would not read as a string. */
export class Plain {
  readonly text: string;
  readonly value: boolean | number;
  constructor(text: string, value: boolean | number) {
    this.text = text;
    this.value = value;
  }
}

/** A document before the schema: JSON values and `Plain`. */
export type Tree = null | string | Plain | Tree[] | { [key: string]: Tree };
export type TreeMap = Record<string, Tree>;

export class YamlError extends Error {
  readonly line: number | undefined;
  readonly column: number | undefined;
  readonly snippet: string | undefined;
  constructor(reason: string, at?: { line: number; column: number; snippet: string }) {
    super(reason);
    this.name = 'YamlError';
    this.line = at?.line;
    this.column = at?.column;
    this.snippet = at?.snippet;
  }
}

/** Far beyond any real configuration; a few kilobytes of aliases can stand for billions of values. */
const maxNodes = 20_000;
const maxDepth = 50;

/** One document. An empty one is an empty map. Throws only `YamlError`, and nothing of it shows a value. */
export function parseYaml(text: string): Tree {
  // Told before they are read: a megabyte of them takes seconds.
  if (/^(---|\.\.\.)(?=\s)[\s\S]*^\1(?=\s)/m.test(text)) throw new YamlError('it holds more than one document');
  let documents: unknown[];
  try {
    documents = loadAll(text.replace(/^\uFEFF/, ''), { schema, maxDepth, maxAliases: 1000, maxTotalMergeKeys: 10_000 });
  } catch (error) {
    throw asYamlError(error, text);
  }
  if (documents.length > 1) throw new YamlError('it holds more than one document');
  const tree = (documents[0] ?? {}) as Tree;
  checkSize(tree);
  return tree;
}

/** What an unquoted scalar is: a string, or `Plain` when YAML 1.1 reads a number or a boolean. */
export function plainScalar(text: string): string | Plain {
  for (const tag of [boolTag, intTag, floatTag]) {
    if (tag.implicitFirstChars?.includes(text.charAt(0)) === false) continue;
    const result = tag.resolve(text, false, tag.tagName);
    if (result instanceof Plain) return result;
  }
  return text;
}

/** The value of a tree where no schema knows better. */
export function plainValue(tree: Tree): unknown {
  if (tree instanceof Plain) return tree.value;
  if (Array.isArray(tree)) return tree.map(plainValue);
  if (tree === null || typeof tree === 'string') return tree;
  return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, plainValue(value)]));
}

export function isTreeMap(tree: unknown): tree is TreeMap {
  return typeof tree === 'object' && tree !== null && !Array.isArray(tree) && !(tree instanceof Plain);
}

/** `resolve` of the tag, its result kept together with the text it came from. */
function keepText(tag: ScalarTagDefinition<boolean> | ScalarTagDefinition<number>, resolve: (text: string) => unknown): ScalarTagDefinition<Plain> {
  return defineScalarTag<Plain>(tag.tagName, {
    implicit: true,
    implicitFirstChars: tag.implicitFirstChars,
    identify: () => false,
    resolve(text) {
      const value = resolve(text);
      return typeof value === 'boolean' || typeof value === 'number' ? new Plain(text, value) : NOT_RESOLVED;
    },
  });
}

// A single letter is more likely a name than a boolean; `22:22` a port mapping rather than a base-60 number.
const boolTag = keepText(boolYaml11Tag, (text) => (text.length === 1 ? NOT_RESOLVED : boolYaml11Tag.resolve(text, false, boolYaml11Tag.tagName)));
const intTag = keepText(intYaml11Tag, (text) => {
  if (text.includes(':')) return NOT_RESOLVED;
  const value = intYaml11Tag.resolve(text, false, intYaml11Tag.tagName);
  return value === NOT_RESOLVED ? intCoreTag.resolve(text, false, intCoreTag.tagName) : value;
});
const floatTag = keepText(floatCoreTag, (text) => floatCoreTag.resolve(text, false, floatCoreTag.tagName));

/** Keys keep their text too, and those that could reach a prototype are refused. */
const safeMapTag = defineMappingTag<Record<string, unknown>>(mapTag.tagName, {
  create: () => ({}),
  identify: () => false,
  has: (map, key) => Object.hasOwn(map, keyText(key) ?? ''),
  keys: (map) => Object.keys(map),
  get: (map, key) => map[keyText(key) ?? ''],
  addPair(map, key, value) {
    const text = keyText(key);
    if (text === undefined) return 'a key must be a word';
    if (isForbiddenKey(text)) return 'this key is not allowed';
    map[text] = value;
    return '';
  },
});

function keyText(key: unknown): string | undefined {
  if (key instanceof Plain) return key.text;
  return typeof key === 'string' ? key : undefined;
}

const schema = CORE_SCHEMA.withTags(mergeTag, boolTag, intTag, floatTag, safeMapTag);

/** Refuses a tree that is too big once its aliases are followed, and one that contains itself. */
function checkSize(root: Tree): void {
  let nodes = 0;
  const visit = (tree: Tree, depth: number): void => {
    if (++nodes > maxNodes) throw new YamlError(`it has more than ${maxNodes} values once its aliases are followed`);
    if (depth > maxDepth) throw new YamlError(`it is nested more than ${maxDepth} levels deep`);
    if (Array.isArray(tree)) for (const item of tree) visit(item, depth + 1);
    else if (isTreeMap(tree)) for (const value of Object.values(tree)) visit(value, depth + 1);
  };
  visit(root, 0);
}

function asYamlError(error: unknown, text: string): YamlError {
  if (!(error instanceof YAMLException)) return new YamlError('it cannot be read as YAML');
  // Anchors and tags that js-yaml names come from the text: `password: *hunter2` is "unidentified alias hunter2".
  const reason = inWords(error.reason.replaceAll(/"[^"]*"|!<[^>]*>/g, '…').replaceAll(/\s+/g, ' '));
  if (error.mark === undefined) return new YamlError(reason);
  const { line, column } = error.mark;
  return new YamlError(reason, { line: line + 1, column: column + 1, snippet: maskedSnippet(text, line, column) });
}

/** The parser's reasons where they do not say what to do. */
function inWords(reason: string): string {
  if (reason.startsWith('nesting exceeded')) return `it is nested more than ${maxDepth} levels deep`;
  if (/^unknown \w+ tag/.test(reason)) return `${reason}: tags are not allowed; for binary content there is "encoding: b64"`;
  if (reason === 'bad indentation of a mapping entry') return `${reason}, or a text that needs quotes because it holds ": " or begins with a sign`;
  return reason;
}

/** The line with everything but its key hidden, and a caret under the column. */
export function maskedSnippet(text: string, line: number, column: number): string {
  const source = text.split(/\r\n?|\n/)[line] ?? '';
  const key = /^\s{0,60}(?:- )?[a-z][a-z0-9_-]{0,40}:(?=\s|$)/.exec(source)?.[0];
  const shown = key ?? /^\s{0,60}/.exec(source)?.[0] ?? '';
  const masked = source.length > shown.length ? `${shown}${key === undefined ? '' : ' '}…` : shown;
  return `${masked}\n${' '.repeat(Math.min(column, masked.length))}^`;
}
