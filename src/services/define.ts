/** What layers say of a service, as its definition: merged, completed, in the engine's words. Pure. */
import { dirname, resolve } from 'node:path';
import { portBindings } from '../engine/create-options.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import { expandVolumesFrom } from './compose.ts';
import { defaultPriority, type DependencyCondition, type ServiceDefinition } from './definition.ts';
import type { RawFragment, RawService } from './manifest-schema.ts';
import type { RestartPolicy } from './state-machine.ts';
import { isMap, readManifest, type Fragment } from './manifest.ts';

const defaultStopGraceMs = 10_000;
/** What `cpu_quota` counts in, of the kernel's default period. */
const cpuPeriodUs = 100_000;
const conditions = { service_started: 'started', service_healthy: 'healthy', service_completed_successfully: 'completed' } as const;

/** A service file whose services are whole: nothing is missing that another layer would have to say. */
export function parseManifest(text: string, origin: string, variables: Readonly<Record<string, string>>): ServiceDefinition[] {
  return readManifest(text, origin, variables).map((fragment) => defineService([fragment]));
}

/** What layers say of a service, put together, and which of them said each value last. `said` is as the files spell it. */
export interface Provenance {
  readonly said: Readonly<Record<string, unknown>>;
  readonly origins: readonly { readonly path: readonly string[]; readonly origin: string }[];
}

/** For showing: the same merge as `defineService`'s, on what the files say and not on what it means. */
export function provenance(fragments: readonly Fragment[]): Provenance {
  const plain = fragments.map((fragment) => ({ origin: fragment.origin, said: Object.fromEntries(Object.entries(fragment.said).map(([key, value]) => [key, key === 'environment' || key === 'labels' ? asMap(value) : value])) }));
  const said = plain.reduce<Record<string, unknown>>((merged, fragment) => overlayMaps(merged, fragment.said), {});
  return { said, origins: leaves(said).map((path) => ({ path, origin: plain.findLast((fragment) => hasPath(fragment.said, path))?.origin ?? '' })) };
}

/** The list form of `environment` and `labels` as the map form, which merges. */
function asMap(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return Object.fromEntries(value.map((entry: unknown): [string, string] => {
    const text = String(entry);
    const at = text.indexOf('=');
    return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
  }));
}

/** The paths of everything that is no map: what a later layer replaces as a whole. */
function leaves(value: Readonly<Record<string, unknown>>, base: readonly string[] = []): string[][] {
  return Object.entries(value).flatMap(([key, entry]) => (isMap(entry) && Object.keys(entry).length > 0 ? leaves(entry, [...base, key]) : [[...base, key]]));
}

function hasPath(value: unknown, [first, ...others]: readonly string[]): boolean {
  if (first === undefined) return true;
  return isMap(value) && Object.hasOwn(value, first) && hasPath(value[first], others);
}

/**
 * What all layers say of one service, in their order, as its definition: maps merge key by key, lists and scalars of the
 * later layer replace. Throws when no layer names an image.
 */
export function defineService(fragments: readonly Fragment[]): ServiceDefinition {
  const { name = '' } = fragments[0] ?? {};
  const origin = fragments.map((fragment) => fragment.origin).join(' + ');
  const { image, ...raw } = fragments.reduce<RawFragment>((merged, fragment) => overlay(merged, fragment.raw), {});
  if (image === undefined && raw.build === undefined) throw new RosError('ERR_ROS_MANIFEST', `cannot use service "${name}" of "${origin}": it names no image, and no folder to build one from`);
  return define(name, { ...raw, image: image ?? `${name}:built` }, origin, fragments);
}

function overlay(base: RawFragment, over: RawFragment): RawFragment { return overlayMaps(base, over); }

function overlayMaps(base: Readonly<Record<string, unknown>>, over: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const result = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(over)) {
    if (value === undefined) continue;
    const below = result.get(key);
    result.set(key, isMap(value) && isMap(below) ? overlayMaps(below, value) : value);
  }
  return Object.fromEntries(result);
}

function define(name: string, raw: RawService, origin: string, fragments: readonly Fragment[]): ServiceDefinition {
  const binds = fragments.flatMap((fragment) => fragment.binds);
  const file = fragments.findLast((fragment) => fragment.raw.build !== undefined)?.origin ?? origin;
  const labels = raw.labels ?? {};
  const { healthcheck } = raw;
  const resources = raw.deploy?.resources;
  const inherited = expandVolumesFrom(raw.volumes_from ?? []);
  const scope = labels['io.rancher.os.scope'] === 'system' ? 'system' : 'user';
  const schedule = scheduleOf(labels);
  return withoutUndefined({
    name,
    origin,
    scope,
    builtIn: fragments.some((fragment) => fragment.builtIn),
    image: raw.image,
    build: raw.build === undefined ? undefined : withoutUndefined({ context: buildContext(name, file, raw.build.context), dockerfile: raw.build.dockerfile ?? raw.dockerfile }),
    after: dependencies(raw, labels, inherited.from),
    // A scheduled run that has ended well is not to be started again before its time.
    oneshot: labels['io.rancher.os.detach'] === 'false' || schedule?.action === 'start',
    schedule,
    restart: restartOf(name, origin, raw.restart),
    createOnly: labels['io.rancher.os.createonly'] === 'true',
    priority: Number(labels['io.corral.priority'] ?? defaultPriority),
    labels,
    stopGraceMs: raw.stop_grace_period ?? defaultStopGraceMs,
    healthcheck: healthcheck?.test === undefined || healthcheck.disable === true ? undefined : withoutUndefined({
      test: typeof healthcheck.test === 'string' ? ['CMD-SHELL', healthcheck.test] : healthcheck.test,
      intervalMs: healthcheck.interval,
      timeoutMs: healthcheck.timeout,
      startPeriodMs: healthcheck.start_period,
      startIntervalMs: healthcheck.start_interval,
      retries: healthcheck.retries,
    }),
    entrypoint: words(raw.entrypoint),
    command: words(raw.command),
    environment: raw.environment ?? {},
    user: raw.user,
    workingDir: raw.working_dir,
    hostname: raw.hostname,
    volumes: [...inherited.volumes, ...(raw.volumes ?? []).map((volume) => absoluteVolume(volume, fragments)), ...binds],
    volumesFrom: inherited.from,
    tmpfs: Object.fromEntries((raw.tmpfs ?? []).map((entry): [string, string] => {
      const [path = '', options = ''] = entry.split(':');
      return [path, options];
    })),
    devices: raw.devices ?? [],
    privileged: raw.privileged ?? false,
    readOnly: raw.read_only ?? false,
    capAdd: raw.cap_add ?? [],
    capDrop: raw.cap_drop ?? [],
    securityOpt: raw.security_opt ?? [],
    networkMode: raw.network_mode ?? raw.net ?? raw.networks ?? (scope === 'system' ? 'host' : 'default'),
    ports: checkedPorts(name, origin, raw.ports ?? []),
    links: raw.links ?? [],
    domainname: raw.domainname,
    macAddress: raw.mac_address,
    volumeDriver: raw.volume_driver,
    extraHosts: raw.extra_hosts ?? [],
    dns: raw.dns ?? [],
    dnsSearch: raw.dns_search ?? [],
    pidMode: raw.pid,
    ipcMode: raw.ipc,
    utsMode: raw.uts,
    cgroupMode: raw.cgroup,
    cgroupParent: raw.cgroup_parent,
    init: raw.init ?? false,
    tty: raw.tty ?? false,
    stdinOpen: raw.stdin_open ?? false,
    stopSignal: raw.stop_signal,
    memoryBytes: resources?.limits?.memory ?? raw.mem_limit,
    memoryReservationBytes: resources?.reservations?.memory ?? raw.mem_reservation,
    memorySwapBytes: raw.memswap_limit,
    cpus: resources?.limits?.cpus ?? raw.cpus ?? (raw.cpu_quota === undefined ? undefined : raw.cpu_quota / cpuPeriodUs),
    cpuset: raw.cpuset,
    cpuShares: raw.cpu_shares,
    pidsLimit: resources?.limits?.pids ?? raw.pids_limit,
    oomScoreAdj: raw.oom_score_adj,
    ulimits: Object.entries(raw.ulimits ?? {}).map(([limit, value]) => (typeof value === 'number' ? { name: limit, soft: value, hard: value } : { name: limit, ...value })),
    sysctls: raw.sysctls ?? {},
    annotations: raw.annotations ?? {},
  });
}

/** The folder to build from lies beside the service file, as files of `configs` do: one from elsewhere cannot ask for any. */
function buildContext(name: string, file: string, context: string): string {
  const folder = dirname(resolve('/', file));
  const path = resolve(folder, context);
  if (path !== folder && !path.startsWith(`${folder}/`)) throw new RosError('ERR_ROS_MANIFEST', `cannot use service "${name}" of "${file}": build: "${context}" is outside of "${folder}"`);
  return path;
}

/** `./data:/data` lies beside the file that says so. */
function absoluteVolume(volume: string, fragments: readonly Fragment[]): string {
  if (!volume.startsWith('.')) return volume;
  const [source = '', ...others] = volume.split(':');
  const file = fragments.findLast((fragment) => fragment.raw.volumes !== undefined)?.origin ?? '';
  return [resolve(dirname(resolve('/', file)), source), ...others].join(':');
}

function checkedPorts(name: string, origin: string, ports: readonly string[]): readonly string[] {
  try {
    for (const entry of ports) portBindings(entry);
    return ports;
  } catch (error) {
    throw new RosError('ERR_ROS_MANIFEST', `cannot use service "${name}" of "${origin}": ports: ${causeOf(error)}`);
  }
}

/** As compose has it; without a word a service is kept running, for that is what a system service is for. */
function restartOf(name: string, origin: string, said: string | undefined): RestartPolicy {
  const [, policy, limit] = /^(no|false|always|true|unless-stopped|on-failure)(?::(\d+))?$/.exec(said ?? 'always') ?? [];
  if (policy === undefined) throw new RosError('ERR_ROS_MANIFEST', `cannot use service "${name}" of "${origin}": restart: "${said}" is none of no, always, on-failure, on-failure:N, unless-stopped`);
  const when = policy === 'no' || policy === 'false' ? 'never' : policy === 'on-failure' ? 'on-failure' : 'always';
  return { when, ...(limit !== undefined && { limit: Number(limit) }) };
}

/** `cron.*` as rancher/container-crontab has them, and ours for a run that was missed. */
function scheduleOf(labels: Readonly<Record<string, string>>): ServiceDefinition['schedule'] {
  const expression = labels['cron.schedule'];
  if (expression === undefined) return undefined;
  const action = labels['cron.action'];
  return { expression, action: action === 'restart' || action === 'stop' ? action : 'start', catchUp: labels['io.corral.cron.catch-up'] === 'true' };
}

function dependencies(raw: RawService, labels: Readonly<Record<string, string>>, volumesFrom: readonly string[]): Map<string, DependencyCondition> {
  const after = new Map<string, DependencyCondition>();
  // Its container must be there; `name:ro` is a name with a mode.
  for (const entry of volumesFrom) after.set(entry.split(':')[0] ?? entry, 'started');
  for (const name of commaList(labels['io.rancher.os.after'])) after.set(name, 'healthy');
  if (Array.isArray(raw.depends_on)) for (const name of raw.depends_on) after.set(name, 'started');
  else for (const [name, { condition }] of Object.entries(raw.depends_on ?? {})) after.set(name, conditions[condition ?? 'service_started']);
  return after;
}

/** The names that a label such as `io.rancher.os.before: a, b` lists. */
export function commaList(value: string | undefined): string[] {
  return (value ?? '').split(',').map((name) => name.trim()).filter((name) => name !== '');
}

/** A command as words: a string is split as a shell would, without expanding anything. */
function words(command: string | readonly string[] | undefined): readonly string[] | undefined {
  if (typeof command !== 'string') return command;
  return [...command.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g)].map(([, double, single, bare]) => double?.replaceAll(/\\(.)/g, '$1') ?? single ?? bare ?? '');
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Drops the keys whose value is undefined: an optional field is absent or it has a value. */
function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as Defined<T>;
}

