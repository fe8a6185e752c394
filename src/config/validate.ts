/** A tree against the schema: what is right is kept, what is not is taken out and named. */
import type * as z from 'zod/mini';
import { locate } from '../lib/locate.ts';
import { printableKey, type Problem } from './problem.ts';
import { cloudConfigSchema, lookUp, type CloudConfig } from './schema.ts';
import { suggest } from '../lib/suggest.ts';
import { isTreeMap, type Tree } from './yaml.ts';

export interface Validated {
  readonly config: CloudConfig;
  readonly problems: readonly Problem[];
  /** Whether a value had to be left out. Unknown keys alone do not make a layer invalid. */
  readonly valid: boolean;
}

const maxProblems = 20;

/** `text` is what the tree was read from: problems then say line and column. */
export function validate(tree: Tree, source: string, text?: string): Validated {
  const problems: Problem[] = [];
  let rest = withoutNulls(tree);
  if (!isTreeMap(rest)) {
    return { config: {}, valid: false, problems: [{ severity: 'error', source, message: 'a cloud-config must be a map of keys, such as "hostname: name"' }] };
  }
  let valid = true;
  // Taking out a bad value can only uncover few further ones (a list that is then empty, say): two passes do, five are safe.
  for (let pass = 0; pass < 5; pass++) {
    const result = cloudConfigSchema.safeParse(rest);
    if (result.success) return { config: result.data, valid, problems: shorten(problems, source) };
    // From the last to the first, so that positions in a list stay right while items are taken out.
    for (const issue of result.error.issues.toReversed()) {
      if (issue.code !== 'unrecognized_keys') valid = false;
      for (const path of badPaths(issue)) {
        problems.push(problemOf(issue, path, source, text));
        rest = without(rest, path);
      }
    }
  }
  problems.push({ severity: 'error', source, message: 'too much of it is wrong; none of it is used' });
  return { config: {}, valid: false, problems: shorten(problems, source) };
}

type Issue = z.core.$ZodIssue;

function badPaths(issue: Issue): PropertyKey[][] {
  return issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
}

function problemOf(issue: Issue, path: readonly PropertyKey[], source: string, text: string | undefined): Problem {
  const position = text === undefined ? undefined : locate(text, path);
  const where = { source, path: path.map((step) => printableKey(String(step))).join('.'), ...position };
  if (issue.code !== 'unrecognized_keys') return { severity: 'error', ...where, message: reasonOf(issue) };
  const { siblings } = lookUp(path.map(String));
  const meant = suggest(String(path.at(-1)), siblings);
  return { severity: 'warning', ...where, message: `unknown key${meant === undefined ? '' : `; did you mean "${meant}"?`}` };
}

function reasonOf(issue: Issue): string {
  return issue.message.replace(/^Invalid (?:input|option): /, '').replace(/\brecord\b/, 'map').replace(/\bobject\b/, 'map').replace(/\barray\b/, 'list');
}

/** A key with nothing behind it says nothing. */
function withoutNulls(tree: Tree): Tree {
  if (Array.isArray(tree)) return tree.map(withoutNulls);
  if (!isTreeMap(tree)) return tree;
  return Object.fromEntries(Object.entries(tree).filter(([, value]) => value !== null).map(([key, value]) => [key, withoutNulls(value)]));
}

function without(tree: Tree, path: readonly PropertyKey[]): Tree {
  const [step, ...rest] = path;
  if (step === undefined) return {};
  if (Array.isArray(tree)) {
    return rest.length === 0 ? tree.toSpliced(Number(step), 1) : tree.map((item, index) => (index === step ? without(item, rest) : item));
  }
  if (!isTreeMap(tree)) return tree;
  const entries = Object.entries(tree);
  return Object.fromEntries(rest.length === 0
    ? entries.filter(([key]) => key !== step)
    : entries.map(([key, value]) => [key, key === step ? without(value, rest) : value]));
}

function shorten(problems: readonly Problem[], source: string): Problem[] {
  const inOrder = problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  if (inOrder.length <= maxProblems) return inOrder;
  return [...inOrder.slice(0, maxProblems), { severity: 'warning', source, message: `${inOrder.length - maxProblems} more problems are not shown` }];
}
