/** A machine as it should be, and the same with something changed. */
import { capabilityNames, type Confinement } from '../../../../src/sys/confinement.ts';
import { parseMountinfo } from '../../../../src/sys/mountinfo.ts';
import { judge, checks } from '../../../../src/supervisor/audit/audit.ts';
import type { Verdict } from '../../../../src/supervisor/audit/check.ts';
import { judgedPaths } from '../../../../src/supervisor/audit/checks/files.ts';
import type { ContainerFacts, Facts, PathFacts } from '../../../../src/supervisor/audit/facts.ts';
import { hardeningSysctls } from '../../../../src/supervisor/hardening.ts';

/** `root point options type` a line, with the file system's number in front. */
export function mounts(...lines: readonly string[]): Facts['mounts'] {
  return parseMountinfo(lines.map((line) => { const [device, root, point, options, type] = line.split(' '); return `36 35 ${device} ${root} ${point} ${options} shared:1 - ${type} none rw\n`; }).join(''));
}

export const ownMounts = mounts(
  '7:0 / / ro squashfs', '0:5 / /dev rw,nosuid devtmpfs', '0:21 / /proc rw,nosuid,nodev,noexec proc', '0:22 / /sys rw,nosuid,nodev,noexec sysfs', '0:23 / /sys/fs/cgroup rw,nosuid,nodev,noexec cgroup2',
  '0:24 / /run rw,nosuid,nodev tmpfs', '0:25 / /tmp rw,nosuid,nodev tmpfs', '0:26 / /var rw,nosuid,nodev tmpfs', '0:27 / /mnt rw,nosuid,nodev tmpfs', '0:28 / /media rw,nosuid,nodev tmpfs',
  '254:16 / /state rw,nosuid,nodev ext4', ...['/home', '/opt', '/var/lib/rancher', '/var/lib/user-docker', '/var/log', '/var/etc/docker'].map((path) => `254:16 ${path} ${path} rw,nosuid,nodev ext4`),
);

export const plainConfinement: Confinement = {
  uid: 0, capabilities: [], noNewPrivileges: true, seccomp: true, appArmor: 'docker-default (enforce)', readOnlyRoot: true, shared: ['user'], mounts: mounts('0:50 / / ro,relatime overlay'),
};

export function container(name: string, over: Partial<Confinement> = {}, service = name): ContainerFacts {
  return { name, service, confinement: { ...plainConfinement, ...over } };
}

const everything: Partial<Confinement> = { capabilities: capabilityNames, noNewPrivileges: false, seccomp: false, appArmor: 'unconfined', readOnlyRoot: false };
const file: PathFacts = { type: 'file', uid: 0, gid: 0, mode: 0o600 };

/** Owners and modes as the system makes them. */
const paths: Facts['paths'] = Object.fromEntries(judgedPaths.map((path): [string, PathFacts] => {
  if (path === '/run/ros/control.sock') return [path, { type: 'socket', uid: 0, gid: 1102, mode: 0o660 }];
  if (path === '/run/user-docker/docker.sock') return [path, { type: 'socket', uid: 0, gid: 1101, mode: 0o660 }];
  if (path.endsWith('.sock')) return [path, { ...file, type: 'socket' }];
  if (path === '/run' || path === '/run/ros' || path === '/run/user-docker') return [path, { type: 'directory', uid: 0, gid: 0, mode: 0o755 }];
  if (path.endsWith('-docker') && path.startsWith('/var')) return [path, { type: 'directory', uid: path.includes('user') ? 100_000 : 0, gid: path.includes('user') ? 100_000 : 0, mode: 0o710 }];
  return [path, /\.(?:yml|json|pem)$|_key$/.test(path) ? file : { type: 'directory', uid: 0, gid: 0, mode: 0o700 }];
}));

export const good: Facts = {
  plane: {
    isolation: 'plane', processes: 12, rootProcesses: [],
    daemon: {
      pid: 812, shared: [], uidMap: '         0     100000      65536', gidMap: '         0     100000      65536',
      mounts: mounts('0:60 / / rw overlay', '7:0 /usr/sbin/dockerd /usr/sbin/dockerd ro squashfs', '7:0 /etc/containerd /etc/containerd ro squashfs', '254:16 /home /home rw,nosuid,nodev ext4', '254:16 /var/lib/user-docker /var/lib/docker rw ext4',
        '254:16 /var/etc/docker /etc/docker ro ext4', '0:24 /etc /run/etc ro tmpfs', '0:24 /ros/user-engine /run/engine ro tmpfs', '0:5 /vda /dev/vda rw,nodev devtmpfs'),
    },
    floors: { 'user/pids.max': '24000', 'user/memory.max': '1500000000', 'system/memory.min': '200000000', 'init/memory.min': '60000000' },
  },
  paths,
  login: {
    sshIsOn: true, password: 'none', autologin: [],
    sshd: {
      permitrootlogin: 'no', permitemptypasswords: 'no', hostbasedauthentication: 'no', ignorerhosts: 'yes', strictmodes: 'yes', permituserenvironment: 'no', x11forwarding: 'no', usepam: 'yes',
      passwordauthentication: 'no', kbdinteractiveauthentication: 'no', allowusers: 'rancher docker',
    },
    accounts: [{ name: 'root', uid: 0, password: 'none' }, { name: 'rancher', uid: 1100, password: 'none' }],
  },
  containers: [
    container('console', { ...everything, shared: ['user', 'net', 'pid', 'ipc', 'uts', 'cgroup'], mounts: [...mounts('0:51 / / rw overlay'), ...ownMounts.filter(({ point }) => point !== '/')] }),
    container('docker', { ...everything, shared: ['user', 'net', 'cgroup'], mounts: mounts('0:52 / / rw overlay') }),
    container('syslog', { capabilities: ['SYSLOG'], shared: ['user', 'uts'] }),
  ],
  kernel: { sysctls: { ...hardeningSysctls, 'kernel.randomize_va_space': '2', 'vm.mmap_min_addr': '65536', 'net.ipv6.conf.all.accept_source_route': '0' }, parameters: ['console=ttyS0', 'quiet'], signaturesEnforced: true, lockdown: 'none', taint: 0, appArmorEnabled: true },
  root: { isVerified: true, damage: undefined },
  mounts: ownMounts,
  network: {
    listeners: [{ protocol: 'tcp', address: '0.0.0.0', port: 22, process: 'sshd', service: 'console' }, { protocol: 'udp', address: '10.0.2.15', port: 68, process: 'dhcpcd', service: 'network' }],
    sshPort: 22, forwards: true,
    filter: 'table inet corral_plane {\n\tchain arriving {\n\t\tip daddr 127.0.0.0/8 drop\n\t}\n\n\tchain forwarded {\n\t\ttype filter hook forward priority filter; policy drop;\n\t\tiifname "uplane" accept\n\t}\n}\n',
  },
  engines: { system: ['/usr/sbin/dockerd', '--host', 'unix:///run/system-docker.sock'], user: ['dockerd', '--host', 'unix:///run/user-docker/docker.sock'], tls: { enabled: false, certificates: [] }, insecureRegistries: [] },
};

/** What that check says of these facts. */
export function verdict(id: string, facts: Facts): Verdict {
  const found = judge(facts, checks, new Date()).checks.find((check) => check.id === id);
  if (found === undefined) throw new Error(`there is no check ${id}`);
  return { result: found.result, detail: found.detail };
}
