/** Parts that a boot, or a start of the console, puts into effect: changing them changes nothing that runs. */
import type { Settings } from '../../config/index.ts';
import type { Part } from './part.ts';

function atNextBoot(name: string, keys: readonly string[], of: (settings: Settings) => unknown, what?: string): Part {
  return { name, keys, of, effect: 'reboot', ...(what !== undefined && { what: () => what }), apply: () => Promise.resolve() };
}

/** Read whenever they are needed: there is nothing to do but to know them. */
export const livePart: Part = {
  name: 'supervisor', keys: ['rancher.registry_auths', 'rancher.shutdown_timeout', 'rancher.http_load_retries', 'rancher.preload_wait'], effect: 'now',
  of: ({ registryAuths, shutdownTimeoutMs, httpLoadRetries, preloadWait }) => ({ registryAuths, shutdownTimeoutMs, httpLoadRetries, preloadWait }),
  what: (before, after) => [
    ...(JSON.stringify(before.registryAuths) === JSON.stringify(after.registryAuths) ? [] : ['rancher.registry_auths']),
    ...(before.shutdownTimeoutMs === after.shutdownTimeoutMs ? [] : ['rancher.shutdown_timeout']),
    ...(before.httpLoadRetries === after.httpLoadRetries ? [] : ['rancher.http_load_retries']),
    ...(before.preloadWait === after.preloadWait ? [] : ['rancher.preload_wait']),
  ].join(', '),
  apply: () => Promise.resolve(),
};

export const statePart = atNextBoot('state', ['rancher.state'], ({ state }) => state);
export const resizePart = atNextBoot('resize_device', ['rancher.resize_device'], ({ resizeDevice }) => resizeDevice);
export const datasourcesPart = atNextBoot('datasources', ['rancher.cloud_init.datasources'], ({ datasources }) => datasources);
export const bootcmdPart = atNextBoot('bootcmd', ['bootcmd'], ({ bootcmd }) => bootcmd, 'bootcmd: runs at every boot');
export const runcmdPart = atNextBoot('runcmd', ['runcmd'], ({ runcmd }) => runcmd, 'runcmd: runs at every start of the console');
