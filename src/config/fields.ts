/**
 * The building blocks of the schema. Each takes a doc string (the reference is generated from them) and is optional,
 * because every layer says only part. They read a `Plain` the way the key means it: text as written, `yes` as a boolean.
 */
import * as z from 'zod/mini';
import en from 'zod/v4/locales/en.js';
import { plainValue, Plain, type Tree } from './yaml.ts';

z.config(en());

/**
 * `map` is of texts or flags by free names, `entries` of whatever `item` says; `either` is one of `options`; `any` is
 * taken as it is.
 */
export type FieldKind = 'text' | 'flag' | 'whole' | 'list' | 'map' | 'group' | 'entries' | 'either' | 'any';

/** What is known of a key beside its type: validation, the reference and the JSON Schema are all made from it. */
export interface FieldFacts {
  readonly kind: FieldKind;
  readonly doc: string;
  /** Of a group: its fields by their key. */
  readonly shape?: Readonly<Record<string, object>>;
  /** Of a list, a map or entries: what each of them is. */
  readonly item?: object;
  /** Of `either`. */
  readonly options?: readonly object[];
  /** Of a group: other spellings of its keys. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** What a text must look like. */
  readonly pattern?: RegExp;
  /** The only texts allowed. */
  readonly values?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  /** `later`: checked now, in effect one day. `obsolete`: accepted, and never of any effect. */
  readonly status?: 'later' | 'obsolete';
  /** Whether this value is what happens anyway, so that nothing need be said of its status. */
  readonly isAsNow?: (value: unknown) => boolean;
  /** Never shown unless asked for. */
  readonly secret?: true | ((key: string) => boolean);
  /** What holds without it, where the built-in configuration does not say. */
  readonly fallback?: unknown;
}

const facts = new WeakMap<object, FieldFacts>();

/** The facts of a schema made here. */
export function factsOf(schema: object | undefined): FieldFacts | undefined {
  return schema === undefined ? undefined : facts.get(schema);
}

/** The name of a key that is written in another spelling. */
export function aliasOf({ aliases }: FieldFacts, key: string): string | undefined {
  return aliases !== undefined && Object.hasOwn(aliases, key) ? aliases[key] : undefined;
}

type Field<S extends z.core.$ZodType> = z.ZodMiniOptional<S>;

function field<S extends z.core.$ZodType>(schema: S, fact: FieldFacts): Field<S> {
  const optional = z.optional(schema);
  facts.set(optional, fact);
  return optional;
}

function amend<S extends object>(schema: S, more: Partial<FieldFacts>): S {
  const fact = facts.get(schema);
  if (fact !== undefined) facts.set(schema, { ...fact, ...more });
  return schema;
}

/** Marks a key whose machinery comes later. A flag that is off says nothing that would have to be done. */
export const later = <S extends object>(schema: S, isAsNow: (value: unknown) => boolean = (value) => value === false): S => amend(schema, { status: 'later', isAsNow });
/** Marks a key that is accepted because RancherOS had it. */
export const obsolete = <S extends object>(schema: S): S => amend(schema, { status: 'obsolete', isAsNow: (value) => value === false });
/** Marks a key whose value is shown to nobody who does not ask for it; of a map, only the keys that `keys` picks. */
export const secret = <S extends object>(schema: S, keys?: (key: string) => boolean): S => amend(schema, { secret: keys ?? true });
/** Tells the reference what holds without the key. */
export const fallback = <S extends object>(schema: S, value: unknown): S => amend(schema, { fallback: value });

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

/** What a text must look like: `says` completes "must be …". */
export interface Form { readonly pattern: RegExp; readonly says: string }

const textValue = z.pipe(asText, z.string());
const formed = ({ pattern, says }: Form) => z.pipe(asText, z.string().check(z.regex(pattern, `must be ${says}`)));
const flagValue = z.pipe(z.transform(asFlag), z.boolean());

export const text = (doc: string, form?: Form) =>
  field(form === undefined ? textValue : formed(form), { kind: 'text', doc, ...(form !== undefined && { pattern: form.pattern }) });
/** One of a few words. */
export const choice = (doc: string, values: readonly string[]) =>
  field(z.pipe(asText, z.string().check(z.refine((value) => values.includes(value), `must be one of ${values.filter((value) => value !== '').join(', ')}`))), { kind: 'text', doc, values });
export const flag = (doc: string) => field(flagValue, { kind: 'flag', doc });
export const whole = (doc: string, minimum: number, maximum: number) =>
  field(z.pipe(z.transform(asNumber), z.int().check(z.minimum(minimum), z.maximum(maximum))), { kind: 'whole', doc, minimum, maximum });
export const list = (doc: string, form?: Form) =>
  field(z.pipe(asList, z.array(form === undefined ? textValue : formed(form))), { kind: 'list', doc, item: text('', form) });
export const map = (doc: string) => field(z.record(z.string(), textValue), { kind: 'map', doc, item: text('') });
export const flags = (doc: string) => field(z.record(z.string(), flagValue), { kind: 'map', doc, item: flag('') });
/** Taken as it is: somebody else knows what it may say. */
export const any = (doc: string) => field(z.transform((value: unknown) => plainValue(value as Tree)), { kind: 'any', doc });

type Shape = Record<string, z.core.$ZodType>;

export const group = <T extends Shape>(doc: string, shape: T, aliases: Readonly<Record<string, string>> = {}) =>
  field(z.strictObject(shape), { kind: 'group', doc, shape, aliases });
/** A list of what `item` is, which is not optional here. */
export const listOf = <S extends z.core.$ZodType>(doc: string, item: Field<S>) =>
  field(z.pipe(asList, z.array(item._zod.def.innerType)), { kind: 'list', doc, item });
/** By free names, each what `item` is. */
export const entries = <S extends z.core.$ZodType>(doc: string, item: Field<S>) =>
  field(z.record(z.string(), item._zod.def.innerType), { kind: 'entries', doc, item });
/** One of two forms; `says` names them in words. */
export const either = <A extends z.core.$ZodType, B extends z.core.$ZodType>(doc: string, says: string, one: Field<A>, other: Field<B>) =>
  field(z.union([one._zod.def.innerType, other._zod.def.innerType], `expected ${says}`), { kind: 'either', doc, options: [one, other] });

/** What is wrong with a value, without any part of it; `at` is the place of the item that is to blame. */
export interface Fault { readonly message: string; readonly at?: number }

/** A further rule for a whole value, such as a group whose keys must fit one another. */
export function checked<S extends z.core.$ZodType>(item: Field<S>, faultsOf: (value: z.output<S>) => readonly Fault[]): Field<S> {
  const rule = z.superRefine<z.output<S>>((value, context) => {
    for (const { message, at } of faultsOf(value)) context.addIssue({ code: 'custom', message, ...(at !== undefined && { path: [at] }) });
  });
  const schema = (item._zod.def.innerType as unknown as z.ZodMiniType<z.output<S>>).check(rule) as unknown as S;
  return field(schema, facts.get(item) ?? { kind: 'any', doc: '' });
}

/** For `checked`: a group must have this key. */
export const needs = (key: string, value: unknown): readonly Fault[] => (value === undefined ? [{ message: `needs a ${key}` }] : []);
