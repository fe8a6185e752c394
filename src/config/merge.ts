/**
 * Merging of layers, as RancherOS does: maps merge key by key, lists and scalars of the later layer replace. A null says
 * nothing: `rancher:` with every line below it commented out must not wipe the defaults.
 */
export type ConfigValue = unknown;
export type ConfigMap = Record<string, unknown>;

/** Keys that reach an object's prototype when they are assigned carelessly. */
export function isForbiddenKey(key: string): boolean {
  return key === '__proto__' || key === 'constructor' || key === 'prototype';
}

export function isMap(value: unknown): value is ConfigMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `over` laid on `base`. Neither is changed, and the result shares no map or list with them. */
export function merge(base: ConfigMap, over: ConfigMap): ConfigMap {
  const result: ConfigMap = {};
  for (const [key, value] of Object.entries(base)) {
    if (!isForbiddenKey(key) && value !== undefined && value !== null) result[key] = copy(value);
  }
  for (const [key, value] of Object.entries(over)) {
    if (isForbiddenKey(key) || value === undefined || value === null) continue;
    const below = result[key];
    result[key] = isMap(value) && isMap(below) ? merge(below, value) : copy(value);
  }
  return result;
}

function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  return isMap(value) ? merge({}, value) : value;
}
