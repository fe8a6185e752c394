/**
 * What an administrator does to services, whole: validated before anything changes, remembered in one step, then done.
 * Between the two steps a power cut leaves the old state or the new one, for all that counts is in one file.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Catalog, LogLine, ServiceDetails, ServiceGraph, ServiceStatus, ServiceStory, Validation } from '../api/types.ts';
import { setConfigValue } from '../config/index.ts';
import type { OnProgress } from '../engine/engine.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import { suggest } from '../lib/suggest.ts';
import { defineService, provenance } from '../services/define.ts';
import { includeLayer } from '../services/layers.ts';
import { checkManifest } from '../services/manifest.ts';
import { startGroups } from '../services/order.ts';
import type { BuildFlags } from '../services/images.ts';
import { updateService } from '../services/update.ts';
import { writeFileAtomic } from '../sys/files.ts';
import { paths, type Machine } from './machine.ts';
import { keeps } from './state/places.ts';
import { readConfig } from './phases/config.ts';
import { ask, fetchInclude, makePlan, reloadPlan, serviceVariables } from './service-plan.ts';

export interface Done { readonly services: readonly ServiceStatus[]; readonly notes: readonly string[] }
export interface StartFlags { readonly recreate?: 'force' | 'never' | undefined; readonly build?: boolean | undefined }

const pullAttempts = 5;
const lastLinesShown = 10;
const firstMomentMs = 1000;

export class ServiceAdmin {
  readonly #machine: Machine;

  constructor(machine: Machine) { this.#machine = machine; }

  statuses(): ServiceStatus[] {
    return this.#machine.services.statuses().map((status) => this.#complete(status));
  }

  /** What the manager does not know of a service: whether it comes back at the next boot, and its times. */
  #complete(status: ServiceStatus): ServiceStatus {
    const { plan, settings, schedules } = this.#machine;
    const include = [...plan.included].find(([, names]) => names.includes(status.name))?.[0];
    const onlyIncluded = include !== undefined && (plan.fragments.get(status.name) ?? []).every((fragment) => !fragment.builtIn);
    const schedule = schedules.statusOf(status.name);
    return { ...status, enabled: !onlyIncluded || settings.servicesInclude[include] === true, ...(schedule && { schedule }) };
  }

  async catalog(update: boolean): Promise<Catalog> {
    const { settings, repositories } = this.#machine;
    const index = await repositories().index(ask(update ? 'newest' : 'missing'));
    // One whose services are there is told by them.
    const own = Object.keys(settings.servicesInclude).filter((include) => include.includes('/') && !this.#machine.plan.included.has(include));
    return {
      repositories: index.repositories,
      services: [
        ...index.services.map(({ name, repository }) => ({ name, repository, enabled: settings.servicesInclude[name] === true })),
        ...own.map((name) => ({ name, enabled: settings.servicesInclude[name] === true })),
      ],
    };
  }

  async enable(include: string, now: boolean, onProgress: OnProgress): Promise<Done> {
    const machine = this.#machine;
    const names = await this.#checkInclude(include);
    const { plan } = await makePlan(machine, 'here', includeLayer(include, await fetchInclude(machine, include, 'missing'), serviceVariables(machine)));
    for (const name of names) {
      const definition = plan.services.get(name);
      if (definition === undefined) throw new RosError('ERR_ROS_MANIFEST', `cannot enable service "${include}": ${plan.problems.at(-1) ?? `"${name}" cannot be used`}`);
      await machine.images.ensure(machine.planes[definition.scope].engine, definition, pullAttempts, onProgress);
    }
    const isNew = names.filter((name) => !machine.services.has(name));
    // Before the plan knows it: a supervisor that takes over meanwhile must not start it.
    for (const name of isNew) await machine.services.markStopped(name, !now);
    await this.#remember(['rancher', 'services_include', include], true, `service enable ${include}`);
    await rm(keptFile(include), { force: true });
    await reloadPlan(machine, 'here', (name) => names.includes(name));
    if (this.#machine.settings.servicesInclude[include] !== true) throw new RosError('ERR_ROS_OVERRIDDEN', `cannot enable service "${include}": another part of the configuration disables it`);
    if (now) return { services: await Promise.all(names.map((name) => this.#start(name))), notes: [`enabled and started ${names.join(', ')}`, ...this.#memoryNote()] };
    const how = isNew.length === 0 ? 'it was part of this machine already' : `it starts at the next boot, or now with "ros service up ${names.join(' ')}"`;
    return { services: names.map((name) => this.#status(name)), notes: [`enabled ${include}: ${how}`, ...this.#memoryNote()] };
  }

  async disable(given: string, now: boolean): Promise<{ readonly notes: readonly string[] }> {
    const machine = this.#machine;
    const include = this.#includeOf(given, 'disable');
    const names = machine.plan.included.get(include) ?? [];
    if (now) {
      await rm(keptFile(include), { force: true });
    } else {
      await mkdir(paths.kept, { recursive: true });
      await writeFileAtomic(keptFile(include), '', 0o644);
    }
    await this.#remember(['rancher', 'services_include', include], false, `service disable ${include}`);
    await reloadPlan(machine, 'here', (name) => names.includes(name));
    if (machine.settings.servicesInclude[include] === true) throw new RosError('ERR_ROS_OVERRIDDEN', `cannot disable service "${include}": another part of the configuration enables it`);
    const running = names.filter((name) => machine.services.has(name) && machine.services.runner(name, 'disable').started);
    return { notes: [running.length === 0 ? `disabled ${include}` : `disabled ${include}: it runs until the machine boots again, or "ros service down ${running.join(' ')}"`, ...this.#memoryNote()] };
  }

  async delete(given: string): Promise<{ readonly notes: readonly string[] }> {
    const machine = this.#machine;
    const include = this.#includeOf(given, 'delete');
    const names = machine.plan.included.get(include) ?? [];
    await this.#remember(['rancher', 'services_include', include], undefined, `service delete ${include}`);
    for (const name of names) if (machine.settings.serviceImages[name] !== undefined) await this.#remember(['rancher', 'service_images', name], undefined, `service delete ${include}`);
    await rm(keptFile(include), { force: true });
    await reloadPlan(machine, 'here', () => false);
    if (machine.settings.servicesInclude[include] === true) throw new RosError('ERR_ROS_OVERRIDDEN', `cannot delete service "${include}": another part of the configuration enables it`);
    return { notes: [`deleted ${include}`] };
  }

  async up(name: string, { recreate, build = true }: StartFlags, onProgress: OnProgress): Promise<Done> {
    const { services, images } = this.#machine;
    const runner = await this.#prepared(name, 'start', build, onProgress);
    const isCurrent = await runner.isCurrent();
    // A start that is under way by itself is one of the service as it was: it would fail, or succeed, in the place of this one.
    const isUp = runner.started || runner.state === 'starting';
    if (isUp && (recreate === 'force' || (recreate !== 'never' && !isCurrent))) {
      onProgress(`${name}: replacing its container`);
      await runner.bringDown();
    }
    if (recreate === 'force') await runner.discard();
    await images.ensure(runner.plane.engine, runner.definition, pullAttempts, onProgress);
    onProgress(`${name}: starting`);
    const status = await this.#start(name);
    return { services: [status], notes: [`started ${name}: ${services.runner(name, 'start').state}`] };
  }

  async create(name: string, { recreate, build = true }: StartFlags, onProgress: OnProgress): Promise<Done> {
    const runner = await this.#prepared(name, 'create', build, onProgress);
    await this.#machine.services.markStopped(name, true);
    await this.#machine.images.ensure(runner.plane.engine, runner.definition, pullAttempts, onProgress);
    await runner.create(recreate ?? 'changed');
    return { services: [this.#status(name)], notes: [`created ${name}`] };
  }

  async down(name: string, graceS: number | undefined): Promise<ServiceStatus> {
    const { services } = this.#machine;
    await services.stop(name, graceS);
    await services.runner(name, 'remove').discard();
    return this.#status(name);
  }

  async remove(name: string, withVolumes: boolean): Promise<ServiceStatus> {
    const { services } = this.#machine;
    const runner = services.runner(name, 'remove');
    if (runner.started || runner.state === 'starting') throw new RosError('ERR_ROS_RUNNING', `cannot remove service "${name}": it is ${runner.state}`, { hint: `\`ros service down ${name}\` stops and removes it` });
    await services.stop(name);
    await runner.discard(!withVolumes);
    return this.#status(name);
  }

  async pull(name: string, onProgress: OnProgress): Promise<Done> {
    const runner = await this.#prepared(name, 'pull', false, onProgress);
    await this.#machine.images.pull(runner.plane.engine, runner.definition.image, pullAttempts, onProgress);
    return { services: [this.#status(name)], notes: [`pulled ${runner.definition.image}`] };
  }

  async build(name: string, flags: BuildFlags, onProgress: OnProgress): Promise<Done> {
    const runner = await this.#prepared(name, 'build', false, onProgress);
    await this.#machine.images.build(runner.plane.engine, runner.definition, flags, onProgress);
    return { services: [this.#status(name)], notes: [`built ${runner.definition.image}`] };
  }

  async update(name: string, image: string | undefined, onProgress: OnProgress): Promise<Done> {
    const machine = this.#machine;
    const before = machine.services.runner(name, 'update').definition.image;
    await updateService({
      manager: machine.services, images: machine.images, clock: machine.clock,
      remember: async (to) => {
        if (to === before) return;
        // Where the user's own file names the image it goes on being the place that does.
        const own = machine.plan.fragments.get(name)?.some(({ origin, said }) => origin === 'cloud-config.yml' && said['image'] !== undefined) === true;
        await this.#remember(own ? ['rancher', 'services', name, 'image'] : ['rancher', 'service_images', name], to, `service update ${name}`);
        await reloadPlan(machine, 'here', (one) => one === name);
      },
    }, name, image, onProgress);
    return { services: [this.#status(name)], notes: [`updated ${name}: it runs from ${image ?? before}`, ...(image === undefined ? [] : this.#memoryNote())] };
  }

  show(name: string): ServiceDetails {
    const { services, plan } = this.#machine;
    const runner = services.runner(name, 'show');
    const { said, origins } = provenance(plan.fragments.get(name) ?? []);
    return { status: this.#complete(runner.status()), definition: said, origins };
  }

  async why(name: string): Promise<ServiceStory> {
    const runner = this.#machine.services.runner(name, 'explain');
    const lastLines: LogLine[] = [];
    const { containerId, plane } = runner;
    if (containerId !== undefined) {
      await plane.engine.logs(containerId, { tail: lastLinesShown }, AbortSignal.timeout(10_000), (stream, at, line) => { lastLines.push({ service: name, stream, at, line }); }).catch(() => undefined);
    }
    const nextTryMs = runner.nextTryInMs;
    return {
      status: this.#status(name), inStateMs: runner.inStateMs, waitsFor: runner.waitsFor, failuresInARow: runner.failures, exits: runner.exits, lastLines,
      ...(nextTryMs !== undefined && { nextTryMs }),
    };
  }

  graph(): ServiceGraph {
    const { services, plan } = this.#machine;
    const names = services.names();
    const levels = startGroups(names, (name) => [...(plan.services.get(name)?.after.keys() ?? [])]);
    return {
      nodes: levels.flatMap((group, level) => group.map((name) => {
        const { state, definition } = services.runner(name, 'draw');
        return { name, state, scope: definition.scope, level };
      })),
      edges: [...plan.services.values()].flatMap(({ name, after }) => [...after].map(([to, condition]) => ({ from: name, to, condition }))),
    };
  }

  /** What would be wrong with a service file here: in itself, and together with the services that there are. */
  async validate(text: string, origin: string): Promise<Validation> {
    const { fragments, problems } = checkManifest(text, origin, serviceVariables(this.#machine));
    const found = [...problems];
    if (problems.length === 0) {
      const before = new Set((await makePlan(this.#machine, 'here')).plan.problems);
      const { plan } = await makePlan(this.#machine, 'here', { name: origin, include: origin, services: fragments });
      found.push(...plan.problems.filter((problem) => !before.has(problem)));
    }
    const services = fragments.flatMap((fragment) => {
      try {
        const { name, scope, image } = defineService([fragment]);
        return [{ name, scope, image }];
      } catch { return []; } // told among the problems, or it is a part that another layer completes
    });
    return { services, problems: found };
  }

  /** The service as its file says now, its image built where it is to be; nothing is started. */
  async #prepared(name: string, verb: string, build: boolean, onProgress: OnProgress): Promise<ReturnType<Machine['services']['runner']>> {
    const machine = this.#machine;
    machine.services.runner(name, verb);
    await reloadPlan(machine, 'here', (one) => one === name);
    const runner = machine.services.runner(name, verb);
    const { build: order, image } = runner.definition;
    if (build && order !== undefined && (await runner.plane.engine.imageId(image)) === undefined) await machine.images.build(runner.plane.engine, runner.definition, {}, onProgress);
    return runner;
  }

  /** A service without a health check that ends at once has not been started, whatever its first moment looked like. */
  async #start(name: string): Promise<ServiceStatus> {
    const { services } = this.#machine;
    await services.start(name);
    const runner = services.runner(name, 'start');
    const endedAtOnce = runner.definition.healthcheck === undefined && await services.until(() => !runner.ready, firstMomentMs, () => 'it goes on').then(() => true, () => false);
    if (endedAtOnce) throw new RosError('ERR_ROS_START', `cannot start service "${name}": ${runner.status().detail || `it is ${runner.state}`}`, { hint: `\`ros service why ${name}\` tells more` });
    return this.#status(name);
  }

  #status(name: string): ServiceStatus { return this.#complete(this.#machine.services.runner(name, 'show').status()); }

  /** The names of the services in the file of an entry. Throws when there is no such entry or its file is not right. */
  async #checkInclude(include: string): Promise<string[]> {
    const machine = this.#machine;
    if (!include.includes('/')) {
      const { services } = await machine.repositories().index(ask('missing'));
      if (!services.some(({ name }) => name === include)) {
        if (machine.plan.services.get(include)?.builtIn === true) throw new RosError('ERR_ROS_BUILT_IN', `cannot enable service "${include}": it comes with the system and is always on`);
        const meant = suggest(include, services.map(({ name }) => name));
        throw new RosError('ERR_ROS_NO_SERVICE', `cannot enable service "${include}": no repository has it`, { hint: meant === undefined ? '`ros service list -a` shows what there is; -u asks the repositories anew' : `did you mean "${meant}"?` });
      }
    }
    try {
      return includeLayer(include, await fetchInclude(machine, include, 'newest'), serviceVariables(machine)).services.map(({ name }) => name);
    } catch (error) {
      throw new RosError(error instanceof RosError ? error.code : 'ERR_ROS_MANIFEST', `cannot enable service "${include}": ${causeOf(error)}`, { cause: error, ...(error instanceof RosError && error.hint !== undefined && { hint: error.hint }) });
    }
  }

  /** The entry of `rancher.services_include` that is meant: itself, or a service out of its file. */
  #includeOf(given: string, verb: string): string {
    const { settings, plan } = this.#machine;
    if (Object.hasOwn(settings.servicesInclude, given)) return given;
    if (plan.services.get(given)?.builtIn === true) {
      throw new RosError('ERR_ROS_BUILT_IN', `cannot ${verb} service "${given}": it comes with the system and is always on`, { hint: `\`ros service stop ${given}\` stops it for this boot` });
    }
    const include = [...plan.included].find(([, names]) => names.includes(given))?.[0];
    if (include !== undefined) return include;
    const meant = suggest(given, Object.keys(settings.servicesInclude));
    const cause = plan.services.has(given) ? 'it is part of rancher.services in the cloud-config' : 'it was never enabled';
    throw new RosError('ERR_ROS_NO_SERVICE', `cannot ${verb} service "${given}": ${cause}`, meant === undefined ? {} : { hint: `did you mean "${meant}"?` });
  }

  async #remember(path: readonly string[], value: string | boolean | undefined, why: string): Promise<void> {
    await setConfigValue(paths.conf, path, value, why);
    await readConfig(this.#machine);
  }

  #memoryNote(): string[] { return !keeps(this.#machine.state, paths.conf) ? ['This machine has no state partition: it forgets this at its next boot'] : []; }
}

function keptFile(include: string): string { return join(paths.kept, encodeURIComponent(include)); }
