/**
 * The control API's values, as JSON on the wire: one schema each, from which the types (types.ts), the reference
 * (docs/openapi.json) and the tests' checks are made. Nothing at run time imports this.
 *
 * Times: `…Ms` are milliseconds since kernel start (CLOCK_MONOTONIC) or durations; `…At` are RFC 3339 strings.
 */
import * as z from 'zod/mini';
import { doc, list, object, optional } from './schema-words.ts';

export * from './config-schemas.ts';
export * from './install-schemas.ts';

export const scope = z.enum(['system', 'user']);

export const serviceState = z.enum(['stopped', 'waiting', 'starting', 'running', 'healthy', 'unhealthy', 'stopping', 'backoff', 'parked', 'failed']);

export const scheduleStatus = object('The times of a service with `cron.schedule`.', {
  schedule: doc('As the service file says.', z.string()),
  action: z.enum(['start', 'restart', 'stop']),
  lastRunAt: optional(z.string()),
  lastResult: optional(doc('`ok`, or why it failed.', z.string())),
  nextRunAt: optional(z.string()),
});

export const serviceStatus = object('A service as it is now.', {
  name: z.string(),
  state: serviceState,
  detail: doc('One line in words: what it waits for, why it failed, when the next try is. Empty when there is nothing to say.', z.string()),
  image: z.string(),
  scope,
  enabled: doc('Whether it is part of the machine after the next boot.', z.boolean()),
  containerId: optional(z.string()),
  pid: optional(z.number()),
  startedAt: optional(doc('As the engine says, by the wall clock of that moment, which may have been wrong.', z.string())),
  upMs: optional(doc('How long it has been running, by the kernel\'s count: right even when the clock has been stepped meanwhile.', z.number())),
  restarts: doc('Restarts by the supervisor since this boot.', z.number()),
  exitCode: optional(z.number()),
  schedule: optional(scheduleStatus),
});

export const serviceStatuses = list(serviceStatus);

export const availableService = object('What can be enabled.', {
  name: doc('As `enable` takes it: a name, a path or a URL.', z.string()),
  repository: optional(doc('Absent for a path or URL.', z.string())),
  enabled: z.boolean(),
});

export const repositoryStatus = object('A repository of services.', {
  name: z.string(),
  url: z.string(),
  services: doc('How many it has.', z.number()),
  fetchedAt: optional(doc('When its index came from the network last; absent for a `file:` repository and for one never reached.', z.string())),
  problem: optional(doc('Why it could not be read now; what is shown then is the cache.', z.string())),
});

export const catalog = object('What could be enabled.', { services: list(availableService), repositories: list(repositoryStatus) });

export const serviceDetails = object('A service as all layers together say it.', {
  status: serviceStatus,
  definition: doc('In the words of a service file.', z.readonly(z.record(z.string(), z.unknown()))),
  origins: doc('For every value of `definition`, by its path: the layer that said it last.', list(z.readonly(z.strictObject({ path: list(z.string()), origin: z.string() })))),
});

export const logLine = object('A line that a service has printed.', { service: z.string(), stream: z.enum(['stdout', 'stderr']), at: z.string(), line: z.string() });

export const serviceExit = object('An end that nobody asked for, or a start that failed.', {
  at: z.string(),
  reason: doc('In words: `exited with code 1`, `killed by signal 9`, `killed: out of memory`, or why it did not start.', z.string()),
  exitCode: optional(z.number()),
  ranMs: optional(z.number()),
});

export const serviceStory = object('Why a service is as it is.', {
  status: serviceStatus,
  inStateMs: doc('How long it has been in this state.', z.number()),
  waitsFor: doc('Each with its state.', list(z.string())),
  nextTryMs: optional(doc('In backoff: until the next try.', z.number())),
  failuresInARow: z.number(),
  exits: doc('The latest ends, oldest first.', list(serviceExit)),
  lastLines: list(logLine),
});

export const serviceGraph = object('What waits for what.', {
  nodes: doc('Services of a level start together, after all lower levels.', list(z.readonly(z.strictObject({ name: z.string(), state: serviceState, scope, level: z.number() })))),
  edges: doc('`from` starts when `to` is as the condition says.', list(z.readonly(z.strictObject({ from: z.string(), to: z.string(), condition: z.enum(['started', 'healthy', 'completed']) })))),
});

export const serviceEvent = object('A service has changed its state.', {
  cursor: doc('`since=<cursor>` goes on behind this event.', z.string()),
  at: z.string(),
  uptimeMs: z.number(),
  service: z.string(),
  from: serviceState,
  to: serviceState,
  detail: z.string(),
});

export const eventGap = object('In the place of events that the supervisor no longer has.', { gap: z.string() });

export const validationRequest = object('A service file.', { text: z.string(), origin: doc('Where it lies.', z.string()) });

export const validation = object('What a service file would bring, and what is wrong with it.', {
  services: list(z.readonly(z.strictObject({ name: z.string(), scope, image: z.string() }))),
  problems: doc('Each with line and column where it has any; empty when the file can be used.', list(z.string())),
});

export const notes = object('What was done, in words.', { notes: list(z.string()) });

export const apiError = object('The body of every answer that is not 2xx.', { code: doc('Stable, for programs.', z.string()), message: doc('For people.', z.string()), hint: optional(z.string()) });

export const operationEvent = doc('A line of an operation that takes its time. The last is `done` or `failed`.', z.discriminatedUnion('kind', [
  z.readonly(z.strictObject({ kind: z.literal('progress'), text: z.string() })),
  z.readonly(z.strictObject({ kind: z.literal('done'), services: list(serviceStatus), notes: list(z.string()) })),
  z.readonly(z.strictObject({ kind: z.literal('failed'), error: apiError })),
]));

export const logRecord = object('A record of the supervisor\'s own log.', { level: doc('As pino\'s numbers: 30 info, 40 warn, 50 error.', z.number()), uptimeMs: z.number(), time: z.string(), msg: z.string() });

export const timelineEntry = object('A part of the boot.', {
  name: z.string(),
  kind: z.enum(['phase', 'task', 'service', 'milestone']),
  startMs: z.number(),
  endMs: optional(doc('Absent while it runs.', z.number())),
  error: optional(z.string()),
});

export const bootReport = object('The timeline of this boot.', {
  bootId: z.string(),
  entries: list(timelineEntry),
  bootMs: doc('The milestones that have been reached, in ms since kernel start.', z.readonly(z.strictObject({
    supervisor: optional(z.number()), systemDocker: optional(z.number()), ssh: optional(z.number()), systemHealthy: optional(z.number()), userDocker: optional(z.number()),
  }))),
});

export const machineStatus = object('The whole machine.', {
  version: z.string(),
  kernel: z.string(),
  hostname: z.string(),
  uptimeMs: z.number(),
  state: doc('Where state lives: a device, or RAM (nothing survives a reboot).', z.readonly(z.strictObject({ kind: z.enum(['disk', 'ram']), device: optional(z.string()), directories: optional(doc('In RAM with `rancher.state.mode: data`: what is on the device all the same.', list(z.string()))), note: optional(z.string()) }))),
  addresses: list(z.readonly(z.strictObject({ interface: z.string(), address: z.string() }))),
  warnings: doc('Problems a user should know at login, each one a whole sentence.', list(z.string())),
  unhealthy: list(serviceStatus),
});

export const versionInfo = object('The version that runs.', { version: z.string(), os: doc('The image of the operating system.', z.string()) });

export const powerAction = z.enum(['poweroff', 'reboot', 'halt']);
export const powerRequest = object('How the machine is to end.', { action: powerAction });

export const environment = doc('What programs of this machine are to find in their environment: `rancher.environment`, and the proxies.', z.record(z.string(), z.string()));
export const foundDevice = object('A device that was looked for.', { device: doc('Its path.', z.string()) });

export const tlsCertificate = object('A certificate for Docker over the network.', {
  kind: doc('`ca` is the machine\'s authority, which signs the others.', z.enum(['ca', 'server', 'client'])),
  where: doc('The key of the configuration or the file that holds it.', z.string()),
  subject: optional(z.string()),
  issuer: optional(z.string()),
  names: doc('The names and addresses it is for.', list(z.string())),
  validFrom: optional(z.string()),
  expiresAt: optional(z.string()),
  daysLeft: optional(doc('Negative once it has expired.', z.number())),
  problems: doc('Why a connection would fail.', list(z.string())),
  warnings: doc('What will be a problem.', list(z.string())),
});

export const tlsStatus = object('Certificates for Docker over the network.', { enabled: doc('`rancher.docker.tls`.', z.boolean()), certificates: list(tlsCertificate) });
export const tlsRequest = object('What is to be made.', { kind: z.enum(['server', 'client']), names: optional(doc('Names and addresses of the server besides those that the machine has.', list(z.string()))) });
export const tlsPair = object('A certificate and its key, as PEM.', {
  ca: doc('The certificate of the authority that signed it.', z.string()),
  cert: z.string(),
  key: z.string(),
  names: list(z.string()),
  expiresAt: z.string(),
  directory: doc('Where such files belong; those of a server are there now.', z.string()),
  enabled: doc('`rancher.docker.tls`.', z.boolean()),
  notes: list(z.string()),
});

export const auditResult = z.enum(['pass', 'warn', 'fail']);
export const auditCheck = object('One check of the audit.', {
  id: doc('`area.what`; it stays the same from version to version.', z.string()),
  title: doc('What is so when it passes.', z.string()),
  weight: doc('How much it counts: 10 the machine itself, 5 a defence behind another one, 2 less.', z.number()),
  looked: doc('Where it looked.', z.string()),
  result: doc('What could not be looked at is a `warn`.', auditResult),
  detail: doc('What was found, in one line.', z.string()),
  hint: optional(doc('What to do about it.', z.string())),
});
export const auditReport = object('How well the machine is secured.', {
  at: z.string(),
  score: doc('Of 100, rounded down: the weights of what has passed and half of those of what is warned of, by all weights.', z.number()),
  passed: z.number(),
  warned: z.number(),
  failed: z.number(),
  checks: list(auditCheck),
});
