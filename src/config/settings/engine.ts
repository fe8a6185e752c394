/** Options of the engines. */
import { merge } from '../merge.ts';
import type { RancherConfig } from '../schema.ts';
import type { EngineOptions } from '../settings-types.ts';
import { defined } from './defined.ts';

type Engine = NonNullable<RancherConfig['docker']>;

/** `defaults` hold key by key. `isDebugged`: the whole machine logs more, unless the engine was told otherwise. */
export function engineOptionsOf(own: Engine = {}, defaults: Engine = {}, isDebugged = false): EngineOptions {
  const engine = merge(defaults, own) as Engine;
  return defined<EngineOptions>({
    engine: engine.engine,
    bip: engine.bip,
    bridge: engine.bridge,
    configFile: engine.config_file,
    containerd: engine.containerd,
    debug: engine.debug ?? (isDebugged || undefined),
    execRoot: engine.exec_root,
    group: engine.group,
    graph: engine.data_root ?? engine.graph,
    hosts: engine.host ?? [],
    pidFile: engine.pid_file,
    // Each becomes a flag of a daemon that does not start with a wrong one: what is none is left out.
    registryMirrors: (engine.registry_mirror ?? []).filter((url) => /^https?:\/\/[A-Za-z0-9.-]+(?::\d{1,5})?\/?$/.test(url)),
    insecureRegistries: (engine.insecure_registry ?? []).filter((name) => /^[A-Za-z0-9.-]+(?::\d{1,5})?(?:\/\d{1,2})?$/.test(name)),
    liveRestore: engine.live_restore,
    logDriver: engine.log_driver,
    logOpts: engine.log_opts ?? {},
    restart: engine.restart,
    selinuxEnabled: engine.selinux_enabled,
    storageDriver: engine.storage_driver,
    userlandProxy: engine.userland_proxy,
    usernsEnabled: engine.userns_enabled,
    mtu: engine.mtu,
    defaultUlimits: engine.default_ulimits ?? {},
    extraArgs: engine.extra_args ?? [],
    tlsArgs: engine.tls_args ?? [],
    environment: engine.environment ?? [],
    tls: engine.tls ?? false,
    serverCert: engine.server_cert,
    serverKey: engine.server_key,
    caCert: engine.ca_cert,
    caKey: engine.ca_key,
    storageContext: engine.storage_context,
    exec: engine.exec,
  });
}
