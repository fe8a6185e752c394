/** Reading what strangers send: of what has not the type it should, nothing is taken. */
export type Json = Readonly<Record<string, unknown>>;

/** Undefined when it is not a JSON object. */
export function parseObject(text: string | Uint8Array): Json | undefined {
  try {
    const value: unknown = JSON.parse(typeof text === 'string' ? text : new TextDecoder().decode(text));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Json { return typeof value === 'object' && value !== null && !Array.isArray(value); }
export function mapOf(value: unknown): Json { return isObject(value) ? value : {}; }
export function listOf(value: unknown): readonly unknown[] { return Array.isArray(value) ? value as unknown[] : []; }
export function textsOf(value: unknown): string[] { return listOf(value).flatMap((item) => textOf(item) ?? []); }

/** A text that is not empty. */
export function textOf(value: unknown): string | undefined { return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined; }

/** The value below these keys; undefined when one of them is not there. */
export function at(value: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>((found, key) => (isObject(found) && Object.hasOwn(found, key) ? found[key] : undefined), value);
}

/** The first word of a host name: some services give several. */
export function hostnameOf(value: unknown): { hostname?: string } {
  const hostname = textOf(value)?.split(/\s/)[0];
  return hostname === undefined ? {} : { hostname };
}

/** Keys in a list, by their number in it. */
export function numbered(keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(keys.map((key, index) => [String(index).padStart(3, '0'), key]));
}
