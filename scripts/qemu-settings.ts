/** The launcher's options are environment variables. An empty one is an unset one: `make` passes all of them on. */

export function setting(name: string): string | undefined {
  const value = process.env[name];
  return value === undefined || value === '' ? undefined : value;
}

export function wholeNumber(name: string, standard: number): number {
  const value = setting(name);
  if (value === undefined) return standard;
  if (!/^\d+$/.test(value)) throw new Error(`cannot use ${name}="${value}": a whole number is expected`);
  return Number(value);
}

/** Split at blanks: kernel parameters. */
export function words(name: string): string[] {
  return (setting(name) ?? '').split(/\s+/).filter((word) => word !== '');
}
