/** The shape of a service file: Compose Specification keys, RancherOS's loose typing accepted. */
import * as z from 'zod/mini';
import { en } from 'zod/locales';

z.config(en());

const text = z.pipe(z.union([z.string(), z.number(), z.boolean()]), z.transform(String));
const flag = z.pipe(z.union([z.boolean(), z.enum(['true', 'false', 'yes', 'no', 'on', 'off'])]), z.transform((value) => value === true || value === 'true' || value === 'yes' || value === 'on'));
const textList = z.pipe(z.union([text, z.array(text)]), z.transform((value) => (Array.isArray(value) ? value : [value])));
/** `[A=1, B=2]` or `{A: 1, B: 2}`; a list entry without `=` is a name with no value. */
const textMap = z.pipe(z.union([z.array(text), z.record(z.string(), z.nullable(text))]), z.transform((value): Record<string, string> => Object.fromEntries(
  Array.isArray(value) ? value.map((entry) => splitOnce(entry)) : Object.entries(value).map(([key, entry]) => [key, entry ?? '']),
)));

function splitOnce(entry: string): [string, string] {
  const at = entry.indexOf('=');
  return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `1m30s`, `500ms`, a bare number is seconds → milliseconds. */
const duration = z.pipe(z.union([z.number(), z.string().check(z.regex(/^(\d+(\.\d+)?(ms|s|m|h))+$|^\d+$/, 'must be a duration such as 10s or 1m30s'))]), z.transform((value) => {
  if (typeof value === 'number' || /^\d+$/.test(value)) return Number(value) * 1000;
  let total = 0;
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) total += Number(amount) * (units[unit ?? 's'] ?? 1000);
  return Math.round(total);
}));

const sizes: Readonly<Record<string, number>> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** `64m`, `1gb`, a bare number is bytes → bytes. */
const bytes = z.pipe(z.union([z.number(), z.string().check(z.regex(/^\d+([bkmg]b?)?$/i, 'must be a size such as 64m'))]), z.transform((value) => {
  if (typeof value === 'number') return value;
  return Number.parseInt(value, 10) * (sizes[/[bkmg]/i.exec(value)?.[0].toLowerCase() ?? 'b'] ?? 1);
}));

const command = z.union([text, z.array(text)]);

const healthcheck = z.strictObject({
  test: z.optional(z.union([z.string(), z.array(z.string())])),
  interval: z.optional(duration),
  timeout: z.optional(duration),
  start_period: z.optional(duration),
  start_interval: z.optional(duration),
  retries: z.optional(z.number()),
  disable: z.optional(flag),
});

const dependsOn = z.union([z.array(z.string()), z.record(z.string(), z.strictObject({
  condition: z.optional(z.enum(['service_started', 'service_healthy', 'service_completed_successfully'])),
  restart: z.optional(flag),
  required: z.optional(flag),
}))]);

/** `2`, `"0.5"` processors. */
const processors = z.pipe(z.union([z.number(), z.string().check(z.regex(/^\d+(\.\d+)?$/, 'must be a number of processors such as 0.5'))]), z.transform(Number));

const deploy = z.strictObject({
  resources: z.optional(z.strictObject({
    limits: z.optional(z.strictObject({ cpus: z.optional(processors), memory: z.optional(bytes), pids: z.optional(z.number()) })),
    reservations: z.optional(z.strictObject({ memory: z.optional(bytes) })),
  })),
});

const fileReferences = z.array(z.pipe(
  z.union([z.string(), z.strictObject({ source: z.string(), target: z.optional(z.string()) })]),
  z.transform((value) => (typeof value === 'string' ? { source: value } : value)),
));

/** The long form of a volume as the short one. */
const volume = z.pipe(z.union([z.string(), z.strictObject({
  type: z.optional(z.enum(['bind', 'volume'])),
  source: z.string(),
  target: z.string(),
  read_only: z.optional(flag),
  bind: z.optional(z.strictObject({ propagation: z.optional(z.string()) })),
})]), z.transform((value) => {
  if (typeof value === 'string') return value;
  const options = [...(value.read_only === true ? ['ro'] : []), ...(value.bind?.propagation === undefined ? [] : [value.bind.propagation])];
  return [value.source, value.target, ...(options.length === 0 ? [] : [options.join(',')])].join(':');
}));

/** A system container has the machine's network or none; others are a matter of User Docker. */
const networks = z.pipe(
  z.union([z.tuple([z.enum(['none', 'host'])]), z.strictObject({ none: z.null() }), z.strictObject({ host: z.null() })], 'must be [none] or [host]'),
  z.transform((value) => (Array.isArray(value) ? value[0] : 'none' in value ? 'none' : 'host')),
);

/** `configs:` and `secrets:` of a file: name → file. */
export const declaredFilesSchema = z.record(z.string(), z.pipe(z.strictObject({ file: z.string() }), z.transform(({ file }) => file)));

/** `build: ./folder` or its long form. */
const build = z.pipe(
  z.union([z.string(), z.strictObject({ context: z.string(), dockerfile: z.optional(z.string()) })]),
  z.transform((value) => (typeof value === 'string' ? { context: value } : value)),
);

/** `8080:80`, a bare number, or the long form as the short one. */
const port = z.pipe(z.union([z.string(), z.number(), z.strictObject({
  target: z.union([z.number(), z.string()]),
  published: z.optional(z.union([z.number(), z.string()])),
  host_ip: z.optional(z.string()),
  protocol: z.optional(z.enum(['tcp', 'udp', 'sctp'])),
})]), z.transform((value) => {
  if (typeof value !== 'object') return String(value);
  const address = value.host_ip === undefined ? '' : `${value.host_ip.includes(':') ? `[${value.host_ip}]` : value.host_ip}:`;
  return `${address}${value.published === undefined && address === '' ? '' : `${value.published ?? ''}:`}${value.target}/${value.protocol ?? 'tcp'}`;
}));

const ulimit = z.union([z.number(), z.strictObject({ soft: z.number(), hard: z.number() })]);

export const serviceSchema = z.strictObject({
  image: z.string(),
  build: z.optional(build),
  /** RancherOS's way to name the file of `build`. */
  dockerfile: z.optional(z.string()),
  container_name: z.optional(z.string()),
  labels: z.optional(textMap),
  entrypoint: z.optional(command),
  command: z.optional(command),
  environment: z.optional(textMap),
  user: z.optional(text),
  working_dir: z.optional(z.string()),
  hostname: z.optional(z.string()),
  domainname: z.optional(z.string()),
  mac_address: z.optional(z.string()),
  ports: z.optional(z.array(port)),
  // Says only what others could use; nothing is closed to them here.
  expose: z.optional(textList),
  links: z.optional(textList),
  external_links: z.optional(textList),
  volume_driver: z.optional(z.string()),
  volumes: z.optional(z.array(volume)),
  volumes_from: z.optional(z.array(z.string())),
  configs: z.optional(fileReferences),
  secrets: z.optional(fileReferences),
  tmpfs: z.optional(textList),
  devices: z.optional(z.array(z.string())),
  privileged: z.optional(flag),
  read_only: z.optional(flag),
  cap_add: z.optional(z.array(z.string())),
  cap_drop: z.optional(z.array(z.string())),
  security_opt: z.optional(z.array(z.string())),
  network_mode: z.optional(z.string()),
  net: z.optional(z.string()),
  networks: z.optional(networks),
  extra_hosts: z.optional(textList),
  dns: z.optional(textList),
  dns_search: z.optional(textList),
  pid: z.optional(z.string()),
  ipc: z.optional(z.string()),
  uts: z.optional(z.string()),
  cgroup: z.optional(z.string()),
  cgroup_parent: z.optional(z.string()),
  depends_on: z.optional(dependsOn),
  healthcheck: z.optional(healthcheck),
  restart: z.optional(text),
  init: z.optional(flag),
  tty: z.optional(flag),
  stdin_open: z.optional(flag),
  // What RancherOS's files say and nothing here needs: logs of system containers are always bounded files.
  log_driver: z.optional(text),
  log_opt: z.optional(textMap),
  stop_signal: z.optional(z.string()),
  stop_grace_period: z.optional(duration),
  deploy: z.optional(deploy),
  mem_limit: z.optional(bytes),
  mem_reservation: z.optional(bytes),
  memswap_limit: z.optional(bytes),
  cpu_quota: z.optional(z.number()),
  cpus: z.optional(processors),
  cpuset: z.optional(text),
  cpu_shares: z.optional(z.number()),
  pids_limit: z.optional(z.number()),
  oom_score_adj: z.optional(z.number()),
  ulimits: z.optional(z.record(z.string(), ulimit)),
  sysctls: z.optional(textMap),
  annotations: z.optional(textMap),
});

/** What one layer says of a service: any part of it. */
export const fragmentSchema = z.partial(serviceSchema);
export type RawFragment = z.infer<typeof fragmentSchema>;

/** Every key that a service may have, for suggestions. */
export const serviceKeys: readonly string[] = Object.keys(serviceSchema.shape);

export type RawService = z.infer<typeof serviceSchema>;
