/** docs/cloud-config.md, made from the schema. Pure. */
import { builtInConfig } from './defaults.ts';
import { factsOf, type FieldFacts } from './fields.ts';
import { isMap } from './merge.ts';
import { rootField } from './schema.ts';

/** What holds without the key at `path`; `*` stands for a name or a place in a list. Undefined: nothing, or it is told of its parts. */
export function defaultOf(facts: FieldFacts, path: readonly string[]): unknown {
  const builtIn = path.reduce<unknown>((below, step) => (isMap(below) && Object.hasOwn(below, step) ? below[step] : undefined), builtInConfig);
  if (builtIn === undefined || facts.kind === 'group' || facts.kind === 'entries') return facts.fallback;
  return Array.isArray(builtIn) && builtIn.length === 0 ? undefined : builtIn;
}

/** What must be known before the key is used. */
export function noteOn(facts: FieldFacts): string {
  if (facts.status === 'later') return 'Not active yet.';
  return facts.status === 'obsolete' ? 'No effect.' : '';
}

interface Section { readonly title: string; readonly facts: FieldFacts; readonly path: readonly string[] }

const introduction = `# Cloud-config

Every key, generated from \`src/config/schema.ts\` (\`make docs\`). How configuration is read, changed and applied is in
[configuration.md](configuration.md); for editors there is [cloud-config.schema.json](cloud-config.schema.json), which \`ros config schema\` prints, too.

* A file begins with \`#cloud-config\` and is YAML as RancherOS read it: \`yes\`, \`no\`, \`on\` and \`off\` are booleans, and a text is what stands there,
  so that \`permissions: 0644\` is octal and \`hostname: 007\` keeps its zeros.
* Where a list is expected, one text stands for a list of one. A key without a value says nothing.
* As a kernel parameter a key below \`rancher\` is \`rancher.a.b=value\`, any other \`cc.key=value\`; a list repeats or is \`[a,b]\`.
* *Not active yet*: checked now, in effect in a later release; \`ros config validate\` says so. *No effect*: accepted because RancherOS had it, or cloud-init.
* *Secret*: shown with \`--private\` only.
`;

export function configReference(): string {
  const root = factsOf(rootField);
  const told = new Map<string, string>();
  const queue: Section[] = root === undefined ? [] : [{ title: 'Top level', facts: root, path: [] }];
  const parts = [introduction];
  for (let section = queue.shift(); section !== undefined; section = queue.shift()) {
    const { title, facts, path } = section;
    const below: Section[] = [];
    const rows = Object.entries(facts.shape ?? {}).map(([key, field]) => rowOf(key, factsOf(field), [...path, key], told, below));
    parts.push(`## ${title}\n\n${path.length === 0 ? '' : `${facts.doc} ${noteOn(facts)}`.trim() + '\n\n'}| key | type | default | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`);
    queue.unshift(...below);
  }
  return parts.join('\n');
}

function rowOf(key: string, facts: FieldFacts | undefined, path: readonly string[], told: Map<string, string>, below: Section[]): string {
  if (facts === undefined) return '';
  const value = defaultOf(facts, path);
  const notes = [noteOn(facts), facts.secret === undefined ? '' : 'Secret.'].filter((note) => note !== '').map((note) => ` *${note}*`);
  const cells = [`\`${key}\``, typeName(facts, path, told, below), value === undefined ? '' : code(JSON.stringify(value)), escaped(facts.doc) + notes.join('')];
  return `| ${cells.join(' | ')} |`;
}

/** In words; a group gets a section of its own, and one that is like another a link to that. */
function typeName(facts: FieldFacts, path: readonly string[], told: Map<string, string>, below: Section[]): string {
  const item = (): string => typeName(factsOf(facts.item) ?? facts, [...path, '*'], told, below);
  switch (facts.kind) {
    case 'text': return facts.values === undefined ? 'text' : facts.values.filter((value) => value !== '').map(code).join(', ');
    case 'flag': return 'boolean';
    case 'whole': return `number, ${String(facts.minimum)}–${String(facts.maximum)}`;
    case 'list': return `list of ${grouped(item())}`;
    case 'map':
    case 'entries': return `map of ${grouped(item())}`;
    case 'either': return (facts.options ?? []).map((option) => typeName(factsOf(option) ?? facts, path, told, below)).join(' or ');
    case 'any': return 'anything';
    case 'group': return linkTo(facts, path, told, below);
  }
}

function linkTo(facts: FieldFacts, path: readonly string[], told: Map<string, string>, below: Section[]): string {
  const shape = Object.keys(facts.shape ?? {}).join();
  const title = told.get(shape) ?? path.join('.').replaceAll('.*', '.\\*');
  if (!told.has(shape)) below.push({ title, facts, path });
  told.set(shape, title);
  return `[${title}](#${title.replaceAll(/[.\\*]/g, '').toLowerCase()})`;
}

function grouped(type: string): string { return type.includes(' or ') ? `(${type})` : type; }
function code(value: string): string { return `\`${value}\``; }
function escaped(doc: string): string { return doc.replaceAll('|', '\\|').replaceAll('*', '\\*').replaceAll('<', '&lt;'); }
