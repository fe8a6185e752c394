/** `ros service show`: a definition as YAML. */
import { dump } from 'js-yaml';
import type { ServiceDetails } from '../api/types.ts';
import { oneLine } from './format.ts';

/** A value that is longer does not push the origins of all others to the right. */
const alignedWidth = 72;

export function definitionYaml({ definition }: ServiceDetails): string {
  return dump(definition, { lineWidth: -1, noRefs: true });
}

/** `environment.A: x   # shipped`: a line a value, the origins below each other. */
export function originLines({ definition, origins }: Pick<ServiceDetails, 'definition' | 'origins'>): string {
  const rows = origins.flatMap(({ path, origin }) => {
    const value = valueAt(definition, path);
    return value === undefined ? [] : [{ text: `${oneLine(path.join('.'))}: ${inline(value)}`, origin: oneLine(origin) }];
  });
  const width = Math.max(0, ...rows.map(({ text }) => text.length).filter((length) => length <= alignedWidth));
  return rows.map(({ text, origin }) => `${text.padEnd(width)}   # ${origin}\n`).join('');
}

/** YAML on one line. */
export function inline(value: unknown): string {
  const text = dump(value, { lineWidth: -1, noRefs: true, flowLevel: 0 }).trimEnd();
  // Only a text of several lines has no form on one; JSON is YAML too.
  return oneLine(text.includes('\n') ? JSON.stringify(value) : text);
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? valueAt((value as Record<string, unknown>)[key], rest) : undefined;
}
