import { usageError } from './parse.ts';

/** The number of a version of the configuration, as `ros config history` shows it. */
export function versionOf(text: string | undefined, command: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw usageError(`"${text}" is no version of the configuration`, `ros ${command} --help`);
  return Number(text);
}
