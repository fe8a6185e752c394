/** Options of an engine: rancher.docker, rancher.system_docker and what lies below rancher.defaults.docker. */
import { choice, entries, fallback, flag, group, later, list, map, obsolete, secret, text, whole } from '../fields.ts';

/** A field belongs to one place of the schema, so every place gets its own. What holds without a key is said of User Docker. */
const engineFields = () => ({
  engine: later(text('The engine to use, by name.')),
  bip: text('Address and network of its bridge, in CIDR.'),
  bridge: text('The bridge to attach containers to; "none" for none.'),
  config_file: text('Its configuration file.'),
  containerd: text('The socket of a containerd to use.'),
  debug: fallback(flag('Log more.'), false),
  exec_root: text('The folder of its run-time state.'),
  group: fallback(text('The group that owns its socket.'), 'docker'),
  graph: text('The folder of images and containers.'),
  data_root: text('The folder of images and containers, by its name of today.'),
  host: fallback(list('Sockets and addresses it listens on.'), ['unix:///var/run/docker.sock']),
  pid_file: text('The file with its process id.'),
  insecure_registry: list('Registries that it may speak to without a trusted certificate: host:port or CIDR.'),
  registry_mirror: list('Mirrors of the default registry, each by its URL.'),
  live_restore: flag('Keep containers running while the engine restarts.'),
  log_driver: fallback(text('Where the output of containers goes unless they say so themselves.'), 'json-file'),
  log_opts: fallback(map('Options of the log driver.'), { 'max-size': '25m', 'max-file': '2' }),
  restart: flag('Restart containers when the engine starts, as their policies say.'),
  selinux_enabled: flag('SELinux labels for containers.'),
  storage_driver: fallback(text('How layers are kept.'), 'overlay2'),
  userland_proxy: fallback(flag('A process for each published port.'), false),
  userns_enabled: flag('User namespaces for containers. User Docker runs in one already.'),
  mtu: whole('Largest packet on its networks.', 68, 65_535),
  default_ulimits: map('Limits of containers, by name: "nofile: 1024:2048".'),
  extra_args: list('Further flags, one each, after all others.'),
  args: obsolete(list('Ignored, as in RancherOS: extra_args is the key.')),
  environment: list('Its environment, NAME=value each.'),
  tls: fallback(flag('Listen for clients that show a certificate, as tls_args say.'), false),
  tls_args: list('Flags in force when tls is on.'),
  server_cert: text('Its certificate in PEM.'),
  server_key: secret(text('Key of its certificate in PEM.')),
  ca_cert: text('Certificate in PEM of the authority that clients must be certified by.'),
  ca_key: secret(text('Key of that authority in PEM: `ros tls generate` makes certificates with it.')),
  storage_context: later(text('The system container whose files the engine sees.'), (value) => value === 'console'),
  exec: obsolete(flag('The supervisor starts the engines.')),
});

export const engineOptions = (doc: string) => group(doc, engineFields());

export const userEngineOptions = (doc: string) => group(doc, {
  ...engineFields(),
  isolation: fallback(choice('Where User Docker runs: in namespaces of its own, where root is nobody on the machine ("plane"), or in the machine\'s ("host"), where root in a container may be root of the machine.', ['plane', 'host']), 'plane'),
});

/** Credentials by host of registry. */
export const registryAuths = entries('Credentials of registries, by host. Both engines and the `docker` command use them.', group('One registry.', {
  username: text('The user.'),
  password: secret(text('Its password.')),
  auth: secret(text('User and password as "user:password" in base64, in the place of both.')),
  email: obsolete(text('Registries have no use for it any more.')),
  serveraddress: obsolete(text('The key says the host.')),
}));
