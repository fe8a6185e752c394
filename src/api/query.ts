import { RosError } from '../lib/errors.ts';

/** A whole number from a query string; undefined when it is not there. */
export function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^\d{1,12}$/.test(text)) throw new RosError('ERR_ROS_BAD_REQUEST', `cannot read query parameter "${name}": "${text.slice(0, 40)}" is not a whole number`);
  return Number(text);
}

export function isSet(query: URLSearchParams, name: string): boolean { return query.get(name) === '1' || query.get(name) === 'true'; }

/** One of some words; undefined when it is not there. */
export function oneOf<const T extends string>(query: URLSearchParams, name: string, words: readonly T[]): T | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const word = words.find((known) => known === text);
  if (word === undefined) throw new RosError('ERR_ROS_BAD_REQUEST', `cannot read query parameter "${name}": "${text.slice(0, 40)}" is none of ${words.join(', ')}`);
  return word;
}
