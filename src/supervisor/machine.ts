/** What the phases share: the things with a lifetime, made in main.ts and passed down. */
import type { MachineStatus, PowerAction } from '../api/types.ts';
import type { Engine } from '../engine/engine.ts';
import type { Daemon } from '../engine/daemon.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log, LogBook } from '../lib/log.ts';
import type { ServiceManager } from '../services/manager.ts';
import type { Found, Problem, Settings } from '../config/index.ts';
import type { Timeline } from './timeline.ts';

export interface StateInfo {
  readonly kind: 'disk' | 'ram';
  readonly device?: string;
  /** Why state is in RAM, or what was mended on the disk. */
  readonly note?: string;
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
  readonly userEngine: Engine;
  readonly services: ServiceManager;
  /** Problems to show at login, by topic: a topic has one sentence, and is cleared when it is solved. */
  readonly warnings: Map<string, string>;
  /** The configuration as far as it is known: kernel parameters first, everything once state is open. */
  settings: Settings;
  /** What a datasource gave in this boot. */
  found: { readonly value: Found | undefined; readonly problems: readonly Problem[] };
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
  stopped: '/run/ros/stopped',
  console: '/run/ros/console',
  motd: '/run/ros/motd',
  runtimeEtc: '/run/etc',
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
