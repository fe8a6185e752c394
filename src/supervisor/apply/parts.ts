/** Every part of the machine that follows the configuration, in the order in which they are put into effect. */
import { isDeepStrictEqual } from 'node:util';
import type { Settings } from '../../config/index.ts';
import { caCertsPart } from './ca-certs.ts';
import { loginPart, sshKeysPart, sshPart, usersPart } from './console.ts';
import { systemDockerPart, userDockerBootPart, userDockerPart } from './engines.ts';
import { environmentPart, proxyPart } from './environment.ts';
import { fingerprint } from './applied.ts';
import { hostnamePart } from './hostname.ts';
import { isolationPart } from './isolation.ts';
import { modulesPart, sysctlPart } from './kernel.ts';
import { bootcmdPart, datasourcesPart, livePart, resizePart, runcmdPart, statePart } from './later.ts';
import { mountsPart } from './mounts.ts';
import { networkPart } from './network.ts';
import { ntpPart } from './ntp.ts';
import type { Change, Part } from './part.ts';
import { servicesPart } from './services.ts';
import { swapPart } from './swap.ts';
import { timezonePart } from './timezone.ts';
import { filesPart } from './write-files.ts';

export type { ApplyResult, Change, Effect, Part } from './part.ts';

export const parts: readonly Part[] = [
  hostnamePart, modulesPart, sysctlPart, timezonePart, mountsPart, swapPart, caCertsPart,
  sshKeysPart, loginPart, sshPart, usersPart, filesPart,
  networkPart, proxyPart, environmentPart, ntpPart, systemDockerPart, userDockerPart, isolationPart, servicesPart, livePart,
  statePart, resizePart, userDockerBootPart, datasourcesPart, bootcmdPart, runcmdPart,
];

/** Services that are to be restarted whenever something has changed. No part of its own: it has nothing to compare. */
export const restartsName = 'restart_services';

/** Parts that are not as the applied settings say: each with the `fingerprint` of what is in force instead, `''` when nobody knows. */
export type Unfinished = Readonly<Record<string, string>>;

/**
 * What must be done to get from one configuration to another: `before` is `machine.applied`, and `unfinished` what of it
 * failed or waits for a reboot (`machine.unfinished`). Pure.
 */
export function planChanges(before: Settings, after: Settings, unfinished: Unfinished = {}, table: readonly Part[] = parts): Change[] {
  const changes = table.filter((part) => !isInForce(part, before, after, unfinished[part.name])).map((part): Change => ({
    part: part.name, keys: part.keys, effect: part.effect, restarts: part.restarts ?? [],
    what: part.what?.(before, after) ?? part.keys.join(', '),
  }));
  const { restartServices } = after;
  if (restartServices.length === 0 || changes.every(({ effect }) => effect === 'reboot')) return changes;
  return [...changes, { part: restartsName, keys: ['rancher.restart_services'], effect: 'restarts', restarts: restartServices, what: `rancher.restart_services: ${restartServices.join(', ')}` }];
}

function isInForce(part: Part, before: Settings, after: Settings, instead: string | undefined): boolean {
  const wanted = plain(part.of(after));
  return instead === undefined ? isDeepStrictEqual(plain(part.of(before)), wanted) : instead === fingerprint(wanted);
}

/** As it comes back from a file: without what is undefined. */
function plain(value: unknown): unknown { return value === undefined ? null : JSON.parse(JSON.stringify(value)) as unknown; }
