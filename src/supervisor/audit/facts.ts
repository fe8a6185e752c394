/** What the checks judge: read from the machine as it is (read.ts), not from what it was told to be. */
import type { TlsStatus } from '../../api/types.ts';
import type { Confinement, NamespaceKind } from '../../sys/confinement.ts';
import type { MountPoint } from '../../sys/mountinfo.ts';

export interface Facts {
  readonly plane: PlaneFacts;
  /** By path, as it stands there and not where a link leads; undefined where there is nothing. */
  readonly paths: Readonly<Record<string, PathFacts | undefined>>;
  readonly login: LoginFacts;
  /** Those of System Docker that run. */
  readonly containers: readonly ContainerFacts[];
  readonly kernel: KernelFacts;
  readonly root: RootFacts;
  /** Of the machine itself. */
  readonly mounts: readonly MountPoint[];
  readonly network: NetworkFacts;
  readonly engines: EngineFacts;
}

export interface PlaneFacts {
  /** `rancher.docker.isolation`, as the container `docker` was started with it: `plane` or `host`; undefined when it does not run. */
  readonly isolation: string | undefined;
  /** Undefined when User Docker's dockerd does not run. */
  readonly daemon: DaemonFacts | undefined;
  /** Below the control group /user/plane. */
  readonly processes: number;
  /** Those of them whose root is the machine's. */
  readonly rootProcesses: readonly { readonly pid: number; readonly name: string }[];
  /** By their path below /sys/fs/cgroup: limits of the user plane, and what is kept for the system. */
  readonly floors: Readonly<Record<string, string | undefined>>;
}

export interface DaemonFacts {
  readonly pid: number;
  /** Namespaces of the machine that it shares. */
  readonly shared: readonly NamespaceKind[];
  /** Lines of /proc/PID/uid_map and gid_map. */
  readonly uidMap: string;
  readonly gidMap: string;
  readonly mounts: readonly MountPoint[];
}

export interface PathFacts { readonly type: 'file' | 'directory' | 'socket' | 'link' | 'other'; readonly uid: number; readonly gid: number; readonly mode: number }

export interface LoginFacts {
  /** `rancher.ssh.daemon`. */
  readonly sshIsOn: boolean;
  /** What sshd works with, by its own word (`sshd -T`), the names in small letters; undefined when it could not be asked. */
  readonly sshd: Readonly<Record<string, string>> | undefined;
  /** Users of the console; undefined when it does not run. */
  readonly accounts: readonly Account[] | undefined;
  readonly password: 'none' | 'hashed' | 'in clear';
  /** Terminals that log in by themselves. */
  readonly autologin: readonly string[];
}

export interface Account { readonly name: string; readonly uid: number; readonly password: 'none' | 'set' | 'empty' }

export interface ContainerFacts {
  readonly name: string;
  /** The service whose container it is; undefined for one that somebody has started beside them. */
  readonly service: string | undefined;
  /** Undefined when it ended meanwhile. */
  readonly confinement: Confinement | undefined;
}

export interface KernelFacts {
  /** By name; undefined where this kernel has none of that name. */
  readonly sysctls: Readonly<Record<string, string | undefined>>;
  /** Words of the kernel's command line. */
  readonly parameters: readonly string[];
  readonly signaturesEnforced: boolean | undefined;
  /** `none`, `integrity`, `confidentiality`; undefined when it cannot be seen. */
  readonly lockdown: string | undefined;
  readonly taint: number | undefined;
  readonly appArmorEnabled: boolean;
}

export interface RootFacts {
  /** By dm-verity; undefined when it cannot be seen. */
  readonly isVerified: boolean | undefined;
  /** In words, when a block of it was found that is not as it was built. */
  readonly damage: string | undefined;
}

export interface ListenerFacts {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  /** The process; undefined when it is the kernel or has gone. */
  readonly process: string | undefined;
  /** The service in whose container it is. */
  readonly service: string | undefined;
}

export interface NetworkFacts {
  /** Reached from other machines; undefined when they could not be looked for. */
  readonly listeners: readonly ListenerFacts[] | undefined;
  readonly sshPort: number;
  /** Settings of the kernel. */
  readonly forwards: boolean;
  /** The packet filter's table of the user plane as text; undefined when there is none. */
  readonly filter: string | undefined;
}

export interface EngineFacts {
  /** The words they were started with; undefined when one does not run. */
  readonly system: readonly string[] | undefined;
  readonly user: readonly string[] | undefined;
  /** Undefined when they could not be looked at. */
  readonly tls: TlsStatus | undefined;
  readonly insecureRegistries: readonly string[];
}
