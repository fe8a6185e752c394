/** The two engines' options. Their daemons are started anew for a change; containers go on. */
import { describeRefusal, systemDockerChoice, userDockerChoice, writtenEngineFile, type EngineChoice, type Refusal, type Settings } from '../../config/index.ts';
import { applySystemDocker } from '../phases/system-docker.ts';
import { applyUserDocker, certificates } from '../user-engine.ts';
import type { Part } from './part.ts';

const proxyKeys = ['rancher.network.http_proxy', 'rancher.network.https_proxy', 'rancher.network.no_proxy'];

export const systemDockerPart: Part = {
  name: 'system_docker',
  keys: ['rancher.system_docker', 'rancher.debug', ...proxyKeys],
  of: (settings) => { const { set, refused } = systemDockerChoice(settings); return { set, refused }; },
  effect: 'now',
  what: (before, after) => whatOf('System Docker is started again, its containers go on', systemDockerChoice(before), systemDockerChoice(after)),
  apply: applySystemDocker,
};

export const userDockerPart: Part = {
  name: 'docker',
  keys: ['rancher.docker', 'rancher.debug', ...proxyKeys],
  of: (settings) => {
    const { set: { bootFlags: _later, ...set }, refused, cautions } = userChoice(settings);
    return { set, refused, cautions, certificates: certificates(settings) };
  },
  effect: 'now',
  what(before, after) {
    const old = userChoice(before);
    const containers = old.set.liveRestore && userChoice(after).set.liveRestore ? 'its containers go on' : 'its containers stop, those with a restart policy start again';
    return whatOf(`User Docker is started again, ${containers}`, old, userChoice(after));
  },
  apply: applyUserDocker,
};

/** What the networks and files of running containers hang on. Never applied: User Docker takes it when it starts without containers. */
export const userDockerBootPart: Part = {
  name: 'docker (networks and storage)',
  keys: ['rancher.docker.bip', 'rancher.docker.bridge', 'rancher.docker.mtu', 'rancher.docker.storage_driver', 'rancher.docker.extra_args'],
  of: (settings) => userChoice(settings).set.bootFlags,
  effect: 'reboot',
  what: (before, after) => {
    const [old, wanted] = [userChoice(before).set.bootFlags, userChoice(after).set.bootFlags];
    const changed = [...old.filter((flag) => !wanted.includes(flag)), ...wanted.filter((flag) => !old.includes(flag))];
    return `${[...new Set(changed.map((flag) => flag.split('=')[0]))].join(', ')} of User Docker`;
  },
  apply: () => Promise.resolve(),
};

/** Options that the engines do not use, and why, for whoever looks at a configuration before it is in effect. */
export function engineRefusals(settings: Settings): readonly Refusal[] {
  return [...systemDockerChoice(settings).refused, ...userChoice(settings).refused];
}

/** By the configuration alone: files of the machine that count, too, are read when it is applied. */
function userChoice(settings: Settings): EngineChoice {
  const file = writtenEngineFile(settings);
  return userDockerChoice(settings, { hasCertificates: true, ...(file !== undefined && { file }) });
}

function whatOf(work: string, before: EngineChoice, after: EngineChoice): string {
  const isSame = JSON.stringify(before.set) === JSON.stringify(after.set);
  return [...(isSame ? [] : [work]), ...after.refused.map(describeRefusal)].join('; ') || work;
}
