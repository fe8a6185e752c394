/** The interface that every datasource implements, one file each; `index.ts` has the table of them. */
import type { Dmi } from '../../sys/firmware.ts';
import type { Found } from '../found.ts';

/** Volumes as datasources need them; the supervisor brings the real ones from `sys`. */
export interface Volumes {
  /** The device with one of these filesystem labels, undefined when there is none now. */
  findByLabel(labels: readonly string[]): Promise<string | undefined>;
  /** Whether the host shares a folder with this tag (9p). Throws when it shares some and this kernel cannot tell which. */
  hasShare(tag: string): Promise<boolean>;
  /** Mounts `source` read-only (the filesystem type is probed when not given), calls `use` with the mount point, and unmounts. */
  mounted<T>(source: string, fstype: string | undefined, use: (mountPoint: string) => Promise<T>): Promise<T>;
}

/** What is known of the machine without asking anybody. */
export interface Facts {
  readonly dmi: Dmi;
  readonly cmdline: string;
}

export interface Request {
  readonly method?: 'GET' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  /** For the whole of it; 5 s unless given. */
  readonly timeoutMs?: number;
}

/** HTTP as datasources need it: one try each, bounded in time and size. */
export interface Web {
  /** Undefined: there is no such file (404). Any other failure is thrown. */
  get(url: string, request?: Request): Promise<Buffer | undefined>;
}

export interface DatasourceContext {
  readonly volumes: Volumes;
  readonly facts: Facts;
  readonly web: Web;
  /** The text that a key of the hypervisor's guestinfo has, undefined when it has none. */
  guestInfo(key: string): Promise<string | undefined>;
  /** A file that QEMU was given. */
  firmwareFile(name: string): Promise<Buffer | undefined>;
  /** The addresses of the gateways. */
  gateways(): Promise<readonly string[]>;
  readonly signal: AbortSignal;
}

export interface Datasource {
  /** As `rancher.cloud_init.datasources` names it. */
  readonly name: string;
  /** With `network` it is asked in the background once there is one, and again until it answers or time is up. */
  readonly needs: 'nothing' | 'network';
  /** Whether there is anything to ask; without this: always. One that is not applicable makes nobody wait for a network. */
  applies?(argument: string | undefined, facts: Facts): boolean;
  /** What the firmware says: whether this machine is of that kind. For `*`, which asks only those that may be right. */
  recognise?(dmi: Dmi): 'yes' | 'no' | 'perhaps';
  /** Looks once. `argument` is what stands behind the colon. Undefined: not here. */
  fetch(argument: string | undefined, context: DatasourceContext): Promise<Found | undefined>;
}

/** The address of a metadata service: the argument, when it is one, in the place of the usual. Without a slash at its end. */
export function baseUrl(argument: string | undefined, usual: string): string {
  return (argument !== undefined && /^https?:\/\//.test(argument) ? argument : usual).replace(/\/+$/, '');
}
