/** A service as the manager knows it: what a manifest says, parsed and complete. Durations in milliseconds. */
import type { RestartPolicy } from './state-machine.ts';
import type { ContainerSpec } from '../engine/engine.ts';

export type DependencyCondition = 'started' | 'healthy' | 'completed';

/** Whose engine runs it. */
export type Scope = 'system' | 'user';

export interface Schedule {
  /** As `cron.schedule` says. */
  readonly expression: string;
  readonly action: 'start' | 'restart' | 'stop';
  /** Whether a run that was missed while the machine was off is made up for once. */
  readonly catchUp: boolean;
}

/** Of a service that says none. Whose is higher nobody waits for: it leaves the processors to User Docker's start. */
export const defaultPriority = 50;

/** Its container, and what the manager must know besides. `labels` are the manifest's; the container gets two more. */
export interface ServiceDefinition extends Omit<ContainerSpec, 'cgroupParent'> {
  /** Where it came from, for errors and for `--origin`: a file or a layer's name. */
  readonly origin: string;
  readonly scope: Scope;
  /** Comes with the system and is always on; all others somebody has enabled. */
  readonly builtIn: boolean;
  /** Services that must be ready before this one starts; a name that is not in the plan is ignored, as in RancherOS. */
  readonly after: ReadonlyMap<string, DependencyCondition>;
  /** Runs once and ends (`io.rancher.os.detach: "false"`): it is ready when it has exited with 0. */
  readonly oneshot: boolean;
  readonly createOnly: boolean;
  readonly restart: RestartPolicy;
  /** Started, restarted or stopped at its times. */
  readonly schedule?: Schedule;
  /** Made here and not fetched: from this folder of the machine. */
  readonly build?: { readonly context: string; readonly dockerfile?: string };
  /** Among services that may start at the same time the lower goes first (`io.corral.priority`, 50 when absent). */
  readonly priority: number;
  readonly stopGraceMs: number;
  /** The scope's own when absent. */
  readonly cgroupParent?: string;
}
