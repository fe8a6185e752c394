/** The schema as JSON Schema, for editors: what `validate` takes and refuses, as far as that language can say it. Pure. */
import { factsOf, type FieldFacts } from './fields.ts';
import { rootField } from './schema.ts';
import { defaultOf, noteOn } from './reference.ts';

type Json = Readonly<Record<string, unknown>>;

/** Of the names that YAML 1.1 has for booleans; JSON Schema looks at what YAML 1.2 makes of them. */
const flagSchema: Json = { anyOf: [{ type: 'boolean' }, { enum: ['yes', 'no', 'on', 'off', 'true', 'false'] }] };

export function jsonSchema(): Json {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'CorralOS cloud-config',
    ...schemaOf(factsOf(rootField), []),
    $defs: { flag: flagSchema },
  };
}

/** Every key of a configuration may stand there without a value, so null is allowed wherever a value can be taken apart. */
function schemaOf(facts: FieldFacts | undefined, path: readonly string[]): Json {
  if (facts === undefined) return {};
  const value = defaultOf(facts, path);
  return {
    ...typeOf(facts, path),
    ...(facts.doc !== '' && { description: [facts.doc, noteOn(facts)].filter((part) => part !== '').join(' ') }),
    ...(facts.status === 'obsolete' && { deprecated: true }),
    ...(value !== undefined && { default: value }),
  };
}

function typeOf(facts: FieldFacts, path: readonly string[]): Json {
  const item = (): Json => schemaOf(factsOf(facts.item), [...path, '*']);
  switch (facts.kind) {
    case 'text': return facts.values !== undefined
      ? { enum: facts.values.filter((value) => value !== '') }
      // A number or a boolean that is not quoted is taken as the text that stands there.
      : { type: ['string', 'number', 'boolean'], ...(facts.pattern !== undefined && { pattern: facts.pattern.source }) };
    case 'flag': return { $ref: '#/$defs/flag' };
    case 'whole': return { type: 'integer', minimum: facts.minimum, maximum: facts.maximum };
    case 'list': return factsOf(facts.item)?.kind === 'text' ? { type: ['array', 'string', 'null'], items: item() } : { type: ['array', 'null'], items: item() };
    case 'map':
    case 'entries': return { type: ['object', 'null'], additionalProperties: item() };
    case 'either': return { anyOf: (facts.options ?? []).map((option) => schemaOf(factsOf(option), path)) };
    case 'group': return { type: ['object', 'null'], additionalProperties: false, properties: propertiesOf(facts, path) };
    case 'any': return {};
  }
}

function propertiesOf({ shape = {}, aliases = {} }: FieldFacts, path: readonly string[]): Json {
  const own = Object.entries(shape).map(([key, field]): [string, Json] => [key, schemaOf(factsOf(field), [...path, key])]);
  const others = Object.entries(aliases).map(([alias, key]): [string, Json] => [alias, { ...schemaOf(factsOf(shape[key]), [...path, key]), description: `The same as ${key}.` }]);
  return Object.fromEntries([...own, ...others]);
}
