/** Which layer said which value. Pure. */
import type { LoadedConfig } from './load.ts';
import { isMap } from './merge.ts';

export interface Origin {
  readonly path: readonly string[];
  /** The name of the layer that said it last; for keys that metadata has added to, both. */
  readonly origin: string;
}

/** For every value (a list is one), in the order of the configuration. */
export function originsOf({ config, layers }: Pick<LoadedConfig, 'config' | 'layers'>): Origin[] {
  return leaves(config).map((path) => {
    const by = layers.filter((layer) => has(layer.config, path));
    const last = by.at(-1);
    const below = by.at(-2);
    const isAppended = last?.origin === 'metadata' && below !== undefined && path.join('.') === 'ssh_authorized_keys';
    return { path, origin: isAppended ? `${below.name}, ${last.name}` : last?.name ?? '' };
  });
}

/** The paths of all values; a list is one, and so is an empty map. */
export function leaves(value: unknown, path: readonly string[] = []): string[][] {
  if (isMap(value) && Object.keys(value).length > 0) return Object.entries(value).flatMap(([key, below]) => leaves(below, [...path, key]));
  return path.length === 0 || value === undefined ? [] : [[...path]];
}

function has(value: unknown, path: readonly string[]): boolean {
  const [key, ...rest] = path;
  if (key === undefined) return true;
  return isMap(value) && Object.hasOwn(value, key) && has(value[key], rest);
}
