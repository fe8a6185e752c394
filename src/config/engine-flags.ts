/**
 * What the configuration asks of the two engines, as dockerd takes it: the keys of `rancher.docker` and `rancher.system_docker`, `extra_args`, RancherOS's
 * options file and the engine's own. Pure: what is the system's to say is left out and told (engine-policy.ts), the rest is tried by who starts them.
 */
import { judge, type EngineName, type Refusal } from './engine-policy.ts';
import { readEngineFile } from './engine-file.ts';
import { asWord, flagsOf, readOptionsFile, truth, type Flag } from './engine-words.ts';
import type { EngineOptions, Settings } from './settings-types.ts';

export type { EngineName, Refusal } from './engine-policy.ts';

/** What an engine is started with, besides what the system sets. JSON; it may hold secrets. */
export interface EngineSet {
  readonly flags: readonly string[];
  /** Flags that are in force from a start without running containers on. */
  readonly bootFlags: readonly string[];
  /** `NAME=value`. */
  readonly environment: readonly string[];
  /** Whether containers go on without the daemon. */
  readonly liveRestore: boolean;
  /** Of its configuration file. */
  readonly file: Readonly<Record<string, unknown>>;
}

export interface EngineChoice {
  readonly set: EngineSet;
  /** Options that are not used. */
  readonly refused: readonly Refusal[];
  /** Sentences that should not go unread. */
  readonly cautions: readonly string[];
}

/** What stands beside the configuration. */
export interface EngineSources {
  /** The text of the engine's configuration file, where there is one. */
  readonly file?: string;
  /** The text of `/var/lib/rancher/conf/docker`, where there is one. */
  readonly options?: string;
  /** Are the certificates for TLS there? */
  readonly hasCertificates: boolean;
}

export const plainSet: EngineSet = { flags: [], bootFlags: [], environment: [], liveRestore: true, file: {} };
export const optionsFilePath = '/var/lib/rancher/conf/docker';
export const certificateDirectory = '/etc/docker/tls';

const defaultConfigFile = '/etc/docker/daemon.json';
const defaultLog = { 'max-size': '25m', 'max-file': '2' };
const defaultTlsWords = ['--tlsverify', `--tlscacert=${certificateDirectory}/ca.pem`, `--tlscert=${certificateDirectory}/server-cert.pem`, `--tlskey=${certificateDirectory}/server-key.pem`, '--host=0.0.0.0:2376'];
/** Names that would change how the program itself is loaded, or what it takes itself for. */
const systemNames = /^(?:PATH|HOME|LD_.*|LISTEN_.*|NOTIFY_SOCKET|DOCKER_RAMDISK|INVOCATION_ID)$/;

/** Where User Docker's own configuration file is. */
export function engineFilePath({ docker }: Settings): string { return docker.configFile ?? defaultConfigFile; }

/** What `write_files` puts there: the console writes it only when User Docker has long been started. Undefined when it does not say. */
export function writtenEngineFile(settings: Settings): string | undefined {
  const path = engineFilePath(settings);
  const file = settings.writeFiles.findLast((one) => one.path === path && !one.append && one.container === 'console');
  return file === undefined ? undefined : Buffer.from(file.contentBase64, 'base64').toString('utf8');
}

export function systemDockerChoice(settings: Settings): EngineChoice {
  const sorted = sort('system-docker', [...flagsOfOptions(settings.systemDocker), ...systemOnly(settings.systemDocker)], 'rancher.system_docker', settings.systemDocker.extraArgs);
  const environment = environmentOf(settings, settings.systemDocker, 'rancher.system_docker', []);
  return {
    set: { ...plainSet, flags: sorted.flags.map(asWord), environment: environment.pairs },
    refused: distinct([...sorted.refused, ...environment.refused]), cautions: [],
  };
}

export function userDockerChoice(settings: Settings, { file: fileText, options: optionsText, hasCertificates }: EngineSources): EngineChoice {
  const { docker } = settings;
  const file = readEngineFile(fileText ?? '', engineFilePath(settings));
  const options = readOptionsFile(optionsText ?? '');
  const optionFlags = flagsOf(options.words, optionsFilePath);
  const argumentsOfOld = flagsOf((settings.environment['DOCKERD_ARGS'] ?? '').split(/\s+/).filter((word) => word !== ''), 'rancher.environment.DOCKERD_ARGS');
  // Later ones win: the file, the configuration, flags written by hand.
  const sorted = sort('docker', [...file.flags, ...flagsOfOptions(docker), ...(docker.usernsEnabled === true ? [{ name: 'userns-remap', said: 'rancher.docker.userns_enabled' }] : [])],
    'rancher.docker', docker.extraArgs, [...argumentsOfOld.flags, ...optionFlags.flags]);
  const environment = environmentOf(settings, docker, 'rancher.docker', options.environment);
  const tls = withTls(docker, sorted.flags, hasCertificates);
  const runtimes = runtimesOf(tls.flags);
  const flags = withPlainTcp(withLogs(tls.flags.filter(({ name }) => name !== 'add-runtime' && name !== 'live-restore')));
  const fileRuntimes = file.rest['runtimes'];
  return {
    set: {
      flags: flags.map(asWord),
      bootFlags: sorted.bootFlags.map(asWord),
      environment: environment.pairs,
      liveRestore: liveRestoreOf(sorted.flags),
      file: { ...file.rest, ...(fileRuntimes !== undefined || Object.keys(runtimes).length > 0 ? { runtimes: { crun: { path: '/usr/bin/crun' }, ...(typeof fileRuntimes === 'object' ? fileRuntimes : {}), ...runtimes } } : {}) },
    },
    refused: distinct([
      ...(file.problem === undefined ? [] : [{ what: engineFilePath(settings), why: file.problem }]),
      ...options.notRead.map((line) => ({ what: `${optionsFilePath}, line ${line}`, why: 'it is no plain assignment, and no shell runs this file' })),
      ...[...argumentsOfOld.strays, ...optionFlags.strays].slice(0, 1).map(() => ({ what: `a word of ${optionFlags.strays.length > 0 ? optionsFilePath : 'rancher.environment.DOCKERD_ARGS'}`, why: 'it belongs to no flag' })),
      ...sorted.refused, ...tls.refused, ...environment.refused,
    ]),
    cautions: cautionsOf(flags),
  };
}

/** Sentences for a person: what of the configuration the engines do not use, and why. */
export function describeRefusal({ what, why }: Refusal): string { return `Option "${what}" is not used: ${why}`; }

interface Sorted { readonly flags: readonly Flag[]; readonly bootFlags: readonly Flag[]; readonly refused: readonly Refusal[] }

function sort(engine: EngineName, said: readonly Flag[], key: string, extraArgs: readonly string[], more: readonly Flag[] = []): Sorted {
  const extra = flagsOf(extraArgs, `${key}.extra_args`);
  const flags: Flag[] = [];
  const bootFlags: Flag[] = [];
  const refused: Refusal[] = extra.strays.slice(0, 1).map(() => ({ what: `a word of ${key}.extra_args`, why: 'it belongs to no flag' }));
  for (const flag of [...said, ...extra.flags, ...more]) {
    const verdict = judge(engine, flag);
    if (verdict.kind === 'take') flags.push(flag);
    if (verdict.kind === 'at boot') bootFlags.push(flag);
    if (verdict.kind === 'refuse') refused.push({ what: flag.said.startsWith('rancher.') || flag.said.startsWith('/') ? flag.said : `${key}.${flag.said}`, why: verdict.why });
  }
  return { flags, bootFlags, refused };
}

/** The keys of RancherOS, each as its flag; `said` is the key. */
function flagsOfOptions(options: EngineOptions): Flag[] {
  const one = (key: string, name: string, value: string | number | boolean | undefined): Flag[] => (value === undefined ? [] : [{ name, value: String(value), said: key }]);
  const many = (key: string, name: string, values: readonly string[]): Flag[] => values.map((value) => ({ name, value, said: key }));
  return [
    ...one('bip', 'bip', options.bip), ...one('bridge', 'bridge', options.bridge), ...one('containerd', 'containerd', options.containerd), ...one('debug', 'debug', options.debug),
    ...one('exec_root', 'exec-root', options.execRoot), ...one('group', 'group', options.group), ...one('graph', 'data-root', options.graph), ...many('host', 'host', options.hosts),
    ...many('insecure_registry', 'insecure-registry', options.insecureRegistries), ...one('live_restore', 'live-restore', options.liveRestore), ...one('log_driver', 'log-driver', options.logDriver),
    ...many('log_opts', 'log-opt', Object.entries(options.logOpts).map(([name, value]) => `${name}=${value}`)), ...one('mtu', 'mtu', options.mtu), ...one('pid_file', 'pidfile', options.pidFile),
    ...many('registry_mirror', 'registry-mirror', options.registryMirrors), ...one('restart', 'restart', options.restart), ...one('selinux_enabled', 'selinux-enabled', options.selinuxEnabled),
    ...one('storage_driver', 'storage-driver', options.storageDriver), ...one('userland_proxy', 'userland-proxy', options.userlandProxy),
    ...many('default_ulimits', 'default-ulimit', Object.entries(options.defaultUlimits).map(([name, value]) => `${name}=${value}`)),
  ];
}

/** What has a meaning of its own for User Docker. */
function systemOnly({ configFile, tls }: EngineOptions): Flag[] {
  return [...(configFile === undefined ? [] : [{ name: 'config-file', value: configFile, said: 'config_file' }]), ...(tls ? [{ name: 'tls', said: 'tls' }] : [])];
}

/** Without certificates nothing of TLS is used, and nothing listens on the network: never in clear what was meant to be encrypted. */
function withTls(docker: EngineOptions, flags: readonly Flag[], hasCertificates: boolean): Pick<Sorted, 'flags' | 'refused'> {
  if (!docker.tls) return { flags, refused: [] };
  if (!hasCertificates) {
    return {
      flags: flags.filter(({ name }) => name !== 'host' && !name.startsWith('tls')),
      refused: [{ what: 'rancher.docker.tls', why: `there are no certificates in the configuration or in ${certificateDirectory}; \`sudo ros tls generate -s\` makes them` }],
    };
  }
  const words = docker.tlsArgs.length > 0 ? docker.tlsArgs : defaultTlsWords;
  const { flags: tls, strays, refused } = sortWords(words);
  return { flags: [...flags, ...tls], refused: [...refused, ...strays.slice(0, 1).map(() => ({ what: 'a word of rancher.docker.tls_args', why: 'it belongs to no flag' }))] };
}

function sortWords(words: readonly string[]): Pick<Sorted, 'flags' | 'refused'> & { readonly strays: readonly string[] } {
  const read = flagsOf(words, 'rancher.docker.tls_args');
  return { strays: read.strays, ...sort('docker', read.flags, 'rancher.docker', []) };
}

/**
 * Logs are bounded unless somebody says how. `max-size` and `max-file` are what two drivers know; the others do not start a container with them, not even
 * with the defaults of RancherOS.
 */
function withLogs(flags: readonly Flag[]): Flag[] {
  const isDefault = ({ name, value }: Flag): boolean => name === 'log-opt' && Object.entries(defaultLog).some(([option, text]) => value === `${option}=${text}`);
  const chosen = flags.filter((flag) => !isDefault(flag));
  const driver = flags.findLast(({ name }) => name === 'log-driver')?.value ?? 'json-file';
  if (driver !== 'json-file' && driver !== 'local') return chosen;
  const said = new Set(chosen.filter(({ name }) => name === 'log-opt').map(({ value }) => value?.split('=')[0]));
  const missing = Object.entries(defaultLog).filter(([name]) => !said.has(name)).map(([name, value]): Flag => ({ name: 'log-opt', value: `${name}=${value}`, said: 'log_opts' }));
  return [...missing, ...chosen];
}

/** Not encrypted on purpose: a newer dockerd wants to hear that, or does not start. */
function withPlainTcp(flags: readonly Flag[]): Flag[] {
  return listensInClear(flags) ? [...flags.filter(({ name }) => !/^tls(?:verify)?$/.test(name)), { name: 'tls', value: 'false', said: 'host' }] : [...flags];
}

function listensInClear(flags: readonly Flag[]): boolean {
  const isEncrypted = flags.some(({ name, value }) => (name === 'tls' || name === 'tlsverify') && truth(value) === true);
  return !isEncrypted && flags.some(({ name }) => name === 'host');
}

function cautionsOf(flags: readonly Flag[]): string[] {
  return listensInClear(flags) ? ['User Docker listens on the network without TLS: whoever reaches that port commands its containers'] : [];
}

function liveRestoreOf(flags: readonly Flag[]): boolean { return truth(flags.findLast(({ name }) => name === 'live-restore')?.value) ?? true; }

/** `--add-runtime name=path` belongs into the file: dockerd does not start with some there and some as flags. */
function runtimesOf(flags: readonly Flag[]): Record<string, { readonly path: string }> {
  return Object.fromEntries(flags.filter(({ name }) => name === 'add-runtime').flatMap(({ value }): [string, { readonly path: string }][] => {
    const [, name, path] = /^([^=]+)=(.+)$/.exec(value ?? '') ?? [];
    return name === undefined || path === undefined ? [] : [[name, { path }]];
  }));
}

/** The proxies of `rancher.network`, then what an options file exports, then `environment`: the last of a name counts. */
function environmentOf({ network: { proxy } }: Settings, options: EngineOptions, key: string, exported: readonly string[]): { readonly pairs: string[]; readonly refused: Refusal[] } {
  const proxies = Object.entries({ HTTP_PROXY: proxy.http, HTTPS_PROXY: proxy.https, NO_PROXY: proxy.no }).flatMap(([name, value]) => (value === undefined || value === '' ? [] : [`${name}=${value}`]));
  const pairs = new Map<string, string>();
  const refused: Refusal[] = [];
  for (const [index, pair] of [...proxies, ...exported, ...options.environment].entries()) {
    const [, name, value] = /^([A-Za-z_]\w*)=([^\0-\x1f\x7f]*)$/.exec(pair) ?? [];
    if (name === undefined || value === undefined) refused.push({ what: `${key}.environment, entry ${Math.max(1, index - proxies.length - exported.length + 1)}`, why: 'it is not of the form NAME=value' });
    else if (systemNames.test(name)) refused.push({ what: `${key}.environment: ${name}`, why: 'it is set by the system' });
    else pairs.set(name, value);
  }
  return { pairs: [...pairs].map(([name, value]) => `${name}=${value}`), refused };
}

function distinct(refused: readonly Refusal[]): Refusal[] {
  return [...new Map(refused.map((refusal) => [`${refusal.what}\n${refusal.why}`, refusal])).values()];
}
