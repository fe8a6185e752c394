/**
 * What User Docker's daemon is started with, handed to the user plane in files: `configured`, and `good` for when it does not start with that
 * (plane-inner). The daemon is started anew for a change; the plane and, unless the configuration says otherwise, its containers go on.
 */
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { engineFilePath, optionsFilePath, settingsOf, userDockerChoice, writtenEngineFile, type EngineChoice, type EngineSet, type Settings } from '../config/index.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import { waitFor } from '../lib/wait.ts';
import { exists, readTextFile, writeFileAtomic } from '../sys/files.ts';
import { keepAsGood, lastGood, shortCause, tellEngine, trySet, unusedOptions, validateWith, type Tried } from './engine-sets.ts';
import { paths, type Machine } from './machine.ts';
import { handOutIsolation } from './plane-mode.ts';
import { tlsPlaces, writeServerFiles } from './tls.ts';

/** The root of the user plane, as the machine counts. */
const planeRoot = 100_000;
const fileLimit = 1024 * 1024;
const logLimit = 12 * 1024 * 1024;
const restartTimeoutMs = 120_000;

const configured = join(paths.userEngine, 'configured');
const good = join(paths.userEngine, 'good');
/** `configured ID` or `good ID`: written by the plane when it starts its daemon. */
const status = '/run/user-docker/flags';

export const plainUserSet: EngineSet = userDockerChoice(settingsOf({}), { hasCertificates: false }).set;

/** A set with a name of its own, by which the plane says which one it runs with. */
export interface NamedSet { readonly id: string; readonly set: EngineSet }

/** One line each: `set ID`, `arg FLAG`, `boot FLAG`, `env NAME=VALUE`, `live true|false`, `json …`. Values hold no line breaks (engine-policy.ts). */
export function formatSet({ id, set }: NamedSet): string {
  const lines = [
    `set ${id}`, ...set.flags.map((flag) => `arg ${flag}`), ...set.bootFlags.map((flag) => `boot ${flag}`), ...set.environment.map((pair) => `env ${pair}`),
    `live ${set.liveRestore}`, `json ${JSON.stringify(set.file)}`,
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** What `formatSet` has written; undefined when it is not whole. */
export function parseSet(text: string): NamedSet | undefined {
  const entries = text.split('\n').map((line) => ({ kind: line.slice(0, line.indexOf(' ')), value: line.slice(line.indexOf(' ') + 1) }));
  const all = (kind: string): string[] => entries.filter((entry) => entry.kind === kind).map(({ value }) => value);
  const [id] = all('set');
  const [json] = all('json');
  if (id === undefined || json === undefined) return undefined;
  return { id, set: { flags: all('arg'), bootFlags: all('boot'), environment: all('env'), liveRestore: all('live')[0] !== 'false', file: JSON.parse(json) as EngineSet['file'] } };
}

/** Before the plane is started, once a boot: a supervisor that takes over finds what the one before has handed out. */
export async function prepareUserDocker(machine: Machine): Promise<void> {
  const choice = await chosen(machine.settings);
  if ((await handedOut()) !== undefined) { tellEngine(machine, 'docker', choice, choice.cautions); return; }
  const last = await lastGood('docker') ?? plainUserSet;
  await mkdir(paths.userEngine, { recursive: true, mode: 0o700 });
  await chmod(paths.userEngine, 0o700);
  await chown(paths.userEngine, planeRoot, planeRoot);
  const tried = await tryUser(choice, last);
  await handOut(tried.set, last);
  tellEngine(machine, 'docker', tried, choice.cautions);
}

/**
 * Before the plane is started again in this boot: files beside the configuration may have changed. Networks and storage stay as they were, which is what
 * `ros config apply` says of them.
 */
export async function renewUserDocker(machine: Machine, settings: Settings): Promise<void> {
  await handOutIsolation(machine, settings.docker.isolation);
  const now = await handedOut();
  if (now === undefined) return;
  const choice = await chosen(settings);
  const last = await lastGood('docker') ?? plainUserSet;
  const tried = await tryUser(choice, last);
  const { bootFlags } = now.set;
  const next = { ...tried.set, bootFlags };
  if (!isDeepStrictEqual(next, now.set)) await handOut(next, { ...last, bootFlags });
  tellEngine(machine, 'docker', tried, choice.cautions);
}

/** When the daemon answers: what it runs with is good, or what was asked for is not. Never throws. */
export async function settleUserDocker(machine: Machine): Promise<void> {
  try {
    const asked = await handedOut();
    const runs = await running();
    if (asked === undefined || runs === undefined) return;
    if (runs.which === 'configured' && runs.id === asked.id) { await keepAsGood('docker', asked.set, plainUserSet); return; }
    if (runs.which === 'good') {
      const choice = await chosen(machine.settings);
      tellEngine(machine, 'docker', { refused: choice.refused, problem: await lastWords(asked.set) }, choice.cautions);
    }
  } catch (error) {
    machine.log.warn(`engine[docker]: ${causeOf(error)}`);
  }
}

/** Brings the running daemon to what `after` says. Throws when it does not take it. */
export async function applyUserDocker(machine: Machine, before: Settings, after: Settings): Promise<void> {
  const choice = await chosen(after);
  const now = await handedOut();
  const last = await lastGood('docker') ?? plainUserSet;
  const tried = await tryUser(choice, last);
  tellEngine(machine, 'docker', tried, choice.cautions);
  // What containers are in now cannot change under them.
  const bootFlags = now?.set.bootFlags ?? tried.set.bootFlags;
  const next = { ...tried.set, bootFlags };
  const isSame = isDeepStrictEqual(next, now?.set) && isDeepStrictEqual(certificates(before), certificates(after));
  if (!isSame) {
    const { id } = await handOut(next, { ...last, bootFlags });
    const result = await restartDaemon(machine, id);
    if (result === 'refused') throw refusal(await notTaken(machine, choice, next));
    if (result === 'taken') await keepAsGood('docker', next, plainUserSet);
  }
  const problem = tried.problem ?? unusedOptions(choice, tried);
  if (problem !== undefined) throw refusal(problem);
}

async function notTaken(machine: Machine, choice: EngineChoice, set: EngineSet): Promise<string> {
  const problem = await lastWords(set);
  tellEngine(machine, 'docker', { refused: choice.refused, problem }, choice.cautions);
  return problem;
}

function refusal(problem: string): RosError {
  return new RosError('ERR_ROS_ENGINE_OPTIONS', `cannot use the options of "rancher.docker": ${problem}`, { hint: 'User Docker goes on with those that work; its log is /var/log/docker.log' });
}

export function certificates({ docker: { tls, caCert, serverCert, serverKey } }: Settings): readonly unknown[] { return tls ? [caCert, serverCert, serverKey] : []; }

async function chosen(settings: Settings): Promise<EngineChoice> {
  if (settings.docker.tls) await writeServerFiles(settings.docker, tlsPlaces);
  const read = (path: string): Promise<string | undefined> => readTextFile(path, fileLimit).catch(() => undefined);
  const file = writtenEngineFile(settings) ?? await read(engineFilePath(settings));
  const options = await read(optionsFilePath);
  const there = await Promise.all(['ca.pem', 'server-cert.pem', 'server-key.pem'].map((name) => exists(join(tlsPlaces.server, name))));
  return userDockerChoice(settings, { hasCertificates: there.every(Boolean), ...(file !== undefined && { file }), ...(options !== undefined && { options }) });
}

/** Tried from outside of the plane, which sees certificates and the like at the same paths. */
async function tryUser(choice: EngineChoice, last: EngineSet): Promise<Tried> {
  const trial = join(paths.run, 'user-engine-trial.json');
  const validate = validateWith(() => ['--config-file', trial, '--userland-proxy=false']);
  try {
    return await trySet(choice, last, plainUserSet, async (set) => {
      await writeFileAtomic(trial, JSON.stringify({ 'live-restore': set.liveRestore, ...set.file }), 0o600);
      return validate(set);
    });
  } finally {
    await rm(trial, { force: true });
  }
}

async function handOut(set: EngineSet, last: EngineSet): Promise<NamedSet> {
  const asked: NamedSet = { id: randomBytes(8).toString('hex'), set };
  const fallback: NamedSet = isDeepStrictEqual(set, last) ? asked : { id: randomBytes(8).toString('hex'), set: last };
  for (const [path, named] of [[good, fallback], [configured, asked]] as const) {
    await writeFileAtomic(path, formatSet(named), 0o600);
    await chown(path, planeRoot, planeRoot);
  }
  return asked;
}

async function handedOut(): Promise<NamedSet | undefined> {
  const text = await readTextFile(configured, fileLimit).catch(() => undefined);
  return text === undefined ? undefined : parseSet(text);
}

/** The plane's root writes it, so nothing is made of it but a comparison. */
async function running(): Promise<{ readonly which: string; readonly id: string } | undefined> {
  const [which, id] = ((await readTextFile(status, 256).catch(() => undefined)) ?? '').trim().split(' ');
  return which === undefined || id === undefined ? undefined : { which, id };
}

/** What the daemon that comes up does with the set `id`. One that does not run comes to it when it is started. */
async function restartDaemon(machine: Machine, id: string): Promise<'taken' | 'refused' | 'not running'> {
  const container = await machine.systemEngine.inspect('docker');
  if (container?.running !== true) return 'not running';
  await rm(status, { force: true });
  await machine.systemEngine.kill(container.id, 'SIGHUP');
  await waitFor(async () => {
    if ((await running()) === undefined) throw new Error('its daemon has not been started again');
    await machine.userEngine.ping(restartTimeoutMs);
  }, { clock: machine.clock, what: 'User Docker to answer', timeoutMs: restartTimeoutMs, pauseMs: 250 });
  const runs = await running();
  return runs?.which === 'configured' && runs.id === id ? 'taken' : 'refused';
}

async function lastWords(set: EngineSet): Promise<string> {
  const log = (await readTextFile('/var/log/docker.log', logLimit).catch(() => undefined)) ?? '';
  return shortCause(log.split('\n').filter((line) => /^(?:failed to start daemon|unable to configure|Status: |invalid )/.test(line)).slice(-1).join('\n'), set);
}
