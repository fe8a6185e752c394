/** The configuration as the supervisor uses it, made from what the layers say together. Pure; never throws. */
import type { CloudConfig } from './schema.ts';
import type { NtpSetting, RegistryCredentials, Settings } from './settings-types.ts';
import { defined, given } from './settings/defined.ts';
import { engineOptionsOf } from './settings/engine.ts';
import { filesOf, mountsOf, swapOf } from './settings/files.ts';
import { commandsOf, networkOf } from './settings/network.ts';
import { recoveryOf, stateOf } from './settings/state.ts';
import { authorizedKeys, groupsOf, usersOf } from './settings/users.ts';

export type * from './settings-types.ts';

/** `rancher.disable` takes the password and the autologin out here, so that nobody downstream can forget to. */
export function settingsOf(config: CloudConfig): Settings {
  const rancher = config.rancher ?? {};
  const { ssh = {}, disable = [], defaults = {}, debug = false } = rancher;
  return {
    hostname: config.hostname ?? defaults.hostname ?? 'rancher',
    hostnameIsSet: config.hostname !== undefined,
    sshAuthorizedKeys: authorizedKeys(config.ssh_authorized_keys),
    password: disable.includes('password') ? undefined : oneLine(rancher.password),
    autologin: disable.includes('autologin') ? [] : [...new Set(rancher.autologin ?? [])].filter((tty) => /^[A-Za-z0-9]{1,32}$/.test(tty)),
    state: stateOf(rancher.state),
    recovery: recoveryOf(rancher.recovery, oneLine(rancher.password), usersOf(config.users)),
    ssh: { daemon: ssh.daemon ?? true, port: ssh.port ?? 22, listenAddress: ssh.listen_address, keys: ssh.keys ?? {} },
    users: usersOf(config.users),
    groups: groupsOf(config.groups),
    writeFiles: filesOf(config.write_files),
    mounts: mountsOf(config.mounts),
    swap: swapOf(config.swap),
    runcmd: commandsOf(config.runcmd),
    bootcmd: commandsOf(config.bootcmd),
    timezone: config.timezone,
    ntp: ntpOf(config.ntp),
    caCerts: { removeDefaults: config.ca_certs?.remove_defaults ?? false, trusted: (config.ca_certs?.trusted ?? []).map((certificate) => `${certificate.trim()}\n`) },
    network: networkOf(rancher.network, defaults.network),
    datasources: rancher.cloud_init?.datasources ?? [],
    modules: rancher.modules ?? [],
    sysctl: rancher.sysctl ?? {},
    environment: rancher.environment ?? {},
    services: rancher.services,
    servicesInclude: rancher.services_include ?? {},
    serviceImages: rancher.service_images ?? {},
    repositories: Object.fromEntries(Object.entries(rancher.repositories ?? {}).flatMap(([name, { url }]) => (url === undefined ? [] : [[name, url]]))),
    registryAuths: Object.fromEntries(Object.entries(rancher.registry_auths ?? {}).map(([host, { username, password, auth }]) => [host, defined<RegistryCredentials>({ username, password, auth })])),
    systemDocker: engineOptionsOf(rancher.system_docker, {}, debug),
    docker: { ...engineOptionsOf(rancher.docker, defaults.docker, debug), isolation: rancher.docker?.isolation === 'host' ? 'host' : 'plane' },
    restartServices: [...new Set(rancher.restart_services ?? [])],
    resizeDevice: given(rancher.resize_device),
    hypervisorService: rancher.hypervisor_service ?? true,
    console: given(rancher.console) ?? 'default',
    httpLoadRetries: rancher.http_load_retries ?? 6,
    preloadWait: rancher.preload_wait ?? false,
    shutdownTimeoutMs: (rancher.shutdown_timeout ?? 60) * 1000,
    debug,
  };
}

/** A line break in a password would be a second line for chpasswd: another user's password. */
function oneLine(password: string | undefined): string | undefined {
  return password === undefined || password === '' || /[\n\r\0]/.test(password) ? undefined : password;
}

/** Each becomes a line of a file of chrony's. */
function ntpOf({ enabled = true, servers = [], pools = [] }: NonNullable<CloudConfig['ntp']> = {}): NtpSetting {
  const names = (texts: readonly string[]): string[] => [...new Set(texts.map((text) => text.trim()))].filter((text) => /^[A-Za-z0-9._:-]{1,253}$/.test(text));
  return { enabled, servers: names(servers), pools: names(pools) };
}
