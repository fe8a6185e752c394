/** A service as the manager knows it: what a manifest says, parsed and complete. Durations in milliseconds. */
import type { Healthcheck } from '../engine/engine.ts';

export type DependencyCondition = 'started' | 'healthy' | 'completed';

export interface ServiceDefinition {
  readonly name: string;
  /** Where it came from, for errors and for `--origin`: a file or a layer's name. */
  readonly origin: string;
  readonly scope: 'system' | 'user';
  readonly image: string;
  /** Services that must be ready before this one starts; a name that is not in the plan is ignored, as in RancherOS. */
  readonly after: ReadonlyMap<string, DependencyCondition>;
  /** Runs once and ends (`io.rancher.os.detach: "false"`): it is ready when it has exited with 0. */
  readonly oneshot: boolean;
  readonly createOnly: boolean;
  /** Among services that may start at the same time the lower goes first (`io.corral.priority`, 50 when absent). */
  readonly priority: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly stopGraceMs: number;
  readonly healthcheck?: Healthcheck;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly workingDir?: string;
  readonly hostname?: string;
  readonly volumes: readonly string[];
  /** Containers whose volumes it has, too. */
  readonly volumesFrom: readonly string[];
  readonly tmpfs: Readonly<Record<string, string>>;
  readonly devices: readonly string[];
  readonly privileged: boolean;
  readonly readOnly: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly securityOpt: readonly string[];
  readonly networkMode: string;
  readonly extraHosts: readonly string[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly pidMode?: string;
  readonly ipcMode?: string;
  readonly utsMode?: string;
  readonly cgroupMode?: string;
  readonly cgroupParent?: string;
  readonly init: boolean;
  readonly tty: boolean;
  readonly stdinOpen: boolean;
  readonly stopSignal?: string;
  readonly memoryBytes?: number;
  readonly memoryReservationBytes?: number;
  /** Processors, as a fraction. */
  readonly cpus?: number;
  /** Which ones, as `0-2,4`. */
  readonly cpuset?: string;
  readonly cpuShares?: number;
  readonly pidsLimit?: number;
  readonly oomScoreAdj?: number;
  readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
  readonly sysctls: Readonly<Record<string, string>>;
}
