/** What each system container may do, against what it needs. */
import { capabilityNames, type Confinement, type NamespaceKind } from '../../../sys/confinement.ts';
import { isBelow, placeOf, type MountPoint } from '../../../sys/mountinfo.ts';
import type { Facts } from '../facts.ts';
import { fail, listed, pass, unknown, warn, weight, type Check, type Verdict } from '../check.ts';

/** What a container may have beyond a plain one of Docker's without root's powers. */
export interface Needs {
  /** `all`: it is the machine's administrator's place, or makes devices. */
  readonly capabilities: 'all' | readonly string[];
  /** Namespaces of the machine. Every system container has its user namespace. */
  readonly shares: readonly NamespaceKind[];
  /** It writes to its own root. */
  readonly writes?: true;
  /** Its programs gain privileges: sudo, and ping's file capability. */
  readonly gains?: true;
  /** AppArmor's profile for containers forbids what it does. */
  readonly unconfined?: true;
  /** It may use the sockets that command the machine. */
  readonly commands?: true;
}

/** `privileged`: AppArmor and seccomp are off as well. */
const privileged = { capabilities: 'all', unconfined: true } as const;

/** The shipped services. A line here is a decision: a test holds it against system-services/. */
export const needs: Readonly<Record<string, Needs>> = {
  acpid: { capabilities: [], shares: ['net', 'pid'], unconfined: true },
  console: { ...privileged, shares: ['net', 'pid', 'ipc', 'uts', 'cgroup'], writes: true, gains: true, commands: true },
  'cron-example': { capabilities: [], shares: [] },
  docker: { ...privileged, shares: ['net', 'cgroup'], writes: true, gains: true },
  'docker-cli-plugins': { capabilities: [], shares: [] },
  network: { capabilities: ['NET_ADMIN', 'NET_RAW', 'NET_BIND_SERVICE', 'SYS_CHROOT', 'SETUID', 'SETGID', 'CHOWN', 'KILL'], shares: ['net', 'uts'], writes: true, unconfined: true },
  'nfs-client': { capabilities: ['SYS_ADMIN', 'NET_BIND_SERVICE', 'SETUID', 'SETGID', 'SETPCAP', 'CHOWN', 'DAC_OVERRIDE'], shares: ['net', 'uts'], unconfined: true },
  'node-exporter': { capabilities: [], shares: ['net', 'pid', 'uts'] },
  ntp: { capabilities: ['SYS_TIME', 'SETUID', 'SETGID', 'CHOWN', 'DAC_OVERRIDE'], shares: ['net'], writes: true },
  'open-iscsi': { ...privileged, shares: ['net'] },
  'qemu-guest-agent': { capabilities: ['SYS_ADMIN'], shares: ['net', 'pid', 'uts'], unconfined: true },
  'registry-mirror': { capabilities: [], shares: ['net'] },
  syslog: { capabilities: ['SYSLOG'], shares: ['uts'] },
  udev: { ...privileged, shares: ['net'] },
};

/** A service of the user's own: what Docker gives a container that asks for nothing. That it asks for more is his decision, and told as a warning. */
const plain: Needs = {
  capabilities: ['CHOWN', 'DAC_OVERRIDE', 'FSETID', 'FOWNER', 'MKNOD', 'NET_RAW', 'SETGID', 'SETUID', 'SETFCAP', 'SETPCAP', 'NET_BIND_SERVICE', 'SYS_CHROOT', 'KILL', 'AUDIT_WRITE'],
  shares: ['net', 'uts'], writes: true, gains: true,
};

/** Whoever reaches one of these commands the machine. That a mount is read-only keeps nobody from it. */
const commandSockets: readonly string[] = ['/run/system-docker.sock', '/run/system-docker/containerd/containerd.sock', '/run/ros/control.sock'];

/** What is wrong with one container, in words. Empty: nothing. */
type Look = (confinement: Confinement, needs: Needs, facts: Facts) => readonly string[];

const back = 'take it out of the service\'s file or rancher.services, then sudo ros service up NAME';

export const containerChecks: readonly Check[] = [
  {
    id: 'containers.known', title: 'System Docker runs services and nothing else', weight: weight.vital, looked: '/sys/fs/cgroup: every container outside of /user/plane',
    judge: ({ containers }) => {
      const strays = containers.filter(({ service }) => service === undefined);
      if (containers.length === 0) return unknown('no container runs');
      if (strays.length === 0) return pass(`${containers.length} containers, each of a service`);
      const words = strays.map(({ name, confinement }) => `${name}${confinement !== undefined && isPrivileged(confinement) ? ' (privileged)' : ''}`);
      const hint = 'sudo system-docker rm -f NAME, or make it a service';
      return strays.some(({ confinement }) => confinement === undefined || isPrivileged(confinement)) ? fail(listed(words), hint) : warn(listed(words), hint);
    },
  },
  {
    id: 'containers.capabilities', title: 'System containers have only the capabilities that they need', weight: weight.vital, looked: 'CapBnd in /proc/PID/status of each',
    judge: judgeEach(({ capabilities }, { capabilities: allowed }) => {
      if (allowed === 'all') return [];
      const extra = capabilities.filter((name) => !allowed.includes(name));
      return capabilities.length >= capabilityNames.length ? ['is privileged'] : extra.length === 0 ? [] : [`has ${listed(extra, 4)}`];
    }),
  },
  {
    id: 'containers.seccomp', title: 'System containers are filtered by seccomp', weight: weight.important, looked: 'Seccomp in /proc/PID/status of each',
    judge: judgeEach(({ seccomp }, { capabilities }) => (seccomp || capabilities === 'all' ? [] : ['has no filter'])),
  },
  {
    id: 'containers.no-new-privileges', title: 'Programs in system containers gain no privileges', weight: weight.important, looked: 'NoNewPrivs in /proc/PID/status of each',
    judge: judgeEach(({ noNewPrivileges }, { gains }) => (noNewPrivileges || gains === true ? [] : ['may gain privileges'])),
  },
  {
    id: 'containers.read-only', title: 'System containers do not change their programs', weight: weight.important, looked: '/proc/PID/mountinfo of each: /',
    judge: judgeEach(({ readOnlyRoot }, { writes }) => (readOnlyRoot || writes === true ? [] : ['has a writable root'])),
  },
  {
    id: 'containers.apparmor', title: 'System containers are confined by AppArmor', weight: weight.important, looked: '/proc/PID/attr/apparmor/current of each',
    judge: judgeEach(({ appArmor }, { unconfined }) => (unconfined === true || (appArmor !== undefined && /\(enforce\)$/.test(appArmor)) ? [] : [`is ${appArmor ?? 'without AppArmor'}`])),
  },
  {
    id: 'containers.namespaces', title: 'System containers share only the namespaces that they need', weight: weight.important, looked: '/proc/PID/ns of each and of the supervisor, which are the machine\'s',
    judge: judgeEach(({ shared }, { shares }) => {
      const extra = shared.filter((kind) => kind !== 'user' && !shares.includes(kind));
      return extra.length === 0 ? [] : [`shares ${extra.join(', ')}`];
    }),
  },
  {
    id: 'containers.sockets', title: 'Only the console commands System Docker', weight: weight.vital, looked: `uid in /proc/PID/status of each, and whether /proc/PID/mountinfo shows ${commandSockets.join(', ')}`,
    judge: judgeEach((confinement, { commands }, { mounts }) => (commands === true || !passesAsRoot(confinement) ? [] : commandSockets.filter((socket) => shows(confinement, socket, mounts)).map((socket) => `reaches ${socket}`))),
  },
];

/** Looks at every container; one that the system ships fails, one of the user's own is warned of. Strays have a check of their own. */
function judgeEach(look: Look): (facts: Facts) => Verdict {
  return (facts) => {
    const services = facts.containers.filter(({ service }) => service !== undefined);
    if (services.length === 0) return unknown('no service runs');
    const found = services.map((container) => {
      const own = needs[container.service ?? ''];
      return { container, isShipped: own !== undefined, problems: container.confinement === undefined ? [] : look(container.confinement, own ?? plain, facts) };
    });
    const wrong = found.filter(({ problems }) => problems.length > 0);
    if (wrong.length === 0) return pass(`${services.length} containers`);
    const words = wrong.map(({ container, problems }) => `${container.name} ${problems.join(', ')}`);
    return wrong.some(({ isShipped }) => isShipped) ? fail(listed(words), back) : warn(listed(words), back);
  };
}

function isPrivileged({ capabilities, shared }: Confinement): boolean { return capabilities.length >= capabilityNames.length || shared.includes('pid'); }

/** The sockets are root's alone (files.sockets), so they let in who is root, or passes over modes. */
function passesAsRoot({ uid, capabilities }: Confinement): boolean { return uid === 0 || capabilities.includes('DAC_OVERRIDE'); }

/** By the place in the file system, whatever it is called in the container. */
function shows({ mounts: inside }: Confinement, path: string, own: readonly MountPoint[]): boolean {
  const place = placeOf(path, own);
  return place !== undefined && inside.some(({ device, root }) => device === place.device && isBelow(place.path, root));
}
