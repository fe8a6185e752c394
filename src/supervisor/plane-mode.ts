/**
 * Whose namespaces User Docker runs in (`rancher.docker.isolation`): those of the user plane, or, for work that needs the machine itself, the machine's. It is
 * said with the definition of its container, so it is what that was made with, whatever the configuration says by now. plane-outer does the rest.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Isolation, Settings } from '../config/index.ts';
import { readConfiguredServices } from '../services/manifest.ts';
import type { Layer } from '../services/plan.ts';
import { writeFileAtomic } from '../sys/files.ts';
import { paths, type Machine } from './machine.ts';

const service = 'docker';
const topic = 'isolation';
/** For whoever wants to know what was handed out; absent is `plane`. */
const file = join(paths.userEngine, 'mode');

/** Over all others: the container that can leave its namespaces has the machine's process ids, which no container can get at later. */
export function isolationLayer({ docker }: Pick<Settings, 'docker'>): Layer[] {
  if (docker.isolation === 'plane') return [];
  const name = `rancher.docker.isolation: ${docker.isolation}`;
  return [{ name, services: readConfiguredServices({ [service]: { pid: 'host', environment: { ISOLATION: docker.isolation } } }, name, {}, () => undefined) }];
}

/** Before every start of the container. */
export async function handOutIsolation({ warnings, log, refreshLogin }: Pick<Machine, 'warnings' | 'log' | 'refreshLogin'>, isolation: Isolation, mode: string = file): Promise<void> {
  if (isolation === 'plane') {
    await rm(mode, { force: true });
    warnings.delete(topic);
  } else {
    await writeFileAtomic(mode, `${isolation}\n`, 0o644);
    log.warn('user-docker: it runs in the namespaces of the machine (rancher.docker.isolation: host)');
    warnings.set(topic, hostWarning);
  }
  refreshLogin();
}

export const hostWarning = 'User Docker runs in the machine\'s own namespaces: root in a container may be root of this machine. `sudo ros config set rancher.docker.isolation plane --apply` ends it.';

/** A supervisor that takes over finds the container running, and tells what the one before has told. */
export function adoptIsolation({ applied, settings, warnings }: Pick<Machine, 'applied' | 'settings' | 'warnings'>): void {
  if ((applied ?? settings).docker.isolation === 'host') warnings.set(topic, hostWarning);
}
