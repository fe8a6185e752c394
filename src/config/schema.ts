/**
 * Cloud-config: every key with its type and meaning. Its larger parts are in `schema/`, what holds without a key in
 * `defaults.ts`; the reference and the JSON Schema for editors are generated from all of it.
 */
import type * as z from 'zod/mini';
import { aliasOf, any, choice, entries, factsOf, fallback, flag, flags, group, later, list, map, obsolete, secret, text, whole, type FieldFacts, type FieldKind } from './fields.ts';
import { caCerts, commands, groups, mounts, ntp, swap, users, writeFiles } from './schema/cloud-init.ts';
import { engineOptions, registryAuths, userEngineOptions } from './schema/engine.ts';
import { hostName, timeZone } from './schema/forms.ts';
import { network, networkDefaults } from './schema/network.ts';
import { state } from './schema/state.ts';

const isDefault = (value: unknown): boolean => value === '' || value === 'default';

const ssh = group('The ssh daemon of the console.', {
  daemon: flag('Run it.'),
  port: whole('Its port.', 1, 65_535),
  listen_address: text('The address it listens on; without one, all.'),
  keys: secret(map('Host keys: rsa, ecdsa, ed25519 and each with -pub. Made at the first boot without them.'), (name) => !name.endsWith('-pub')),
});

const rancher = group('Everything that is particular to this operating system.', {
  console: fallback(later(text('The console to use.'), isDefault), 'default'),
  environment: map('Values for ${NAME} and bare environment entries in services, and for the console.'),
  services: any('Services of this machine, as in a compose file: docs/services.md.'),
  bootstrap: later(any('Services before the state partition is mounted.')),
  cloud_init_services: obsolete(any('The supervisor itself asks the datasources.')),
  services_include: flags('Services to enable or disable, by name, path or URL.'),
  service_images: map('Images that `ros service update` has chosen, by service, in the place of those in the service files.'),
  repositories: entries('Where services are listed, by a name of yours.', group('One repository.', { url: text('The folder of its index.yml: http(s) or file.') })),
  docker: userEngineOptions('Options of User Docker. Those that the system sets itself are not taken; `ros config apply` says so.'),
  system_docker: engineOptions('Options of System Docker. Those that the system sets itself are not taken; `ros config apply` says so.'),
  bootstrap_docker: obsolete(any('There is no third engine.')),
  cloud_init: group('Where user-data comes from.', {
    datasources: list('Datasources to ask, all at once; the first that answers counts: docs/datasources.md.'),
  }),
  network,
  ssh,
  state,
  resize_device: text('A disk whose last partition is grown to the end of the disk, once, and the filesystem in it; or that partition.'),
  sysctl: map('Kernel settings, written to /proc/sys.'),
  modules: list('Kernel modules to load, each with its parameters.'),
  upgrade: later(group('Upgrades of the operating system.', {
    url: text('Where releases are listed.'),
    image: text('The image of the operating system.'),
    policy: choice('What to do about a new release.', ['none', 'download', 'auto']),
    rollback: text('What to go back to.'),
  })),
  defaults: group('Values for what nobody set.', {
    hostname: text('The host name when nothing else says one.', hostName),
    docker: engineOptions('Defaults of rancher.docker, key by key.'),
    network: networkDefaults,
    system_docker_logs: obsolete(text('It is /var/log/system-docker.log.')),
  }),
  registry_auths: registryAuths,
  restart_services: list('System services to restart once the configuration is in effect.'),
  disable: list('What is not to be used, wherever it is said: password, autologin.'),
  hypervisor_service: fallback(later(flag('Enable the guest tools of the hypervisor found.')), true),
  shutdown_timeout: whole('Seconds a shutdown may take before it is forced.', 5, 3600),
  http_load_retries: whole('How often to try to fetch a service file.', 0, 100),
  preload_wait: fallback(flag('Wait for the images to preload.'), false),
  debug: flag('Log more, the engines too.'),
  log: obsolete(flag('There is one log.')),
  rm_usr: obsolete(flag('The root image is never copied.')),
  no_sharedroot: obsolete(flag('The root is always shared.')),
  recovery: flag('Stop at a shell on the console, before the state partition is opened: docs/recovery.md.'),
  force_console_rebuild: later(flag('Make the console anew at the next boot.')),
  autoformat: obsolete(list('The key is rancher.state.autoformat.')),
  password: secret(text('Password of the user rancher.')),
  autologin: list('Terminals on which the user rancher is logged in without being asked.'),
});

const root = group('A machine.', {
  hostname: text('The host name.', hostName),
  ssh_authorized_keys: list('Keys that may log in as rancher and docker.'),
  users,
  groups,
  write_files: writeFiles,
  mounts,
  swap,
  bootcmd: commands('Commands early in every boot, once state is open.'),
  runcmd: commands('Commands in the console, whenever it starts. One that fails is told and does not stop the others.'),
  timezone: fallback(text('The time zone of the console and the system, such as Europe/Berlin.', timeZone), 'UTC'),
  ntp,
  ca_certs: caCerts,
  rancher,
}, { 'ca-certs': 'ca_certs' });

/** The facts of the whole: where every walk over the schema begins. */
export const rootField: object = root;

/** One layer of configuration: everything optional. */
export const cloudConfigSchema = root._zod.def.innerType;
export type CloudConfig = z.output<typeof cloudConfigSchema>;
export type RancherConfig = NonNullable<CloudConfig['rancher']>;

/** The fields below one, by `step`: a key, or the index of a list. */
export function fieldBelow(facts: FieldFacts, step: string): object | undefined {
  const { kind, shape, item, options } = facts;
  if (shape !== undefined) {
    const key = aliasOf(facts, step) ?? step;
    return Object.hasOwn(shape, key) ? shape[key] : undefined;
  }
  if (item !== undefined) return kind === 'list' && !/^\d+$/.test(step) ? undefined : item;
  for (const option of options ?? []) {
    const own = factsOf(option);
    const found = own === undefined ? undefined : fieldBelow(own, step);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * What the schema says of a key, and the keys that exist beside it. Undefined kind: no such key, or one below a value
 * that is taken as it is.
 */
export function lookUp(path: readonly string[]): { kind: FieldKind | undefined; facts: FieldFacts | undefined; siblings: readonly string[] } {
  let facts = factsOf(root);
  let siblings: readonly string[] = [];
  for (const step of path) {
    if (facts === undefined || facts.kind === 'any') return { kind: facts?.kind, facts, siblings };
    siblings = keysOf(facts);
    facts = factsOf(fieldBelow(facts, step));
    if (facts === undefined) return { kind: undefined, facts, siblings };
  }
  return { kind: facts?.kind, facts, siblings };
}

function keysOf(facts: FieldFacts): readonly string[] {
  return facts.shape === undefined ? (facts.options ?? []).flatMap((option) => keysOf(factsOf(option) ?? { kind: 'any', doc: '' })) : Object.keys(facts.shape);
}
