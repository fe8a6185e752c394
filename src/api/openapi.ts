/** The control API's reference as an OpenAPI document. Pure. */
import * as z from 'zod/mini';
import { reference, type Operation } from './reference.ts';
import * as schemas from './schemas.ts';

type Json = Readonly<Record<string, unknown>>;

/** Schemas that have a name in schemas.ts are told once, under `components`. */
export function openApi(): Json {
  const registry = z.registry<{ id: string }>();
  for (const [name, schema] of Object.entries(schemas)) registry.add(schema, { id: `${name.charAt(0).toUpperCase()}${name.slice(1)}` });
  const { schemas: components } = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}`, target: 'draft-2020-12', override: ({ jsonSchema }) => { delete jsonSchema.readOnly; } });
  const named = (schema: z.core.$ZodType): Json => ({ $ref: `#/components/schemas/${registry.get(schema)?.id ?? ''}` });

  const paths: Record<string, Record<string, Json>> = {};
  for (const [route, operation] of Object.entries(reference)) {
    const [method = '', path = ''] = route.split(' ');
    (paths[path.replaceAll(/:(\w+)/g, '{$1}')] ??= {})[method.toLowerCase()] = operationObject(path, operation, named);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'CorralOS control API', version: '1', description: 'HTTP on the unix socket /run/ros/control.sock, for root and the group `ros`. `ros api` speaks it.' },
    paths,
    components: { schemas: Object.fromEntries(Object.entries(components).map(([name, schema]) => [name, withoutOwnId(schema)])) },
  };
}

function operationObject(path: string, { summary, query = {}, body, answer, lines, status = 200 }: Operation, named: (schema: z.core.$ZodType) => Json): Json {
  const parameter = (name: string, where: 'path' | 'query', description?: string): Json => ({ name, in: where, ...(where === 'path' && { required: true }), ...(description !== undefined && { description }), schema: { type: 'string' } });
  const parameters = [...[...path.matchAll(/:(\w+)/g)].map(([, name]) => parameter(name ?? '', 'path')), ...Object.entries(query).map(([name, description]) => parameter(name, 'query', description))];
  const content = answer !== undefined ? { 'application/json': { schema: named(answer) } }
    : lines !== undefined ? { 'application/x-ndjson': { schema: lines.length === 1 ? named(lines[0] as z.core.$ZodType) : { anyOf: lines.map(named) } } } : undefined;
  return {
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: { required: true, content: { 'application/json': { schema: named(body) } } } }),
    responses: {
      [status]: { description: 'Done.', ...(content !== undefined && { content }) },
      default: { description: 'Not done, and why.', content: { 'application/json': { schema: named(schemas.apiError) } } },
    },
  };
}

/** `$schema` and `$id` are for documents of their own. */
function withoutOwnId(schema: object): Json {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== '$id' && key !== '$schema'));
}
