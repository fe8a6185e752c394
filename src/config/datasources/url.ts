/** `url:https://…`: user-data from a web server; `cmdline`: from the one that the kernel parameter `cloud-config-url=` names. */
import { RosError } from '../../lib/errors.ts';
import { withoutUserinfo } from '../../sys/http.ts';
import type { Found } from '../found.ts';
import type { Datasource, DatasourceContext, Facts } from './datasource.ts';

/** A server somewhere may be slower than a metadata service next door. */
const timeoutMs = 10_000;

export const url: Datasource = {
  name: 'url',
  needs: 'network',
  applies: (argument) => argument !== undefined && argument !== '',
  fetch: (argument = '', context) => fetchUrl(argument, context, 'url'),
};

export const cmdline: Datasource = {
  name: 'cmdline',
  needs: 'network',
  applies: (_argument, facts) => urlOf(facts) !== undefined,
  async fetch(_argument, context) {
    const address = urlOf(context.facts);
    return address === undefined ? undefined : fetchUrl(address, context, 'cmdline');
  },
};

/** Of several, the last one counts, as for every kernel parameter. */
function urlOf({ cmdline: text }: Facts): string | undefined {
  return [...text.matchAll(/(?:^|\s)"?cloud[-_]config[-_]url=("[^"]*"|\S+)/g)].at(-1)?.[1]?.replaceAll('"', '');
}

/** User-data from there. That the server has no such file may be a matter of time, too: whoever named it wants it. */
export async function fetchUrl(address: string, { web }: DatasourceContext, name: string): Promise<Found> {
  const userData = await web.get(address, { timeoutMs });
  if (userData === undefined) throw new RosError('ERR_ROS_NOT_FOUND', `cannot fetch "${shownUrl(address)}": there is no such file`);
  return { source: `${name} ${shownUrl(address)}`, userData, metadata: undefined, problems: [] };
}

/** Without name, password and what stands behind a question mark: tokens, as a rule. */
export function shownUrl(address: string): string { return withoutUserinfo(address).replace(/[?#].*$/s, ''); }
