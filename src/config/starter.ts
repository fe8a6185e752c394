/** `ros config generate`: every key that there is, with what it means and what holds without it, all commented out. Pure. */
import { dump } from 'js-yaml';
import { builtInConfig } from './defaults.ts';
import { factsOf, type FieldFacts } from './fields.ts';
import { valueAt } from './key.ts';
import { rootField } from './schema.ts';

const head = `#cloud-config
# Take the "#" away from the keys you want, and from those above them. What stands behind a key is what holds without it.
# \`ros config validate -i FILE\` checks the file, \`ros config merge -i FILE\` makes it part of the machine.
`;

export function starterConfig(): string {
  return `${head}${linesOf(factsOf(rootField), []).map((line) => `${line}\n`).join('')}`;
}

function linesOf(facts: FieldFacts | undefined, path: readonly string[]): string[] {
  return Object.entries(facts?.shape ?? {}).flatMap(([key, field]) => {
    const own = factsOf(field);
    if (own === undefined || own.status !== undefined) return [];
    const indent = '  '.repeat(path.length);
    const below = own.kind === 'group' ? linesOf(own, [...path, key]) : [];
    if (own.kind === 'group' && below.length === 0) return [];
    return [...(path.length === 0 ? ['#'] : []), `#${indent}# ${own.doc}`, `#${indent}${key}:${own.kind === 'group' ? '' : valueOf(own, [...path, key])}`, ...below];
  });
}

/** Nothing where nothing holds: a key with nothing behind it says nothing. */
function valueOf({ fallback }: FieldFacts, path: readonly string[]): string {
  const value = valueAt(builtInConfig, path) ?? fallback;
  return value === undefined ? '' : ` ${dump([value], { flowLevel: 0, lineWidth: -1 }).slice(1, -2)}`;
}
