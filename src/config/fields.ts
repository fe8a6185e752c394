/**
 * The building blocks of the schema. Each takes a doc string (the reference is generated from them) and is optional,
 * because every layer says only part. They read a `Plain` the way the key means it: text as written, `yes` as a boolean.
 */
import * as z from 'zod/mini';
import en from 'zod/v4/locales/en.js';
import { plainValue, Plain, type Tree } from './yaml.ts';

z.config(en());

/** What the parser of kernel parameters must know of a key: whether it repeats, holds dotted keys, or is never parsed. */
export type FieldKind = 'text' | 'flag' | 'whole' | 'list' | 'map' | 'group' | 'any';
interface FieldFacts { readonly kind: FieldKind; readonly shape?: Readonly<Record<string, object>> }
const facts = new WeakMap<object, FieldFacts>();

/** The facts of a schema made here. */
export function factsOf(schema: object): FieldFacts | undefined {
  return facts.get(schema);
}

function field<S extends z.core.$ZodType>(doc: string, schema: S, fact: FieldFacts): z.ZodMiniOptional<S> {
  const optional = z.optional(schema);
  z.globalRegistry.add(optional, { description: doc });
  facts.set(optional, fact);
  return optional;
}

const asText = z.transform((value: unknown) => (value instanceof Plain ? value.text : value));

function asFlag(value: unknown): unknown {
  if (value instanceof Plain) return value.value;
  if (typeof value !== 'string') return value;
  if (/^(?:true|yes|on)$/i.test(value)) return true;
  return /^(?:false|no|off)$/i.test(value) ? false : value;
}

function asNumber(value: unknown): unknown {
  // `0600` in a place for a count means 600: octal is for file modes, which are text here.
  const text = value instanceof Plain ? value.text : value;
  return typeof text === 'string' && /^-?\d{1,15}$/.test(text) ? Number(text) : value instanceof Plain ? value.value : value;
}

/** One item stands for a list of one: `rancher.autologin=tty1`. */
const asList = z.transform((value: unknown) => (typeof value === 'string' || value instanceof Plain ? [value] : value));

const textValue = z.pipe(asText, z.string());

export const text = (doc: string, ...checks: z.core.$ZodCheck<string>[]) =>
  field(doc, z.pipe(asText, checks.length === 0 ? z.string() : z.string().check(...checks as [z.core.$ZodCheck<string>])), { kind: 'text' });
export const flag = (doc: string) => field(doc, z.pipe(z.transform(asFlag), z.boolean()), { kind: 'flag' });
export const whole = (doc: string, minimum: number, maximum: number) =>
  field(doc, z.pipe(z.transform(asNumber), z.int().check(z.minimum(minimum), z.maximum(maximum))), { kind: 'whole' });
export const list = (doc: string) => field(doc, z.pipe(asList, z.array(textValue)), { kind: 'list' });
export const map = (doc: string) => field(doc, z.record(z.string(), textValue), { kind: 'map' });
export const flags = (doc: string) => field(doc, z.record(z.string(), z.pipe(z.transform(asFlag), z.boolean())), { kind: 'map' });
/** A key that RancherOS knows and whose machinery comes later: taken as it is. */
export const any = (doc: string) => field(doc, z.transform((value: unknown) => plainValue(value as Tree)), { kind: 'any' });
export const group = <T extends Record<string, z.core.$ZodType>>(doc: string, shape: T) =>
  field(doc, z.strictObject(shape), { kind: 'group', shape });
