/** Who may use the sockets that command the machine, and read what is secret. */
import { nothing, unknown, weight, type Check, type Verdict } from '../check.ts';
import type { Facts, PathFacts } from '../facts.ts';

interface PathRule {
  readonly path: string;
  readonly type: PathFacts['type'];
  readonly uids: readonly number[];
  /** Absent: any, for the mode gives the group nothing. */
  readonly gids?: readonly number[];
  /** The most that it may allow. */
  readonly mode: number;
  /** It is there on every machine: where it is not, there was nothing to look at. */
  readonly always?: true;
}

const rosGroup = 1102;
const dockerGroup = 1101;
/** The root of the user plane, as the machine counts. */
const planeRoot = 100_000;
const root = [0] as const;

const sockets: readonly PathRule[] = [
  { path: '/run/system-docker.sock', type: 'socket', uids: root, gids: [0], mode: 0o660, always: true },
  { path: '/run/system-docker/containerd/containerd.sock', type: 'socket', uids: root, gids: [0], mode: 0o660 },
  { path: '/run/ros/control.sock', type: 'socket', uids: root, gids: [0, rosGroup], mode: 0o660, always: true },
  { path: '/run/user-docker/docker.sock', type: 'socket', uids: [0, planeRoot], gids: [0, dockerGroup], mode: 0o660 },
  // Who may write to their folder may put another one there.
  { path: '/run', type: 'directory', uids: root, mode: 0o755 },
  { path: '/run/ros', type: 'directory', uids: root, mode: 0o755 },
  { path: '/run/system-docker', type: 'directory', uids: root, mode: 0o755 },
  { path: '/run/system-docker/containerd', type: 'directory', uids: root, mode: 0o755 },
  { path: '/run/user-docker', type: 'directory', uids: [0, planeRoot], mode: 0o755 },
];

const secrets: readonly PathRule[] = [
  { path: '/var/lib/rancher/conf', type: 'directory', uids: root, mode: 0o700, always: true },
  { path: '/var/lib/rancher/conf/cloud-config.yml', type: 'file', uids: root, mode: 0o600 },
  { path: '/var/lib/rancher/conf/history', type: 'directory', uids: root, mode: 0o755 }, // inside of conf
  { path: '/var/lib/rancher/ssh', type: 'directory', uids: root, mode: 0o700 },
  ...['ed25519', 'ecdsa', 'rsa'].map((kind): PathRule => ({ path: `/var/lib/rancher/ssh/ssh_host_${kind}_key`, type: 'file', uids: root, mode: 0o600 })),
  { path: '/run/ros/console', type: 'directory', uids: root, mode: 0o700 },
  { path: '/run/ros/applied.json', type: 'file', uids: root, mode: 0o600 },
  { path: '/run/ros/hooks.json', type: 'file', uids: root, mode: 0o600 },
  { path: '/run/ros/user-engine', type: 'directory', uids: [0, planeRoot], mode: 0o700 },
  { path: '/etc/docker/tls/server-key.pem', type: 'file', uids: [0, planeRoot], mode: 0o600 },
  { path: '/home/rancher/.docker/key.pem', type: 'file', uids: [0, 1100], mode: 0o600 },
  { path: '/var/lib/system-docker', type: 'directory', uids: root, gids: [0], mode: 0o710 },
  { path: '/var/lib/user-docker', type: 'directory', uids: [0, planeRoot], gids: [0, planeRoot], mode: 0o710 },
];

/** What the facts must hold for the checks here. */
export const judgedPaths: readonly string[] = [...sockets, ...secrets].map(({ path }) => path);

export const fileChecks: readonly Check[] = [
  {
    id: 'files.sockets', title: 'Only root and its groups reach the engines and the control API', weight: weight.vital, looked: listPaths(sockets),
    judge: (facts) => judgePaths(facts, sockets),
  },
  {
    id: 'files.secrets', title: 'Only their owners read keys and configuration', weight: weight.vital, looked: listPaths(secrets),
    judge: (facts) => judgePaths(facts, secrets),
  },
];

function listPaths(rules: readonly PathRule[]): string { return `owner and mode of ${rules.map(({ path }) => path).join(', ')}`; }

function judgePaths({ paths }: Facts, rules: readonly PathRule[]): Verdict {
  const there = rules.filter(({ path }) => paths[path] !== undefined);
  const problems = there.flatMap((rule) => problemsOf(rule, paths[rule.path]));
  const lacking = rules.filter(({ path, always }) => always === true && paths[path] === undefined).map(({ path }) => `${path} is not there`);
  if (problems.length === 0 && lacking.length > 0) return unknown(lacking.join(', '));
  return nothing(problems, 'fail', `all ${there.length} that there are`, 'put owner and mode right; what the system makes itself is right again after a reboot');
}

function problemsOf({ path, type, uids, gids, mode }: PathRule, found: PathFacts | undefined): string[] {
  if (found === undefined) return [];
  if (found.type !== type) return [`${path} is a ${found.type} and not a ${type}`];
  const extra = found.mode & ~mode & 0o7777;
  return [
    ...(uids.includes(found.uid) ? [] : [`${path} belongs to uid ${found.uid}`]),
    ...(gids === undefined || gids.includes(found.gid) ? [] : [`${path} belongs to gid ${found.gid}`]),
    ...(extra === 0 ? [] : [`${path} has mode ${found.mode.toString(8).padStart(4, '0')}, at most ${mode.toString(8).padStart(4, '0')} is meant`]),
  ];
}
