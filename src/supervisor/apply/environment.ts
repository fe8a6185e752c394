/** Variables: for services by name (service-plan.ts), for who logs in by PAM, and the proxies for what the supervisor fetches. */
import { join } from 'node:path';
import type { Settings } from '../../config/index.ts';
import { RosError } from '../../lib/errors.ts';
import { writeFileAtomic } from '../../sys/files.ts';
import { setProxies } from '../../sys/http.ts';
import { paths } from '../machine.ts';
import { reloadServices } from '../service-plan.ts';
import { proxyVariables } from '../proxies.ts';
import type { Part } from './part.ts';

const file = join(paths.run, 'environment');
/** As the console's own /etc/environment has it. */
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export const proxyPart: Part = {
  name: 'proxies', keys: ['rancher.network.http_proxy', 'rancher.network.https_proxy', 'rancher.network.no_proxy'], effect: 'now',
  of: ({ network }) => network.proxy,
  what: () => 'rancher.network: proxies for logins from now on, for services and Docker from their next start on',
  adopt: ({ network }) => { setProxies(proxyVariables(network.proxy)); },
  boot: (_machine, settings) => writeEnvironment(settings),
  async apply(machine, _before, after) {
    await writeEnvironment(after);
    await reloadServices(machine);
  },
};

export const environmentPart: Part = {
  name: 'environment', keys: ['rancher.environment'], effect: 'now',
  of: ({ environment }) => environment,
  what: (before, after) => `rancher.environment: ${[...new Set([...Object.keys(before.environment), ...Object.keys(after.environment)])].filter((key) => before.environment[key] !== after.environment[key]).join(', ')}, for services from their next start on`,
  async apply(machine, _before, after) {
    await writeEnvironment(after);
    await reloadServices(machine);
  },
};

/** What logins get: the proxies, and what `PATH` of `rancher.environment` lists, behind the usual. Pure. */
export function loginEnvironment({ network, environment }: Settings): Record<string, string> {
  const more = (environment['PATH'] ?? environment['path'] ?? '').split(/[,:]/).map((folder) => folder.trim()).filter((folder) => /^\/[^\s"'\\#$]*$/.test(folder));
  return { ...(more.length > 0 && { PATH: [path, ...more].join(':') }), ...proxyVariables(network.proxy) };
}

/** Everybody may read it, as with /etc/environment. There, and empty, where nothing is said: PAM would log that it is missing. */
async function writeEnvironment(settings: Settings): Promise<void> {
  const variables = loginEnvironment(settings);
  await writeFileAtomic(file, Object.entries(variables).map(([name, value]) => `${name}=${value}\n`).join(''), 0o644);
  const { http, https } = settings.network.proxy;
  for (const proxy of [http, https]) if (proxy !== undefined && proxy !== '' && !URL.canParse(proxy)) throw new RosError('ERR_ROS_PROXY', 'cannot use the proxy of rancher.network: it is no URL', { hint: 'http://HOST:PORT' });
}
