/** A tree against the schema: what is right is kept, what is not is taken out and named. Time and memory are bounded by the tree. */
import type * as z from 'zod/mini';
import { locator, type Position } from '../lib/locate.ts';
import { suggest } from '../lib/suggest.ts';
import { aliasOf, factsOf, type FieldFacts } from './fields.ts';
import { printableKey, type Problem } from './problem.ts';
import { cloudConfigSchema, fieldBelow, lookUp, rootField, type CloudConfig } from './schema.ts';
import { isTreeMap, type Tree, type TreeMap } from './yaml.ts';

export interface Validated {
  readonly config: CloudConfig;
  readonly problems: readonly Problem[];
  /** Whether a value had to be left out. Unknown keys alone do not make a layer invalid. */
  readonly valid: boolean;
}

const maxShown = 20;
/** Of more than this nobody reads, and each costs a search of the text. */
const maxDescribed = 50;

/** Of a list that something was taken out of: where each of its items stood. */
type Places = WeakMap<Tree[], readonly number[]>;
type Locate = (path: readonly PropertyKey[]) => Position | undefined;
type Issue = z.core.$ZodIssue;
/** Something to take out, and why. */
interface Fault { readonly path: readonly PropertyKey[]; readonly message: string; readonly isUnknownKey: boolean }

/** `text` is what the tree was read from: problems then say line and column. */
export function validate(tree: Tree, source: string, text?: string): Validated {
  const inText = text === undefined ? () => undefined : locator(text);
  // A key in another spelling (`lock-passwd`) stands in the text as it was written.
  const at: Locate = (path) => inText(path) ?? inText(path.map((step) => String(step).replaceAll('_', '-')));
  let rest = canonical(tree, factsOf(rootField));
  if (!isTreeMap(rest)) {
    return { config: {}, valid: false, problems: [{ severity: 'error', source, message: 'a cloud-config must be a map of keys, such as "hostname: name"' }] };
  }
  const faults: Fault[] = [];
  const places: Places = new WeakMap();
  // Taking out a bad value can only uncover few further ones (a list that is then too short, say): two passes do, five are safe.
  for (let pass = 0; pass < 5; pass++) {
    const result = cloudConfigSchema.safeParse(rest);
    const valid = faults.every(({ isUnknownKey }) => isUnknownKey);
    if (result.success) return { config: result.data, valid, problems: [...describe(faults, source, at), ...notesOn(result.data, source, at, (path) => pathAsWritten(rest, path, places))] };
    const found = result.error.issues.flatMap((issue) => faultsOf(issue, []));
    const told = found.map((fault) => ({ ...fault, path: pathAsWritten(rest, fault.path, places) }));
    faults.push(...told.filter(({ path }) => !hasFaultBelow(path, faults)));
    rest = without(rest, found.map(({ path }) => path), places) ?? {};
  }
  const problem: Problem = { severity: 'error', source, message: 'too much of it is wrong; none of it is used' };
  return { config: {}, valid: false, problems: [...describe(faults, source, at), problem] };
}

/** The faults of one issue. Of a choice of forms those of the form that was meant. */
function faultsOf(issue: Issue, above: readonly PropertyKey[]): Fault[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ path: [...path, key], message: 'unknown key', isUnknownKey: true }));
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.find((errors) => errors.length > 0 && !errors.some(({ code, path: own }) => code === 'invalid_type' && own.length === 0));
    if (meant !== undefined) return meant.flatMap((inner) => faultsOf(inner, path));
  }
  return [{ path, message: reasonOf(issue), isUnknownKey: false }];
}

function reasonOf(issue: Issue): string {
  return issue.message.replace(/^Invalid (?:input|option): /, '').replace(/\brecord\b/, 'map').replace(/\bobject\b/, 'map').replace(/\barray\b/, 'list');
}

/** What is wrong only because a part of it was taken out is no second problem. */
function hasFaultBelow(path: readonly PropertyKey[], faults: readonly Fault[]): boolean {
  return faults.slice(0, maxDescribed).some((fault) => fault.path.length > path.length && path.every((step, index) => fault.path[index] === step));
}

function describe(faults: readonly Fault[], source: string, at: Locate): Problem[] {
  const problems = faults.slice(0, maxDescribed).map(({ path, message, isUnknownKey }): Problem => {
    const where = { source, path: shownPath(path), ...at(path) };
    if (!isUnknownKey) return { severity: 'error', ...where, message };
    const meant = suggest(String(path.at(-1)), lookUp(path.map(String)).siblings);
    return { severity: 'warning', ...where, message: `${message}${meant === undefined ? '' : `; did you mean "${meant}"?`}` };
  });
  const shown = problems.toSorted(byPosition).slice(0, maxShown);
  const hidden = faults.length - shown.length;
  return hidden === 0 ? shown : [...shown, { severity: 'warning', source, message: `${hidden} more problems are not shown` }];
}

function shownPath(path: readonly PropertyKey[]): string { return path.map((step) => printableKey(String(step))).join('.'); }

function byPosition(a: Problem, b: Problem): number { return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0); }

/** The keys that are right and not in effect. */
function notesOn(config: CloudConfig, source: string, at: Locate, asWritten: (path: readonly string[]) => readonly PropertyKey[]): Problem[] {
  const notes: Problem[] = [];
  const visit = (value: unknown, facts: FieldFacts | undefined, path: readonly string[]): void => {
    if (facts === undefined || value === undefined || notes.length >= maxShown) return;
    if (facts.status !== undefined) {
      if (facts.isAsNow?.(value) === true) return;
      const message = facts.status === 'later' ? 'not active yet' : `has no effect: ${facts.doc}`;
      const written = asWritten(path);
      notes.push({ severity: 'note', source, path: shownPath(written), ...at(written), message });
    } else if (facts.kind !== 'any' && typeof value === 'object' && value !== null) {
      for (const [key, below] of Object.entries(value)) visit(below, factsOf(fieldBelow(facts, key)), [...path, key]);
    }
  };
  visit(config, factsOf(rootField), []);
  return notes.toSorted(byPosition);
}

/** Every key by its own name, and without those that have nothing behind them: they say nothing. */
function canonical(tree: Tree, facts: FieldFacts | undefined): Tree {
  if (Array.isArray(tree)) return tree.map((item) => canonical(item, factsOf(facts?.item)));
  if (!isTreeMap(tree)) return tree;
  const own = facts?.kind === 'either' ? facts.options?.map(factsOf).find((option) => option?.kind === 'group' || option?.kind === 'entries') : facts;
  const result: TreeMap = {};
  for (const [key, value] of Object.entries(tree)) {
    if (value === null) continue;
    const alias = own === undefined ? undefined : aliasOf(own, key);
    const name = alias === undefined || Object.hasOwn(tree, alias) ? key : alias;
    result[name] = canonical(value, own === undefined ? undefined : factsOf(fieldBelow(own, name)));
  }
  return result;
}

/** A copy of the tree without what stands at `paths`; a path that ends in a scalar takes that. */
function without(tree: Tree, paths: readonly (readonly PropertyKey[])[], places: Places, depth = 0): Tree | undefined {
  if (paths.some((path) => path.length <= depth)) return undefined;
  if (paths.length === 0) return tree;
  if (!Array.isArray(tree) && !isTreeMap(tree)) return undefined;
  const byStep = Map.groupBy(paths, (path) => String(path[depth]));
  const kept = Object.entries(tree).flatMap(([key, value]): [string, Tree][] => {
    const below = byStep.get(key);
    const rest = below === undefined ? value : without(value, below, places, depth + 1);
    return rest === undefined ? [] : [[key, rest]];
  });
  if (!Array.isArray(tree)) return Object.fromEntries(kept);
  const items = kept.map(([, value]) => value);
  const before = places.get(tree);
  places.set(items, kept.map(([key]) => before?.[Number(key)] ?? Number(key)));
  return items;
}

/** The path in the text: what was taken out of a list has moved the items behind it. */
function pathAsWritten(tree: Tree, path: readonly PropertyKey[], places: Places): PropertyKey[] {
  let below: Tree | undefined = tree;
  return path.map((step) => {
    const written = Array.isArray(below) ? places.get(below)?.[Number(step)] ?? step : step;
    below = Array.isArray(below) ? below[Number(step)] : isTreeMap(below) ? below[String(step)] : undefined;
    return written;
  });
}
