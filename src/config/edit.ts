/**
 * One value set in the text of a cloud-config, everything else left as its owner wrote it: comments, order, blank lines,
 * quotes. Edits go by the places that js-yaml's parser reports; none is trusted before its result, read again, says what
 * it should. Where none does, the file is written anew and only the comments at its head are kept. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import { dump, DUMP_SCHEMA, defineScalarTag, NOT_RESOLVED, type ScalarTagDefinition } from 'js-yaml';
import { RosError } from '../lib/errors.ts';
import { isForbiddenKey } from './merge.ts';
import { isTreeMap, parseYaml, Plain, plainValue, type Tree, type TreeMap } from './yaml.ts';
import { readPlaces, type Entry, type MapPlace, type Place } from './yaml-places.ts';

export type Scalar = string | number | boolean;
/** What can be set: a scalar, or what the parser makes of a list or a map. */
export type Value = Scalar | Tree;

/**
 * `text` with the value at `path` set, or removed when it is undefined; maps that are empty then go too. Parents that are
 * missing are made. Throws a `YamlError` when the text is none, a `RosError` when a parent is there and is no map.
 */
export function setInYaml(text: string, path: readonly string[], value: Value | undefined): string {
  const before = parseYaml(text);
  const leaf = value === undefined ? undefined : leafOf(value);
  const after = withLeaf(before, path, leaf);
  if (isDeepStrictEqual(after, before)) return text;
  // A list or a map is written as lines of its own where there is room for them, else as `[…]` or `{…}`.
  const edits = value === undefined ? [remove] : isBlock(value) ? [setTo(value, true), setTo(value, false)] : [setTo(value, false)];
  for (const edit of [...edits, (whole: string) => writtenAnew(whole, after)]) {
    const candidate = edit(text, path);
    if (candidate !== undefined && readsAs(candidate, after)) return candidate;
  }
  throw new RosError('ERR_ROS_CONFIG', `cannot set "${path.join('.')}": the result could not be written as YAML`);
}

/* What the result has to say. */

/** A value as the parser will read it. */
function leafOf(value: Value): Tree { return typeof value === 'number' || typeof value === 'boolean' ? new Plain(written(value), value) : value; }

function isBlock(value: Value): value is Tree[] | TreeMap { return Array.isArray(value) ? value.length > 0 : isTreeMap(value) && !isEmptyMap(value); }

function withLeaf(tree: Tree, path: readonly string[], leaf: Tree | undefined, above: readonly string[] = []): Tree {
  const [key, ...rest] = path;
  if (key === undefined) return isSame(tree, leaf) ? tree : leaf ?? null;
  if (isForbiddenKey(key)) throw cannotSet([...above, ...path], `the key "${key}" is not allowed`);
  if (tree !== null && !isTreeMap(tree)) {
    if (leaf === undefined) return tree;
    throw cannotSet([...above, ...path], above.length === 0 ? 'the document is not a map' : `"${above.join('.')}" is not a map`);
  }
  const map = tree ?? {};
  const child = Object.hasOwn(map, key) ? map[key] : undefined;
  if (leaf !== undefined) return { ...map, [key]: withLeaf(child ?? null, rest, leaf, [...above, key]) };
  if (child === undefined) return tree;
  const left = rest.length === 0 ? undefined : withLeaf(child, rest, leaf, [...above, key]);
  return left === undefined || (isEmptyMap(left) && !isEmptyMap(child)) ? without(map, key) : { ...map, [key]: left };
}

/** `yes` stays as it is written when it is to be true. */
function isSame(tree: Tree, leaf: Tree | undefined): boolean {
  return leaf !== undefined && tree !== null && isDeepStrictEqual(plainValue(tree), plainValue(leaf));
}

function isEmptyMap(tree: Tree): boolean { return isTreeMap(tree) && Object.keys(tree).length === 0; }

function without(map: TreeMap, key: string): TreeMap { return Object.fromEntries(Object.entries(map).filter(([name]) => name !== key)); }

/** Whether a text is read as `tree`, however it is written. */
export function readsAs(text: string, tree: Tree): boolean {
  try {
    return isDeepStrictEqual(parseYaml(text), tree);
  } catch {
    return false;
  }
}

function cannotSet(path: readonly string[], cause: string): RosError {
  return new RosError('ERR_ROS_CONFIG', `cannot set "${path.join('.')}": ${cause}`);
}

/* Edits in place. Each gives a text that may be wrong, or undefined where it does not know how. */

/** A value and how it is to be written: on lines of its own or not. */
interface Setting { readonly value: Value; readonly asBlock: boolean }

function setTo(value: Value, asBlock: boolean) { return (text: string, path: readonly string[]) => set(text, path, { value, asBlock }); }

function set(text: string, path: readonly string[], value: Setting): string | undefined {
  const root = readPlaces(text);
  if (root === undefined) return addToEnd(text, path, value);
  let place = root;
  for (const [depth, key] of path.entries()) {
    if (place.kind !== 'map') return undefined;
    const entry = place.entries.find(({ name }) => name === key);
    if (entry === undefined) return addEntry(text, root, place, path.slice(depth), value);
    if (depth === path.length - 1) {
      if (!value.asBlock) return replaceValue(text, entry, written(value.value));
      return place.isFlow ? undefined : replaceBlock(text, entry, blockLines(value.value, columnOf(text, entry.start), stepOf(text, root)));
    }
    if (isNull(text, entry.value)) return addBelow(text, root, entry, place, path.slice(depth + 1), value);
    place = entry.value;
  }
  return undefined;
}

function replaceValue(text: string, { colon, value }: Entry, words: string): string | undefined {
  if (value.start !== undefined && value.kind !== 'map' && value.kind !== 'list') return splice(text, value.start, value.end, words);
  if (colon === undefined) return undefined;
  // A value on lines of its own goes with the comments on them; the one behind its key stays.
  const end = value.end ?? colon + 1;
  const [, comment = ''] = /^[ \t]*(?:[|>][-+\d]*)?([ \t]+#[^\r\n]*)/.exec(text.slice(colon + 1, end)) ?? [];
  const isBelow = value.start !== undefined && text.slice(colon, value.start).includes('\n');
  const behind = isBelow ? /^[^\r\n]*/.exec(text.slice(end))?.[0].length ?? 0 : 0;
  return splice(text, colon + 1, end + behind, ` ${words}${comment}`);
}

/** The value of `entry` becomes `lines`; a comment behind its key stays, one behind the last line of what goes does not. */
function replaceBlock(text: string, { colon, value }: Entry, lines: readonly string[]): string | undefined {
  if (colon === undefined) return undefined;
  const end = value.end ?? colon + 1;
  const rest = lineEnd(text, end);
  const isOnLines = text.slice(colon + 1, end).includes('\n');
  const [, comment = ''] = /^[ \t]*(?:[|>][-+\d]*)?([ \t]+#[^\r\n]*)/.exec(text.slice(isOnLines ? colon + 1 : end, rest)) ?? [];
  const head = `${text.slice(0, colon + 1)}${comment}${eolOf(text)}`;
  return insertLines(head + text.slice(rest), head.length, lines);
}

/** A key that is not in `map` yet, behind its last one. */
function addEntry(text: string, root: Place, map: MapPlace, path: readonly string[], value: Setting): string | undefined {
  const last = map.entries.at(-1);
  if (map.isFlow) {
    if (value.asBlock) return undefined;
    const words = flowEntry(path, value);
    return last === undefined ? splice(text, map.start + 1, map.start + 1, words) : splice(text, endOf(last), endOf(last), `, ${words}`);
  }
  if (last === undefined) return undefined;
  const indent = columnOf(text, last.start);
  return insertLines(text, pastComments(text, lineEnd(text, endOf(last)), indent), blockEntry(path, value, indent, stepOf(text, map, root)));
}

/** A key below one that has no value yet: `services_include:`, perhaps with comments under it. */
function addBelow(text: string, root: Place, entry: Entry, { isFlow }: MapPlace, path: readonly string[], value: Setting): string | undefined {
  if (entry.colon === undefined) return undefined;
  const end = entry.value.end ?? entry.colon + 1;
  if (isFlow) return value.asBlock ? undefined : splice(text, entry.colon + 1, end, ` {${flowEntry(path, value)}}`);
  const emptied = splice(text, entry.colon + 1, end, '');
  const column = columnOf(text, entry.start);
  const step = stepOf(text, root);
  return insertLines(emptied, pastComments(emptied, lineEnd(emptied, entry.colon), column + 1), blockEntry(path, value, column + step, step));
}

/** The first key of a document that has none. */
function addToEnd(text: string, path: readonly string[], value: Setting): string {
  const head = text.trim() === '' ? `#cloud-config${eolOf(text)}` : text;
  return insertLines(head, head.length, blockEntry(path, value, 0, 2));
}

function remove(text: string, path: readonly string[]): string | undefined {
  const found: { readonly map: MapPlace; readonly entry: Entry }[] = [];
  let place = readPlaces(text);
  for (const key of path) {
    const entry = place?.kind === 'map' ? place.entries.find(({ name }) => name === key) : undefined;
    if (place?.kind !== 'map' || entry === undefined) return undefined;
    found.push({ map: place, entry });
    place = entry.value;
  }
  // The outermost one that would be left with nothing in it.
  const keeper = found.findLastIndex(({ map }) => map.entries.length > 1);
  const gone = found[Math.max(keeper, 0)];
  return gone === undefined ? undefined : removeEntry(text, gone.map, gone.entry);
}

function removeEntry(text: string, map: MapPlace, entry: Entry): string | undefined {
  if (map.isFlow) {
    const at = map.entries.indexOf(entry);
    const [previous, next] = [map.entries[at - 1], map.entries[at + 1]];
    if (previous !== undefined) return splice(text, endOf(previous), endOf(entry), '');
    return splice(text, entry.start, next?.start ?? endOf(entry), '');
  }
  const start = lineStart(text, entry.start);
  return text.slice(start, entry.start).trim() === '' ? splice(text, start, lineEnd(text, endOf(entry)), '') : undefined;
}

/* Words and lines. */

/** In the form for `{…}`, which is right everywhere and always on one line. */
function written(value: Value): string { return dump([value], { schema: dumpSchema, flowLevel: 0, lineWidth: -1, noRefs: true }).slice(1, -2); }

/** The lines of a list or a map that belongs to a key at `column`. */
function blockLines(value: Value, column: number, step: number): string[] {
  const lines = dump(value, { schema: dumpSchema, indent: step, lineWidth: -1, noRefs: true }).trimEnd().split('\n');
  return lines.map((line) => (line === '' ? '' : `${' '.repeat(column + step)}${line}`));
}

function writtenKey(key: string): string { return dump({ [key]: 0 }, { flowLevel: 0, lineWidth: -1 }).slice(1, -5); }

function flowEntry([key = '', ...rest]: readonly string[], value: Setting): string {
  return `${writtenKey(key)}: ${rest.length === 0 ? written(value.value) : `{${flowEntry(rest, value)}}`}`;
}

function blockEntry([key = '', ...rest]: readonly string[], value: Setting, indent: number, step: number): string[] {
  const line = `${' '.repeat(indent)}${writtenKey(key)}:`;
  if (rest.length > 0) return [line, ...blockEntry(rest, value, indent + step, step)];
  return value.asBlock ? [line, ...blockLines(value.value, indent, step)] : [`${line} ${written(value.value)}`];
}

/** How far this file indents: as the first nested map of the place does, or that of its root. */
function stepOf(text: string, place: Place, root?: Place): number {
  if (place.kind !== 'map' || place.isFlow) return 2;
  for (const { start, value } of place.entries) {
    const first = value.kind === 'map' && !value.isFlow ? value.entries[0] : undefined;
    if (first !== undefined) return Math.max(1, columnOf(text, first.start) - columnOf(text, start));
  }
  return root === undefined ? 2 : stepOf(text, root);
}

/** Behind the comments at `at` that are indented as far as `column`: they belong to what is above them. */
function pastComments(text: string, at: number, column: number): number {
  let end = at;
  for (let line = at; line < text.length; line = lineEnd(text, line)) {
    const [, indent = '', mark] = /^([ \t]*)(#?)/.exec(text.slice(line, lineEnd(text, line))) ?? [];
    if (mark === '#' && indent.length >= column) end = lineEnd(text, line);
    else if (text.slice(line, lineEnd(text, line)).trim() !== '') break;
  }
  return end;
}

function insertLines(text: string, at: number, lines: readonly string[]): string {
  const eol = eolOf(text);
  const before = text.slice(0, at);
  return `${before}${before === '' || before.endsWith('\n') ? '' : eol}${lines.map((line) => `${line}${eol}`).join('')}${text.slice(at)}`;
}

function splice(text: string, start: number, end: number, words: string): string { return text.slice(0, start) + words + text.slice(end); }

function endOf({ colon, key, value }: Entry): number { return value.end ?? (colon === undefined ? key.end ?? 0 : colon + 1); }

function isNull(text: string, value: Place): boolean {
  return value.kind === 'scalar' && (value.start === undefined ? value.end === undefined : /^(?:~|null|Null|NULL)$/.test(text.slice(value.start, value.end)));
}

function eolOf(text: string): string { return text.includes('\r\n') ? '\r\n' : '\n'; }
function lineStart(text: string, at: number): number { return at === 0 ? 0 : text.lastIndexOf('\n', at - 1) + 1; }
function lineEnd(text: string, at: number): number { return (text.indexOf('\n', at) + 1) || text.length; }
function columnOf(text: string, at: number): number { return at - lineStart(text, at) - (text.startsWith('\uFEFF') && lineStart(text, at) === 0 ? 1 : 0); }

/* The file written anew. */

/** What YAML would not read as a string is written as it was, `0644` and `yes` too. */
const dumpSchema = DUMP_SCHEMA.withTags(DUMP_SCHEMA.tags
  .filter((tag): tag is ScalarTagDefinition => tag.nodeKind === 'scalar' && /:(?:bool|int|float)$/.test(tag.tagName))
  .map((tag) => defineScalarTag<unknown>(tag.tagName, {
    ...tag,
    identify: (value) => (value instanceof Plain ? tag.resolve(value.text, false, tag.tagName) !== NOT_RESOLVED : tag.identify(value)),
    represent: (value: unknown) => (value instanceof Plain ? value.text : tag.represent(value)),
  })));

/** A whole file that says `tree`, with the comments at the head of `text`. */
export function writtenAnew(text: string, tree: Tree): string {
  const head = /^\uFEFF?(?:[ \t]*(?:#.*)?\r?\n)*/.exec(text)?.[0] ?? '';
  const eol = eolOf(text);
  const body = isEmptyMap(tree) ? '' : dump(tree, { schema: dumpSchema, noRefs: true, lineWidth: -1 }).replaceAll('\n', eol);
  return head === '' ? `#cloud-config${eol}${body}` : head + body;
}
