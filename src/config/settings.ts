/** The first part of the configuration as the supervisor uses it: nothing optional that has a default. */
import type { CloudConfig } from './schema.ts';

export interface Settings {
  readonly hostname: string;
  /** Whether anybody chose the host name; if not, DHCP may. */
  readonly hostnameIsSet: boolean;
  readonly sshAuthorizedKeys: readonly string[];
  readonly password: string | undefined;
  readonly autologin: readonly string[];
  readonly state: {
    readonly device: string | undefined;
    readonly filesystem: string;
    readonly directory: string | undefined;
    readonly wait: boolean;
    readonly required: boolean;
    readonly autoformat: readonly string[];
  };
  readonly ssh: {
    readonly daemon: boolean;
    readonly port: number;
    readonly listenAddress: string | undefined;
    readonly keys: Readonly<Record<string, string>>;
  };
  readonly datasources: readonly string[];
  readonly modules: readonly string[];
  readonly sysctl: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
  /** As written: what a service may say is the service manager's to know. */
  readonly services: unknown;
  readonly servicesInclude: Readonly<Record<string, boolean>>;
  readonly shutdownTimeoutMs: number;
  readonly debug: boolean;
}

/** `rancher.disable` takes the password and the autologin out here, so that nobody downstream can forget to. */
export function settingsOf(config: CloudConfig): Settings {
  const rancher = config.rancher ?? {};
  const { state = {}, ssh = {}, disable = [] } = rancher;
  return {
    hostname: config.hostname ?? rancher.defaults?.hostname ?? 'rancher',
    hostnameIsSet: config.hostname !== undefined,
    sshAuthorizedKeys: authorizedKeys(config.ssh_authorized_keys ?? []),
    password: disable.includes('password') ? undefined : oneLine(rancher.password),
    autologin: disable.includes('autologin') ? [] : [...new Set(rancher.autologin ?? [])].filter((tty) => /^[A-Za-z0-9]{1,32}$/.test(tty)),
    state: {
      device: deviceOf(state.dev),
      filesystem: state.fstype ?? 'auto',
      directory: state.directory,
      wait: state.wait ?? false,
      required: state.required ?? false,
      autoformat: state.autoformat ?? [],
    },
    ssh: { daemon: ssh.daemon ?? true, port: ssh.port ?? 22, listenAddress: ssh.listen_address, keys: ssh.keys ?? {} },
    datasources: rancher.cloud_init?.datasources ?? [],
    modules: rancher.modules ?? [],
    sysctl: rancher.sysctl ?? {},
    environment: rancher.environment ?? {},
    services: rancher.services,
    servicesInclude: rancher.services_include ?? {},
    shutdownTimeoutMs: (rancher.shutdown_timeout ?? 60) * 1000,
    debug: rancher.debug ?? false,
  };
}

/** `none` is passed on: RancherOS users boot with `rancher.state.dev=none` to get a machine without its state. */
function deviceOf(dev: string | undefined): string | undefined {
  return dev === undefined || dev === '' ? undefined : dev;
}

/** A line break in a password would be a second line for chpasswd: another user's password. */
function oneLine(password: string | undefined): string | undefined {
  return password === undefined || password === '' || /[\n\r\0]/.test(password) ? undefined : password;
}

/** One key a line, each once: a key with a line break in it must not become two. */
function authorizedKeys(keys: readonly string[]): string[] {
  return [...new Set(keys.map((key) => key.trim()).filter((key) => key !== '' && !/[\n\r\0]/.test(key)))];
}
