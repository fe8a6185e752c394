/** Service files: text in, definitions out, with errors that name the file, the service and the key. Pure. */
import { load as parseYaml, YAMLException } from 'js-yaml';
import type * as z from 'zod/mini';
import { causeOf, RosError } from '../lib/errors.ts';
import { locate } from '../lib/locate.ts';
import { suggest } from '../lib/suggest.ts';
import { expandVolumesFrom, fileBinds, fillEnvironment } from './compose.ts';
import type { DependencyCondition, ServiceDefinition } from './definition.ts';
import { declaredFilesSchema, fragmentSchema, serviceKeys, type RawFragment, type RawService } from './manifest-schema.ts';

const defaultStopGraceMs = 10_000;
const defaultPriority = 50;
const conditions = { service_started: 'started', service_healthy: 'healthy', service_completed_successfully: 'completed' } as const;

/** Keys of a Compose file beside `services`; `version` and `name` say nothing here. */
const fileKeys = ['services', 'configs', 'secrets', 'version', 'name'] as const;

/** What one layer says of one service. */
export interface Fragment {
  readonly name: string;
  readonly origin: string;
  readonly raw: RawFragment;
  /** Of its `configs` and `secrets`, which are files beside the service file. */
  readonly binds: readonly string[];
}

/**
 * Reads a service file: the Compose Specification's `services:` form or RancherOS's bare map of services.
 * `${NAME}` and `${NAME:-default}` are replaced from `variables` (unknown names become empty, as in RancherOS), and so are
 * bare names in `environment`. Throws a RosError with every problem of the file, each with line and column.
 */
export function readManifest(text: string, origin: string, variables: Readonly<Record<string, string>>): Fragment[] {
  let document: unknown;
  try {
    document = parseYaml(text);
  } catch (error) {
    const at = error instanceof YAMLException && error.mark !== undefined ? `, line ${error.mark.line + 1}, column ${error.mark.column + 1}` : '';
    throw new RosError('ERR_ROS_MANIFEST', `cannot read service file "${origin}"${at}: ${error instanceof YAMLException ? error.reason : causeOf(error)}`, { cause: error });
  }
  if (!isMap(document)) throw new RosError('ERR_ROS_MANIFEST', `cannot read service file "${origin}": it must be a map of services`);
  const isCompose = isMap(document['services']) && document['services']['image'] === undefined;
  const services = isCompose ? document['services'] as Record<string, unknown> : document;
  const base = isCompose ? ['services'] : [];
  const problems: string[] = [];
  const report = (path: readonly PropertyKey[], message: string): void => {
    const at = locate(text, path);
    const shown = path[0] === base[0] ? path.slice(base.length) : path;
    problems.push(`${at === undefined ? '' : `line ${at.line}, column ${at.column}: `}${shown.join('.')}: ${message}`);
  };
  if (isCompose) for (const key of Object.keys(document)) if (!fileKeys.some((known) => known === key)) report([key], unknownKey(key, fileKeys));
  const declared = { configs: declaredFiles(document, 'configs', isCompose, report), secrets: declaredFiles(document, 'secrets', isCompose, report) };
  const fragments = readServices(services, origin, variables, declared, (path, message) => { report([...base, ...path], message); });
  if (problems.length > 0) throw new RosError('ERR_ROS_MANIFEST', `cannot use service file "${origin}": ${problems.join('; ')}`);
  return fragments;
}

/** A service file whose services are whole: nothing is missing that another layer would have to say. */
export function parseManifest(text: string, origin: string, variables: Readonly<Record<string, string>>): ServiceDefinition[] {
  return readManifest(text, origin, variables).map((fragment) => defineService([fragment]));
}

/**
 * `rancher.services` of the cloud-config. What is wrong there is told to `warn`, by service, and leaves the others alone.
 */
export function readConfiguredServices(services: unknown, origin: string, variables: Readonly<Record<string, string>>, warn: (problem: string) => void): Fragment[] {
  if (services === undefined) return [];
  if (!isMap(services)) { warn('rancher.services: must be a map of services'); return []; }
  return readServices(services, origin, variables, { configs: {}, secrets: {} }, (path, message) => { warn(`${['rancher', 'services', ...path].map(String).join('.')}: ${message}`); });
}

function readServices(services: Readonly<Record<string, unknown>>, origin: string, variables: Readonly<Record<string, string>>, declared: DeclaredFiles, report: Report): Fragment[] {
  return Object.entries(services).flatMap(([name, body]) => {
    const parsed = fragmentSchema.safeParse(prepare(body, variables));
    if (!parsed.success) {
      reportIssues(parsed.error.issues, [name], report);
      return [];
    }
    const raw = parsed.data;
    try {
      return [{ name, origin, raw, binds: [...fileBinds('configs', raw.configs ?? [], declared.configs, origin), ...fileBinds('secrets', raw.secrets ?? [], declared.secrets, origin)] }];
    } catch (error) {
      report([name], causeOf(error));
      return [];
    }
  });
}

type Report = (path: readonly PropertyKey[], message: string) => void;

function reportIssues(issues: readonly z.core.$ZodIssue[], base: readonly PropertyKey[], report: Report): void {
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') for (const key of issue.keys) report([...base, ...issue.path, key], unknownKey(key, issue.path.length === 0 ? serviceKeys : []));
    else report([...base, ...issue.path], issue.message.replace(/^Invalid (?:input|option): /, ''));
  }
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = suggest(key, known);
  return `unknown key${meant === undefined ? '' : `; did you mean "${meant}"?`}`;
}

/** A service's body with its variables in their places. */
function prepare(body: unknown, variables: Readonly<Record<string, string>>): unknown {
  const filled = interpolate(body, variables);
  return isMap(filled) && 'environment' in filled ? { ...filled, environment: fillEnvironment(filled['environment'], variables) } : filled;
}

type DeclaredFiles = Readonly<Record<'configs' | 'secrets', Readonly<Record<string, string>>>>;

function declaredFiles(document: Readonly<Record<string, unknown>>, kind: 'configs' | 'secrets', isCompose: boolean, report: Report): Readonly<Record<string, string>> {
  if (!isCompose || document[kind] === undefined) return {};
  const parsed = declaredFilesSchema.safeParse(document[kind]);
  if (parsed.success) return parsed.data;
  reportIssues(parsed.error.issues, [kind], report);
  return {};
}

/**
 * What all layers say of one service, in their order, as its definition: maps merge key by key, lists and scalars of the
 * later layer replace. Throws when no layer names an image.
 */
export function defineService(fragments: readonly Fragment[]): ServiceDefinition {
  const { name = '' } = fragments[0] ?? {};
  const origin = fragments.map((fragment) => fragment.origin).join(' + ');
  const { image, ...raw } = fragments.reduce<RawFragment>((merged, fragment) => overlay(merged, fragment.raw), {});
  if (image === undefined) throw new RosError('ERR_ROS_MANIFEST', `cannot use service "${name}" of "${origin}": it names no image`);
  return define(name, { ...raw, image }, origin, fragments.flatMap((fragment) => fragment.binds));
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

function define(name: string, raw: RawService, origin: string, binds: readonly string[]): ServiceDefinition {
  const labels = raw.labels ?? {};
  const { healthcheck } = raw;
  const resources = raw.deploy?.resources;
  const inherited = expandVolumesFrom(raw.volumes_from ?? []);
  return withoutUndefined({
    name,
    origin,
    scope: labels['io.rancher.os.scope'] === 'system' ? 'system' : 'user',
    image: raw.image,
    after: dependencies(raw, labels, inherited.from),
    oneshot: labels['io.rancher.os.detach'] === 'false',
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
    volumes: [...inherited.volumes, ...(raw.volumes ?? []), ...binds],
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
    networkMode: raw.network_mode ?? raw.net ?? raw.networks ?? 'host',
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
    cpus: resources?.limits?.cpus ?? raw.cpus,
    cpuset: raw.cpuset,
    cpuShares: raw.cpu_shares,
    pidsLimit: resources?.limits?.pids ?? raw.pids_limit,
    oomScoreAdj: raw.oom_score_adj,
    ulimits: Object.entries(raw.ulimits ?? {}).map(([limit, value]) => (typeof value === 'number' ? { name: limit, soft: value, hard: value } : { name: limit, ...value })),
    sysctls: raw.sysctls ?? {},
  });
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

function interpolate(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return value.replaceAll(/\$\$|\$\{(\w+)(?::-([^}]*))?\}/g, (match, name: string, fallback?: string) => (match === '$$' ? '$' : (variables[name] ?? fallback ?? '')));
  if (Array.isArray(value)) return value.map((entry) => interpolate(entry, variables));
  if (isMap(value)) return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, interpolate(entry, variables)]));
  return value;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Drops the keys whose value is undefined: an optional field is absent or it has a value. */
function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as Defined<T>;
}

