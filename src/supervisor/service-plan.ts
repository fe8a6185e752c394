/** What the machine's configuration makes of its services: layers → plan, anew whenever something has changed. */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { causeOf, RosError } from '../lib/errors.ts';
import { Turns } from '../lib/turns.ts';
import { listDirectory, readTextFile } from '../sys/files.ts';
import { manifestLimit, readLayers, type ServiceFile } from '../services/layers.ts';
import { readConfiguredServices } from '../services/manifest.ts';
import type { Ask } from '../services/repository.ts';
import { combineLayers, type Layer, type Plan } from '../services/plan.ts';
import { withMountedFiles } from './apply/write-files.ts';
import { paths, type Machine } from './machine.ts';
import { isolationLayer } from './plane-mode.ts';
import { proxyVariables } from './proxies.ts';

/** Where service files of this machine's own lie: nothing outside of it can be enabled by path. */
const ownFiles = paths.conf;

/** How far to go for a service file: to the network for a newer one, only when there is none yet, or not at all. */
export type Reach = 'newest' | 'missing' | 'here';

export interface MadePlan { readonly plan: Plan; readonly layers: readonly Layer[] }

/** An older plan must not come into force after a newer one. */
const oneAtATime = new Turns(1);

/** The plan of the configuration as it is, and of `extra` besides: an entry that is to be enabled. */
export async function makePlan(machine: Machine, reach: Reach, extra?: Layer): Promise<MadePlan> {
  const { layers, problems } = await readLayers({
    shippedDirectory: `${paths.share}/services`,
    configured: machine.configuredServices,
    includes: await includesInForce(machine),
    variables: serviceVariables(machine),
    fetch: (include) => fetchInclude(machine, include, reach),
  });
  const said = extra === undefined ? layers : withLayer(layers, extra);
  const all = [...said, chosenImages(machine, said), ...isolationLayer(machine.applied ?? machine.settings)];
  const plan = combineLayers(all);
  if (![...plan.services.values()].some(({ builtIn }) => builtIn)) throw new RosError('ERR_ROS_NO_SERVICES', `cannot start system services: no usable manifest in "${paths.share}/services"`);
  return { plan: { ...plan, services: withMountedFiles(plan.services, machine.settings.writeFiles), problems: [...problems, ...plan.problems] }, layers: all };
}

/** What `ros service update` has chosen, of services that there are: it brings none by itself. */
function chosenImages({ settings }: Machine, layers: readonly Layer[]): Layer {
  const known = new Set(layers.flatMap(({ services }) => services.map(({ name }) => name)));
  const chosen = Object.entries(settings.serviceImages).filter(([name]) => known.has(name)).map(([name, image]) => [name, { image }]);
  return { name: 'ros service update', services: readConfiguredServices(Object.fromEntries(chosen), 'rancher.service_images', {}, () => undefined) };
}

/** Before the services of the cloud-config, which have the last word. */
function withLayer(layers: readonly Layer[], extra: Layer): Layer[] {
  const others = layers.filter(({ include }) => include !== extra.include);
  const at = others.findLastIndex(({ include, services }) => include !== undefined || services.some(({ builtIn }) => builtIn)) + 1;
  return [...others.slice(0, at), extra, ...others.slice(at)];
}

/**
 * Takes the plan of the present configuration into force. What was changed of a running service counts from its next start;
 * of those that `isMeant`, `up` and the like then make it so.
 */
export async function reloadPlan(machine: Machine, reach: Reach, isMeant?: (name: string) => boolean): Promise<void> {
  await oneAtATime.take(0, async () => {
    const { plan } = await makePlan(machine, reach);
    machine.plan = plan;
    showProblems(machine, plan.problems);
    await machine.services.setPlan(plan, isMeant);
    await machine.schedules.follow(plan);
  });
}

/** As `reloadPlan`, for a configuration that has changed while the machine runs: services that are new start, those that are gone are removed. */
export async function reloadServices(machine: Machine): Promise<void> {
  const known = new Set(machine.services.names());
  await reloadPlan(machine, 'missing', () => false);
  for (const name of machine.services.names()) if (!known.has(name)) void machine.services.start(name).catch((error: unknown) => { machine.log.warn(causeOf(error)); });
}

function showProblems({ warnings, log, refreshLogin }: Machine, problems: readonly string[]): void {
  const topics = new Set(problems.map((problem) => `services ${problem}`));
  for (const topic of warnings.keys()) if (topic.startsWith('services ') && !topics.has(topic)) warnings.delete(topic);
  for (const problem of problems) {
    if (warnings.has(`services ${problem}`)) continue;
    log.warn(`services: ${problem}`);
    warnings.set(`services ${problem}`, `${problem}.`);
  }
  refreshLogin();
}

/** `${NAME}` in service files: the proxies, what `rancher.environment` says, and the version. */
export function serviceVariables({ settings, version }: Machine): Record<string, string> {
  return { ...proxyVariables(settings.network.proxy), ...settings.environment, VERSION: version };
}

/** Entries that are on, and those that were switched off in this boot: these stay until it ends, or `down`. */
async function includesInForce({ settings }: Machine): Promise<string[]> {
  const kept = (await listDirectory(paths.kept)).map((name) => decodeURIComponent(name));
  const enabled = Object.entries(settings.servicesInclude).flatMap(([include, isOn]) => (isOn ? [include] : []));
  return [...new Set([...enabled, ...kept])];
}

/** The same to a repository. */
export function ask(reach: Reach): Ask { return { refresh: reach === 'newest', offline: reach === 'here' }; }

/** The service file behind an entry of `rancher.services_include`: a repository's name, a path or a URL. */
export async function fetchInclude({ repositories }: Machine, include: string, reach: Reach): Promise<ServiceFile> {
  if (/^https?:\/\//.test(include)) return repositories().urlFile(include, ask(reach));
  if (!include.startsWith('/')) return repositories().serviceFile(include, ask(reach));
  const path = await ownFile(include);
  const text = await readTextFile(path, manifestLimit);
  if (text === undefined) throw new RosError('ERR_ROS_READ', `cannot read service file "${include}": there is no such file`);
  return { text, origin: include };
}

/** The file itself: neither the path nor a link may lead out of the folder of the machine's own files. */
async function ownFile(include: string): Promise<string> {
  const outside = (): RosError => new RosError('ERR_ROS_SERVICE_PATH', `cannot read service file "${include}": it is outside of "${ownFiles}"`, { hint: `put it into ${ownFiles}` });
  if (!join(include).startsWith(`${ownFiles}/`)) throw outside();
  const path = await realpath(include).catch(() => include);
  const root = await realpath(ownFiles).catch(() => ownFiles);
  if (!path.startsWith(`${root}/`) && path !== include) throw outside();
  return path;
}
