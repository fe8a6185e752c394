/** Where programs and devices may come from. */
import { isBelow, mountAt, type MountPoint } from '../../../sys/mountinfo.ts';
import { nothing, pass, unknown, weight, fail, type Check } from '../check.ts';

/** User containers write to these as their root: a setuid file from there must gain nothing. */
const shared = ['/home', '/opt', '/mnt', '/media'] as const;
const safe = ['nosuid', 'nodev'] as const;
const kernel: Readonly<Record<string, readonly string[]>> = {
  '/proc': ['nosuid', 'nodev', 'noexec'], '/sys': ['nosuid', 'nodev', 'noexec'], '/sys/kernel/security': ['nosuid', 'nodev', 'noexec'], '/sys/fs/cgroup': ['nosuid', 'nodev', 'noexec'], '/dev': ['nosuid'], '/dev/shm': ['nosuid', 'nodev'], '/dev/pts': ['nosuid'],
};
/** Nothing but what the system itself puts there; devices and setuid programs do not belong. Engines' folders are not here: containers' roots are in them. */
const others = ['/tmp', '/run', '/root', '/state', '/var', '/var/lib/rancher', '/var/lib/kubelet', '/var/log', '/var/etc/docker'] as const;
const remount = 'a mount of your own: give it the options nosuid,nodev (mounts: in the configuration); else a reboot puts it right';

export const mountChecks: readonly Check[] = [
  {
    id: 'mounts.root', title: 'The system itself is read-only', weight: weight.vital, looked: '/proc/self/mountinfo: /',
    judge: ({ mounts }) => {
      const root = mountAt('/', mounts);
      if (root === undefined) return unknown('the mounts could not be read');
      return root.options.includes('ro') ? pass(`${root.type}, ro`) : fail(`${root.type} at / is writable`, 'a reboot makes it read-only again');
    },
  },
  {
    id: 'mounts.data', title: 'No device and no setuid program where data lives', weight: weight.vital, looked: `/proc/self/mountinfo: ${shared.join(', ')} and below, ${others.join(', ')} where they are mounts`,
    judge: ({ mounts }) => nothing([...new Set([
      ...shared.flatMap((folder) => lax(folder, mounts)),
      // Without a disk those in /var are folders of its tmpfs.
      ...others.flatMap((folder) => missing(mounts.filter(({ point }) => point === folder).at(-1), safe)),
    ])], 'fail', 'nosuid,nodev on all of them', remount),
  },
  {
    id: 'mounts.console', title: 'A setuid file from a user container gains nothing in the console', weight: weight.vital, looked: `mountinfo of the console: ${shared.join(', ')} and below`,
    judge: ({ containers }) => {
      const console = containers.find(({ service }) => service === 'console')?.confinement;
      if (console === undefined) return unknown('the console does not run');
      return nothing(shared.flatMap((folder) => lax(folder, console.mounts)), 'fail', `nosuid,nodev on all ${shared.length}`, remount);
    },
  },
  {
    id: 'mounts.kernel', title: 'The kernel\'s file systems hold no programs and no devices of others', weight: weight.minor, looked: `/proc/self/mountinfo: ${Object.keys(kernel).join(', ')}`,
    judge: ({ mounts }) => nothing(Object.entries(kernel).flatMap(([point, options]) => missing(mounts.filter((mount) => mount.point === point).at(-1), options)), 'warn', 'nosuid, nodev and noexec where they belong'),
  },
];

/** What lacks an option: the mount that a folder lies on, and every mount below it. */
function lax(folder: string, mounts: readonly MountPoint[]): string[] {
  const at = mountAt(folder, mounts);
  const below = mounts.filter(({ point }) => point !== folder && isBelow(point, folder));
  // The root is read-only and of our making: a folder of it that nothing is mounted on holds nothing new.
  const own = at === undefined || (at.point === '/' && at.options.includes('ro')) ? [] : [at];
  return [...new Set([...own, ...below].flatMap((mount) => missing(mount, safe)))];
}

function missing(mount: MountPoint | undefined, options: readonly string[]): string[] {
  if (mount === undefined) return [];
  const lacks = options.filter((option) => !mount.options.includes(option));
  return lacks.length === 0 ? [] : [`${mount.point} is mounted without ${lacks.join(', ')}`];
}
