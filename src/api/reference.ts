/** What every route takes and answers: the source of docs/openapi.json. Nothing at run time imports this. */
import type * as z from 'zod/mini';
import * as s from './schemas.ts';

export interface Operation {
  readonly summary: string;
  /** Name → what it means. */
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: z.core.$ZodType;
  readonly answer?: z.core.$ZodType;
  /** Lines of JSON (NDJSON), each one of these. */
  readonly lines?: readonly z.core.$ZodType[];
  readonly status?: number;
}

const secrets = { private: '`1` shows secrets instead of masking them.' };
const timeout = { timeoutS: 'Seconds a container gets to stop before it is killed.' };
const recreate = { recreate: '`force` makes the container anew, `never` keeps one that is out of date.', build: '`never` does not build a missing image.' };

/** By `METHOD path`, as in routes.ts; a test asserts that none is missing. */
export const reference: Readonly<Record<string, Operation>> = {
  'GET /v1/version': { summary: 'The version that runs.', answer: s.versionInfo },
  'GET /v1/status': { summary: 'The whole machine.', answer: s.machineStatus },
  'GET /v1/boot': { summary: 'The timeline of this boot.', answer: s.bootReport },
  'GET /v1/logs': { summary: 'The supervisor\'s own log.', query: { tail: 'How many of the newest records.', follow: '`1` goes on with what comes.' }, lines: [s.logRecord] },
  'POST /v1/power': { summary: 'Ends the machine.', body: s.powerRequest, status: 202 },
  'GET /v1/environment': { summary: 'What programs are to find in their environment.', answer: s.environment },
  'GET /v1/device': { summary: 'Finds a device.', query: { spec: '`LABEL=`, `UUID=`, `PARTLABEL=` or `PARTUUID=` and a name, or a path below /dev.' }, answer: s.foundDevice },
  'GET /v1/audit': { summary: 'How well the running machine is secured: every check, with what it looked at and found.', answer: s.auditReport },
  'GET /v1/tls': { summary: 'The certificates for Docker over the network.', answer: s.tlsStatus },
  'POST /v1/tls/generate': { summary: 'Makes a certificate. A server\'s is put in place and kept in the configuration, a client\'s is only in the answer.', body: s.tlsRequest, answer: s.tlsPair },
  'POST /v1/install/plan': { summary: 'What an installation would do, and why it would not; changes nothing.', body: s.installRequest, answer: s.installPlan },
  'POST /v1/install': { summary: 'Installs the system to a disk; goes on when the client goes away.', body: s.installRequest, lines: [s.installEvent] },
  'GET /v1/boot/parameters': { summary: 'The kernel parameters of one\'s own that an installed machine is started with.', answer: s.bootParameters },
  'POST /v1/boot/parameters': { summary: 'Sets them, from the next start on.', body: s.bootParametersRequest, answer: s.bootParametersChange },
  'GET /v1/config': { summary: 'The configuration as all layers say it, and who said what.', query: secrets, answer: s.configView },
  'GET /v1/config/value': { summary: 'A value of the configuration.', query: { key: 'Dotted; a step with a dot of its own in quotes.', ...secrets }, answer: s.configValue },
  'POST /v1/config/set': { summary: 'Sets a value in cloud-config.yml.', body: s.configSetting, answer: s.configChange },
  'POST /v1/config/merge': { summary: 'Merges a cloud-config into cloud-config.yml: maps key by key, lists and scalars replace.', body: s.configText, answer: s.configChange },
  'GET /v1/config/file': { summary: 'cloud-config.yml as it is, secrets too.', answer: s.configFileAnswer },
  'POST /v1/config/file': { summary: 'Writes cloud-config.yml anew.', body: s.configFileRequest, answer: s.configChange },
  'POST /v1/config/validate': { summary: 'Judges a cloud-config, or all layers of the machine; changes nothing.', body: s.configText, answer: s.configJudgement },
  'GET /v1/config/export': { summary: 'What distinguishes this machine, without secrets.', query: { full: '`1`: with what comes with the system, too.', private: '`1`: with secrets, too.' }, answer: s.configExport },
  'POST /v1/config/images': { summary: 'The images that a cloud-config names, or that of the machine.', body: s.configText, answer: s.configImages },
  'GET /v1/config/starter': { summary: 'Every key, with its meaning, commented out.', answer: s.configTextAnswer },
  'GET /v1/config/schema': { summary: 'The JSON Schema of a cloud-config.', answer: s.configSchema },
  'POST /v1/config/plan': { summary: 'What applying would change on the running machine; changes nothing.', body: s.configProposal, answer: s.configPlan },
  'POST /v1/config/apply': { summary: 'Saves a cloud-config, if one is given, and puts the configuration into effect.', body: s.configProposal, lines: [s.configEvent] },
  'POST /v1/config/confirm': { summary: 'Keeps the configuration that is on trial.', answer: s.notes },
  'GET /v1/config/history': { summary: 'The versions of cloud-config.yml that are kept.', answer: s.configHistory },
  'GET /v1/config/diff': { summary: 'What differs between two versions.', query: { from: 'A version; absent: the one before the last change.', to: 'A version; absent: the file as it is.', ...secrets }, answer: s.configDiff },
  'POST /v1/config/undo': { summary: 'Puts a version of cloud-config.yml back, or ends a trial.', body: s.configUndo, answer: s.configChange },
  'GET /v1/config/status': { summary: 'Layers, problems, what waits to be applied, datasource, hooks, trial.', answer: s.configStatus },
  'GET /v1/services': { summary: 'Every service of the machine.', answer: s.serviceStatuses },
  'GET /v1/services/available': { summary: 'What could be enabled.', query: { update: '`1` asks the repositories anew.' }, answer: s.catalog },
  'GET /v1/services/graph': { summary: 'What waits for what.', answer: s.serviceGraph },
  'GET /v1/services/events': {
    summary: 'What happens to services, as it happens.',
    query: { since: 'The cursor of the last event that was read: goes on behind it.', tail: 'How many of the latest, without `since`.', follow: '`1` goes on with what comes.' },
    lines: [s.serviceEvent, s.eventGap],
  },
  'POST /v1/services/validate': { summary: 'Judges a service file; changes nothing.', body: s.validationRequest, answer: s.validation },
  'GET /v1/services/:name': { summary: 'A service as all layers together say it, and who said what.', answer: s.serviceDetails },
  'GET /v1/services/:name/why': { summary: 'Why a service is as it is.', answer: s.serviceStory },
  'GET /v1/services/:name/logs': { summary: 'What a service has printed.', query: { tail: 'How many of the newest lines.', since: 'From this moment on, in seconds since 1970.', follow: '`1` goes on with what comes.' }, lines: [s.logLine] },
  'POST /v1/services/:name/enable': { summary: 'Makes a service part of the machine; `name` may be a path or a URL.', query: { now: '`1` starts it, too.' }, lines: [s.operationEvent] },
  'POST /v1/services/:name/disable': { summary: 'From the next boot on it is not started.', query: { now: '`1` stops and removes it now.' }, answer: s.notes },
  'POST /v1/services/:name/delete': { summary: 'Stops, removes and forgets a service.', answer: s.notes },
  'POST /v1/services/:name/up': { summary: 'Starts a service as its file says now.', query: recreate, lines: [s.operationEvent] },
  'POST /v1/services/:name/down': { summary: 'Stops a service and removes its container.', query: timeout, answer: s.serviceStatus },
  'POST /v1/services/:name/create': { summary: 'Makes the container of a service and does not start it.', query: recreate, lines: [s.operationEvent] },
  'POST /v1/services/:name/start': { summary: 'Starts a service and waits until it is ready.', answer: s.serviceStatus },
  'POST /v1/services/:name/stop': { summary: 'Stops a service for this boot.', query: timeout, answer: s.serviceStatus },
  'POST /v1/services/:name/restart': { summary: 'Stops a service and starts it again.', query: timeout, answer: s.serviceStatus },
  'POST /v1/services/:name/kill': { summary: 'Sends a signal to a service.', query: { signal: 'SIGKILL when absent.' }, answer: s.serviceStatus },
  'POST /v1/services/:name/rm': { summary: 'Removes the container of a stopped service.', query: { volumes: '`1` removes its anonymous volumes, too.' }, answer: s.serviceStatus },
  'POST /v1/services/:name/pull': { summary: 'Fetches the image of a service.', lines: [s.operationEvent] },
  'POST /v1/services/:name/build': { summary: 'Builds the image of a service.', query: { noCache: '`1` does every step anew.', pull: '`1` asks for newer base images.', forceRm: '`1` cleans up after a failure, too.' }, lines: [s.operationEvent] },
  'POST /v1/services/:name/update': { summary: 'Changes a service over to another image, or puts the old one back.', query: { image: 'The image; absent: the newest of the same name.' }, lines: [s.operationEvent] },
};
