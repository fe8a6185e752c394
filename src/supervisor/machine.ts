/** What the phases share: the things with a lifetime, made in main.ts and passed down. */
import type { MachineStatus, PowerAction } from '../api/types.ts';
import type { Engine, Plane } from '../engine/engine.ts';
import type { Daemon } from '../engine/daemon.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log, LogBook } from '../lib/log.ts';
import type { Scope } from '../services/definition.ts';
import type { Images } from '../services/images.ts';
import type { ServiceManager } from '../services/manager.ts';
import type { Plan } from '../services/plan.ts';
import type { Repositories } from '../services/repository.ts';
import type { EngineSet, Found, Problem, Settings } from '../config/index.ts';
import type { Unfinished } from './apply/parts.ts';
import type { Schedules } from './schedules.ts';
import type { Timeline } from './timeline.ts';

export interface StateInfo {
  readonly kind: 'disk' | 'ram';
  readonly device?: string;
  /** `kind: 'ram'` with `rancher.state.mode: data`: what is on the device all the same. */
  readonly directories?: readonly string[];
  /** Why state is in RAM, or what was mended on the disk. */
  readonly note?: string;
}

/** What a hook of the configuration did: a `bootcmd`, a `runcmd`, a script. */
export interface HookResult {
  /** `bootcmd 1`, `runcmd 2`, or the script's path. */
  readonly name: string;
  /** -1 when it was not started or did not end in time: the output says so. */
  readonly exitCode: number;
  /** When it began. */
  readonly at: string;
  readonly tookMs: number;
  /** The end of what it printed. */
  readonly output: string;
}

/** Where the user-data of this boot came from. */
export interface DatasourceReport {
  /** As in `rancher.cloud_init.datasources`; undefined when none has answered. */
  readonly source: string | undefined;
  /** Why this one, or why none. */
  readonly why: string;
  readonly tookMs: number;
  readonly tried: readonly { readonly source: string; readonly result: string }[];
}

export interface Machine {
  readonly clock: Clock;
  readonly log: Log;
  readonly book: LogBook;
  readonly timeline: Timeline;
  readonly version: string;
  readonly systemEngine: Engine;
  /** Under System Docker, which it outlives: it holds the containers. */
  readonly containerd: Daemon;
  readonly systemDocker: Daemon;
  /** What System Docker is started with, besides what the system sets. */
  systemDockerSet: EngineSet;
  readonly userEngine: Engine;
  readonly planes: Readonly<Record<Scope, Plane>>;
  readonly images: Images;
  readonly services: ServiceManager;
  readonly schedules: Schedules;
  /** What services there are, and why; made anew when the configuration or a service file changes. */
  plan: Plan;
  /** By the configuration as it is now. */
  readonly repositories: () => Repositories;
  /** Problems to show at login, by topic: a topic has one sentence, and is cleared when it is solved. */
  readonly warnings: Map<string, string>;
  /** The configuration as far as it is known: kernel parameters first, everything once state is open. */
  settings: Settings;
  /** The settings that were put into effect in this boot, undefined until it has come that far; with `unfinished` in `paths.applied`. */
  applied: Settings | undefined;
  /** Parts that are not as `applied` says: they failed, or wait for a reboot. */
  unfinished: Unfinished;
  /** What the hooks of this boot did, the latest run of each, in the order in which they ran; kept in `paths.hooks`. */
  hooks: readonly HookResult[];
  /** Undefined until a datasource was looked for. */
  datasource: DatasourceReport | undefined;
  /** `rancher.services` of each layer of the configuration that has any. */
  configuredServices: readonly { readonly name: string; readonly services: unknown; readonly isOem: boolean }[];
  /** What a datasource gave in this boot, what was wrong in asking (`problems`) and with what it gave (`saved`), and who was asked. */
  found: { readonly value: Found | undefined; readonly problems: readonly Problem[]; readonly saved?: readonly Problem[]; readonly asked?: readonly string[] };
  state: StateInfo;
  readonly status: () => Promise<MachineStatus>;
  /** Something that login shows has changed. */
  readonly refreshLogin: () => void;
  readonly power: (action: PowerAction, why: string) => void;
}

/** Every place that the supervisor and the system containers agree on (ARCHITECTURE.md, "Directories"). */
export const paths = {
  run: '/run/ros',
  bootReport: '/run/ros/boot.json',
  /** Where this boot keeps its state, once that is decided. */
  stateInfo: '/run/ros/state.json',
  applied: '/run/ros/applied.json',
  hooks: '/run/ros/hooks.json',
  stopped: '/run/ros/stopped',
  /** What User Docker's daemon is started with; the user plane reads it. */
  userEngine: '/run/ros/user-engine',
  /** Entries of rancher.services_include that were switched off in this boot and run on until it ends. */
  kept: '/run/ros/kept',
  console: '/run/ros/console',
  motd: '/run/ros/motd',
  runtimeEtc: '/run/etc',
  rancher: '/var/lib/rancher',
  cache: '/var/lib/rancher/cache',
  preload: '/var/lib/rancher/preload',
  oem: '/usr/share/ros/oem',
  boot: '/boot',
  conf: '/var/lib/rancher/conf',
  state: '/state',
  share: '/usr/share/ros',
  systemSocket: '/run/system-docker.sock',
  systemData: '/var/lib/system-docker',
  userSocket: '/run/user-docker/docker.sock',
  userData: '/var/lib/user-docker',
  systemCgroup: '/sys/fs/cgroup/system',
  userCgroup: '/sys/fs/cgroup/user',
} as const;
