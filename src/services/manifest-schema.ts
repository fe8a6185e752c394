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

const ulimit = z.union([z.number(), z.strictObject({ soft: z.number(), hard: z.number() })]);

export const serviceSchema = z.strictObject({
  image: z.string(),
  container_name: z.optional(z.string()),
  labels: z.optional(textMap),
  entrypoint: z.optional(command),
  command: z.optional(command),
  environment: z.optional(textMap),
  user: z.optional(text),
  working_dir: z.optional(z.string()),
  hostname: z.optional(z.string()),
  volumes: z.optional(z.array(z.string())),
  tmpfs: z.optional(textList),
  devices: z.optional(z.array(z.string())),
  privileged: z.optional(flag),
  read_only: z.optional(flag),
  cap_add: z.optional(z.array(z.string())),
  cap_drop: z.optional(z.array(z.string())),
  security_opt: z.optional(z.array(z.string())),
  network_mode: z.optional(z.string()),
  net: z.optional(z.string()),
  pid: z.optional(z.string()),
  ipc: z.optional(z.string()),
  uts: z.optional(z.string()),
  cgroup: z.optional(z.string()),
  cgroup_parent: z.optional(z.string()),
  depends_on: z.optional(dependsOn),
  healthcheck: z.optional(healthcheck),
  restart: z.optional(z.string()),
  init: z.optional(flag),
  stop_signal: z.optional(z.string()),
  stop_grace_period: z.optional(duration),
  mem_limit: z.optional(bytes),
  cpu_shares: z.optional(z.number()),
  pids_limit: z.optional(z.number()),
  oom_score_adj: z.optional(z.number()),
  ulimits: z.optional(z.record(z.string(), ulimit)),
  sysctls: z.optional(textMap),
});

export type RawService = z.infer<typeof serviceSchema>;
