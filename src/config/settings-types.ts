/**
 * The configuration as the supervisor uses it: everything typed, and nothing optional that has a default. All of it is
 * JSON, because what is in effect is kept in a file and compared with what the configuration says later.
 */

/** All of it; `settingsOf` makes it. */
export interface Settings {
  readonly hostname: string;
  /** Whether anybody chose the host name; if not, DHCP may. */
  readonly hostnameIsSet: boolean;
  readonly sshAuthorizedKeys: readonly string[];
  readonly password: string | undefined;
  readonly autologin: readonly string[];
  readonly state: StateSetting;
  readonly recovery: RecoverySetting;
  readonly ssh: {
    readonly daemon: boolean;
    readonly port: number;
    readonly listenAddress: string | undefined;
    readonly keys: Readonly<Record<string, string>>;
  };
  readonly users: readonly UserSetting[];
  readonly groups: readonly GroupSetting[];
  readonly writeFiles: readonly FileSetting[];
  readonly mounts: readonly MountSetting[];
  readonly swap: SwapSetting | undefined;
  readonly runcmd: readonly CommandSetting[];
  readonly bootcmd: readonly CommandSetting[];
  /** A name of the time zone database, such as `Europe/Berlin`; undefined is UTC. */
  readonly timezone: string | undefined;
  readonly ntp: NtpSetting;
  readonly caCerts: CaCertsSetting;
  readonly network: NetworkSetting;
  readonly datasources: readonly string[];
  readonly modules: readonly string[];
  readonly sysctl: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
  /** As written: what a service may say is the service manager's to know. */
  readonly services: unknown;
  readonly servicesInclude: Readonly<Record<string, boolean>>;
  /** By service: the image that `ros service update` has chosen. */
  readonly serviceImages: Readonly<Record<string, string>>;
  /** By name, the URL of each. */
  readonly repositories: Readonly<Record<string, string>>;
  /** By host. */
  readonly registryAuths: Readonly<Record<string, RegistryCredentials>>;
  readonly systemDocker: EngineOptions;
  readonly docker: UserEngineOptions;
  /** System services to restart once the configuration is in effect. */
  readonly restartServices: readonly string[];
  /** The disk whose partition is grown to its end, once. */
  readonly resizeDevice: string | undefined;
  /** Whether the guest tools of the hypervisor that is found are enabled. */
  readonly hypervisorService: boolean;
  readonly console: string;
  readonly httpLoadRetries: number;
  readonly preloadWait: boolean;
  readonly shutdownTimeoutMs: number;
  readonly debug: boolean;
}

/** Where the machine keeps what survives a reboot. */
export interface StateSetting {
  /** A device or `LABEL=…` and the like; `none` is nothing. Undefined: LABEL=RANCHER_STATE where there is one. */
  readonly device: string | undefined;
  readonly mode: StateMode;
  /** With `data`, besides what User Docker has. */
  readonly dataDirectories: readonly string[];
  readonly filesystem: string;
  /** Without slashes at its ends. */
  readonly directory: string | undefined;
  readonly wait: boolean;
  readonly required: boolean;
  readonly autoformat: readonly string[];
  readonly script: string | undefined;
  /** What is put together before the partition is looked for. */
  readonly raid: boolean;
  readonly lvm: boolean;
  readonly luks: LuksSetting | undefined;
  readonly oem: PartitionSetting;
  readonly boot: PartitionSetting;
}

/** All on disk; only User Docker's and chosen directories; nothing. */
export type StateMode = 'disk' | 'data' | 'ram';
/** `device`: the only one to open; else all. */
export interface LuksSetting { readonly device?: string; readonly keyFile?: string }
export interface PartitionSetting { readonly device: string; readonly filesystem: string }

/** The password guards the recovery shell, also when `rancher.disable` lets nobody log in with it. */
export interface RecoverySetting { readonly wanted: boolean; readonly password: string | undefined; readonly passwordHash: string | undefined }

/** A user of the console. */
export interface UserSetting {
  readonly name: string;
  readonly uid?: number;
  readonly gecos?: string;
  readonly homedir?: string;
  readonly primaryGroup?: string;
  readonly groups: readonly string[];
  readonly shell?: string;
  /** What follows the user's name on a line of sudoers. */
  readonly sudo: readonly string[];
  readonly sshAuthorizedKeys: readonly string[];
  /** A hash as in /etc/shadow, never a password in clear. */
  readonly passwd?: string;
  readonly lockPasswd: boolean;
  readonly noCreateHome: boolean;
  readonly system: boolean;
}

/** A group of the console. */
export interface GroupSetting { readonly name: string; readonly gid?: number; readonly members: readonly string[] }

/** A file that a system container finds when it starts. */
export interface FileSetting {
  /** Absolute, without `..`. */
  readonly path: string;
  /** The bytes themselves, whatever encoding they were written in. */
  readonly contentBase64: string;
  /** `user[:group]`, names or numbers. */
  readonly owner: string;
  /** As a number: 0o644. */
  readonly mode: number;
  readonly append: boolean;
  /** The service that gets it. */
  readonly container: string;
}

/** As in /etc/fstab. `type` may be `auto`, `swap`, `nfs`, … */
export interface MountSetting { readonly device: string; readonly point: string; readonly type: string; readonly options: string }

/** Text for `sh -c`, or a program and its arguments. */
export type CommandSetting = string | readonly string[];

/** A swap file to be made. */
export interface SwapSetting { readonly filename: string; readonly sizeBytes: number }

export interface NtpSetting { readonly enabled: boolean; readonly servers: readonly string[]; readonly pools: readonly string[] }

/** `trusted`: one PEM certificate each. */
export interface CaCertsSetting { readonly removeDefaults: boolean; readonly trusted: readonly string[] }

export interface ProxySetting { readonly http?: string; readonly https?: string; readonly no?: string }

export interface RegistryCredentials { readonly username?: string; readonly password?: string; readonly auth?: string }

/** What both engines are told about registries. */
export interface EngineSettings {
  readonly registryMirrors: readonly string[];
  readonly insecureRegistries: readonly string[];
}

/** Options of an engine. Those that are undefined are the engine's own to choose. */
export interface EngineOptions extends EngineSettings {
  /** The engine to use, by name. */
  readonly engine?: string;
  readonly bip?: string;
  readonly bridge?: string;
  readonly configFile?: string;
  readonly containerd?: string;
  readonly debug?: boolean;
  readonly execRoot?: string;
  readonly group?: string;
  /** The folder of images and containers: `graph`, or `data_root` as it is called today. */
  readonly graph?: string;
  readonly hosts: readonly string[];
  readonly pidFile?: string;
  readonly liveRestore?: boolean;
  readonly logDriver?: string;
  readonly logOpts: Readonly<Record<string, string>>;
  readonly restart?: boolean;
  readonly selinuxEnabled?: boolean;
  readonly storageDriver?: string;
  readonly userlandProxy?: boolean;
  readonly usernsEnabled?: boolean;
  readonly mtu?: number;
  /** By name: `nofile: 1024:2048`. */
  readonly defaultUlimits: Readonly<Record<string, string>>;
  /** Flags as they are given to the engine, one each. */
  readonly extraArgs: readonly string[];
  readonly tlsArgs: readonly string[];
  /** `NAME=value`. */
  readonly environment: readonly string[];
  readonly tls: boolean;
  readonly serverCert?: string;
  readonly serverKey?: string;
  readonly caCert?: string;
  readonly caKey?: string;
  readonly storageContext?: string;
  /** Accepted for RancherOS's sake. */
  readonly exec?: boolean;
}

/** Whose namespaces User Docker runs in: its own, or the machine's. */
export type Isolation = 'plane' | 'host';

export interface UserEngineOptions extends EngineOptions { readonly isolation: Isolation }

/** One entry of `rancher.network.interfaces`. */
export interface InterfaceSetting {
  /** The key: a name, a glob (`eth*`) or `mac=…`. */
  readonly name: string;
  /** In the place of the key, when it says which interfaces are meant. */
  readonly match?: string;
  readonly dhcp?: boolean;
  readonly dhcpArgs?: string;
  /** CIDR each: `address` and `addresses`. */
  readonly addresses: readonly string[];
  readonly ipv4ll?: boolean;
  readonly gateway?: string;
  readonly gatewayIpv6?: string;
  readonly mtu?: number;
  /** `true`: this interface is a bridge; else the bridge it belongs to. */
  readonly bridge?: string;
  readonly bond?: string;
  readonly bondOpts: Readonly<Record<string, string>>;
  readonly vlans?: string;
  readonly preUp: readonly CommandSetting[];
  readonly postUp: readonly CommandSetting[];
  readonly wifiNetwork?: string;
}

export interface NetworkSetting {
  readonly interfaces: readonly InterfaceSetting[];
  /** Chosen by the user: they count before those of DHCP. */
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  /** `rancher.defaults.network.dns.nameservers`: for when nobody, DHCP included, named one. */
  readonly fallbackNameservers: readonly string[];
  readonly dhcpTimeoutS: number;
  readonly preCmds: readonly CommandSetting[];
  readonly postCmds: readonly CommandSetting[];
  readonly proxy: ProxySetting;
}
