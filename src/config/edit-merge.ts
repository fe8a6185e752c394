/** One cloud-config laid on the text of another as the layers are, with the comments and the order of the other kept. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { readsAs, setInYaml, writtenAnew } from './edit.ts';
import { isForbiddenKey } from './merge.ts';
import { isTreeMap, parseYaml, plainValue, type Tree, type TreeMap } from './yaml.ts';

/** So many values are set one by one; with more of them the file is written anew, which takes the same time for any number. */
const maxEdits = 100;

/**
 * `over` laid on `text`: maps merge key by key, lists and scalars replace, a null says nothing. A text that says nothing
 * gives way to `over` as it is written. Throws a `YamlError` when either is no YAML.
 */
export function mergeInYaml(text: string, over: string): string {
  const base = parseYaml(text);
  const said = parseYaml(over);
  if (!isTreeMap(said)) return text;
  if (!isTreeMap(base) || Object.keys(base).length === 0) return /^\s*(?:#cloud-config\s*)?$/.test(text) ? withEnd(over) : writtenAnew(text, laidOn({}, said));
  const wanted = laidOn(base, said);
  const changes = changesOf(base, said, []);
  if (changes.length > maxEdits) return writtenAnew(text, wanted);
  const edited = changes.reduce((before, { path, value }) => setInYaml(before, path, value), text);
  return readsAs(edited, wanted) ? edited : writtenAnew(text, wanted);
}

interface Change { readonly path: readonly string[]; readonly value: Tree }

function changesOf(base: TreeMap, over: TreeMap, above: readonly string[]): Change[] {
  return Object.entries(over).flatMap(([key, value]): Change[] => {
    const below = Object.hasOwn(base, key) ? base[key] : undefined;
    if (isForbiddenKey(key) || value === null || isSame(below, value)) return [];
    if (isTreeMap(value) && isTreeMap(below)) return changesOf(below, value, [...above, key]);
    return [{ path: [...above, key], value: withoutNulls(value) }];
  });
}

/** As `merge` of values: the new ones go behind those that are there. */
function laidOn(base: TreeMap, over: TreeMap): TreeMap {
  const result: TreeMap = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (isForbiddenKey(key) || value === null) continue;
    const below = Object.hasOwn(base, key) ? base[key] : undefined;
    if (isSame(below, value)) continue;
    result[key] = isTreeMap(value) && isTreeMap(below) ? laidOn(below, value) : withoutNulls(value);
  }
  return result;
}

/** However it is written: what stays as it is keeps its form. */
function isSame(below: Tree | undefined, value: Tree): boolean { return below !== undefined && isDeepStrictEqual(plainValue(below), plainValue(value)); }

function withoutNulls(tree: Tree): Tree {
  if (Array.isArray(tree)) return tree;
  return isTreeMap(tree) ? laidOn({}, tree) : tree;
}

function withEnd(text: string): string { return text === '' || text.endsWith('\n') ? text : `${text}\n`; }
