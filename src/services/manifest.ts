/** Service files: text in, definitions out, with errors that name the file, the service and the key. Pure. */
import { load as parseYaml } from 'js-yaml';
import { causeOf, RosError } from '../lib/errors.ts';
import type { DependencyCondition, ServiceDefinition } from './definition.ts';
import { serviceSchema, type RawService } from './manifest-schema.ts';

const defaultStopGraceMs = 10_000;
const defaultPriority = 50;
const conditions = { service_started: 'started', service_healthy: 'healthy', service_completed_successfully: 'completed' } as const;

/**
 * Parses a service file: the Compose Specification's `services:` form or RancherOS's bare map of services.
 * `${NAME}` and `${NAME:-default}` are replaced from `variables` (unknown names become empty, as in RancherOS). Throws a RosError.
 */
export function parseManifest(text: string, origin: string, variables: Readonly<Record<string, string>>): ServiceDefinition[] {
  let document: unknown;
  try {
    document = parseYaml(text);
  } catch (error) {
    throw new RosError('ERR_ROS_MANIFEST', `cannot read service file "${origin}": ${causeOf(error)}`, { cause: error });
  }
  if (!isMap(document)) throw new RosError('ERR_ROS_MANIFEST', `cannot read service file "${origin}": it must be a map of services`);
  const services = document['services'] ?? document;
  if (!isMap(services)) throw new RosError('ERR_ROS_MANIFEST', `cannot read service file "${origin}": "services" must be a map`);
  return Object.entries(services).map(([name, body]) => parseService(name, interpolate(body, variables), origin));
}

function parseService(name: string, body: unknown, origin: string): ServiceDefinition {
  const parsed = serviceSchema.safeParse(body);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${[name, ...issue.path].join('.')}: ${issue.message}`);
    throw new RosError('ERR_ROS_MANIFEST', `cannot use service "${name}" of "${origin}": ${problems.join('; ')}`);
  }
  return define(name, parsed.data, origin);
}

function define(name: string, raw: RawService, origin: string): ServiceDefinition {
  const labels = raw.labels ?? {};
  const { healthcheck } = raw;
  return withoutUndefined({
    name,
    origin,
    scope: labels['io.rancher.os.scope'] === 'system' ? 'system' : 'user',
    image: raw.image,
    after: dependencies(raw, labels),
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
    volumes: raw.volumes ?? [],
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
    networkMode: raw.network_mode ?? raw.net ?? 'host',
    pidMode: raw.pid,
    ipcMode: raw.ipc,
    utsMode: raw.uts,
    cgroupMode: raw.cgroup,
    cgroupParent: raw.cgroup_parent,
    init: raw.init ?? false,
    stopSignal: raw.stop_signal,
    memoryBytes: raw.mem_limit,
    cpuShares: raw.cpu_shares,
    pidsLimit: raw.pids_limit,
    oomScoreAdj: raw.oom_score_adj,
    ulimits: Object.entries(raw.ulimits ?? {}).map(([limit, value]) => (typeof value === 'number' ? { name: limit, soft: value, hard: value } : { name: limit, ...value })),
    sysctls: raw.sysctls ?? {},
  });
}

function dependencies(raw: RawService, labels: Readonly<Record<string, string>>): Map<string, DependencyCondition> {
  const after = new Map<string, DependencyCondition>();
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

