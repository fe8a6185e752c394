/** The interface that every datasource implements, one file each; `index.ts` has the table of them. */
import type { Found } from '../user-data.ts';

/** Volumes as datasources need them; the supervisor brings the real ones from `sys`. */
export interface Volumes {
  /** The device with this filesystem label, undefined when there is none now. */
  findByLabel(label: string): Promise<string | undefined>;
  /** Mounts `device` read-only (the filesystem type is probed when not given) and returns the mount point. */
  mountReadOnly(device: string, fstype?: string): Promise<string>;
  unmount(mountPoint: string): Promise<void>;
}

export interface DatasourceContext {
  readonly volumes: Volumes;
  readonly signal: AbortSignal;
}

export interface Datasource {
  /** As `rancher.cloud_init.datasources` names it. */
  readonly name: string;
  /** Looks once. `argument` is what stands behind the colon. Undefined: not here. */
  fetch(argument: string | undefined, context: DatasourceContext): Promise<Found | undefined>;
}
