/**
 * What of a configuration is shown only to who asks for it: what the schema marks, what is named like a secret where names
 * are free (environments, services), and secrets within texts (a URL with a password, a private key in a file). Pure, and
 * linear in the length of what is read.
 */
import { factsOf } from './fields.ts';
import { isMap } from './merge.ts';
import { fieldBelow, rootField, type CloudConfig } from './schema.ts';

/** What stands in the place of a secret. */
export const mask = '***';

const secretName = /pass(?:w(?:or)?d|phrase)?$|secret$|token$|psk$|credentials?$|(?:private|api|access|secret|encryption)[_.-]?key$/i;
/** `TOKEN=x`, `--password x`, `password=x,vers=3`: the name stays. */
const namedValue = /(pass(?:w(?:or)?d|phrase)?|secret|token|psk|(?:private|api|access|encryption)[_.-]?key)(=["']?|\s{1,8}(?=[^\s=-]))[^\s,;&"']+/gi;
const flagBefore = /--[A-Za-z0-9-]{0,40}$/;

/** Whether the value at this path is a secret, or part of one. */
export function isSecretPath(path: readonly string[]): boolean {
  let facts = factsOf(rootField);
  for (const [index, step] of path.entries()) {
    if (facts === undefined) return false;
    if (facts.kind === 'any') return path.slice(index).some((name) => secretName.test(name));
    if (typeof facts.secret === 'function' && facts.secret(step)) return true;
    const isFreeText = facts.kind === 'map' && factsOf(facts.item)?.kind === 'text';
    if (isFreeText && secretName.test(step)) return true;
    facts = factsOf(fieldBelow(facts, step));
    if (facts?.secret === true) return true;
  }
  return false;
}

/** The same configuration, to be shown: its secrets masked, its shape kept. */
export function maskSecrets(config: CloudConfig): CloudConfig { return maskValue(config, []) as CloudConfig; }

/** As `maskSecrets`, for the value at a path of the configuration. */
export function maskValue(value: unknown, path: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item: unknown, index) => maskValue(item, [...path, String(index)]));
  if (isMap(value)) return Object.fromEntries(Object.entries(value).map(([key, below]) => [key, maskValue(below, [...path, key])]));
  if (value === undefined || value === null || typeof value === 'boolean') return value;
  if (isSecretPath(path)) return mask;
  return typeof value === 'string' ? maskText(value) : value;
}

/** A text without the secrets that can be told by their form. */
export function maskText(text: string): string {
  const masked = maskKeys(text).replaceAll(/:\/\/[^/@\s"']{1,512}@/g, `://${mask}@`).replaceAll(/(Authorization: ?(?:Bearer|Basic) )[^\s\"']{1,8192}/gi, `$1${mask}`);
  return masked.replaceAll(namedValue, (found, name: string, between: string, offset: number) => {
    const isFlag = flagBefore.test(masked.slice(Math.max(0, offset - 42), offset));
    return between.startsWith('=') || isFlag ? `${name}${between}${mask}` : found;
  });
}

/** Private keys in PEM: one that has no end counts to the end of the text. */
function maskKeys(text: string): string {
  let result = '';
  let from = 0;
  for (const { index, 0: begin } of text.matchAll(/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----/g)) {
    if (index < from) continue;
    const end = text.indexOf('-----END', index);
    result += `${text.slice(from, index)}${begin}\n${mask}${end === -1 ? '' : '\n'}`;
    from = end === -1 ? text.length : end;
  }
  return result + text.slice(from);
}
