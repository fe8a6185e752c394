import type { ProxySetting } from '../config/index.ts';

/** In both spellings, for programs look for either. */
export function proxyVariables({ http, https, no }: ProxySetting): Record<string, string> {
  const said = Object.entries({ http_proxy: http, https_proxy: https, no_proxy: no }).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '' && !/[\n\r\0]/.test(entry[1]));
  return Object.fromEntries(said.flatMap(([name, value]) => [[name, value], [name.toUpperCase(), value]]));
}
