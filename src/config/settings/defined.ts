/** An empty text says nothing. */
export function given(text: string | undefined): string | undefined { return text === '' ? undefined : text; }

/** The same object without the keys that are undefined: an optional key that is there and undefined is no JSON. */
export function defined<T extends object>(object: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
