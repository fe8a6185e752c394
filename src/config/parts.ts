/** Several cloud-configs made one, and several scripts: what a MIME message brings is kept in one file of each kind. */
import { isTreeMap, parseYaml, Plain, type Tree, type TreeMap } from './yaml.ts';

/** Later ones win, key by key, as layers do. Each must be a map that `parseYaml` takes. */
export function mergeTexts(texts: readonly string[]): string {
  const trees = texts.map((text) => parseYaml(text)).filter(isTreeMap);
  return `#cloud-config\n${print(trees.reduce<TreeMap>((below, over) => mergeTrees(below, over), {}), '')}\n`;
}

function mergeTrees(base: TreeMap, over: TreeMap): TreeMap {
  const result: TreeMap = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (value === null) continue;
    const below = result[key];
    result[key] = isTreeMap(value) && isTreeMap(below) ? mergeTrees(below, value) : value;
  }
  return result;
}

/** As YAML that looks like JSON, but with unquoted values as they were written: `0644` must not become 420. */
function print(tree: Tree, indent: string): string {
  if (tree instanceof Plain) return tree.text;
  if (tree === null || typeof tree === 'string') return JSON.stringify(tree);
  const inner = `${indent}  `;
  if (Array.isArray(tree)) return tree.length === 0 ? '[]' : `[\n${tree.map((item) => `${inner}${print(item, inner)}`).join(',\n')}\n${indent}]`;
  const entries = Object.entries(tree);
  return entries.length === 0 ? '{}' : `{\n${entries.map(([key, value]) => `${inner}${JSON.stringify(key)}: ${print(value, inner)}`).join(',\n')}\n${indent}}`;
}

/**
 * One script that runs all of them, each as a program of its own, one after the other; it ends with the code of the last that
 * failed. They are in it in base64, so that nothing in them can end it.
 */
export function joinScripts(scripts: readonly string[]): string {
  if (scripts.length === 1) return scripts[0] ?? '';
  const runs = scripts.map((script) => `part <<'END'\n${Buffer.from(script).toString('base64').replaceAll(/.{76}/g, '$&\n')}\nEND\n`);
  return `#!/bin/sh
# The scripts of the user-data, one after the other.
status=0
part() {
  file=$(mktemp) && base64 -d >"$file" && chmod 700 "$file" && "$file" || status=$?
  rm -f "$file"
}
${runs.join('')}exit $status
`;
}
