/** What the kernel lets a process do: its capabilities, filters and namespaces, from /proc. */
import { readlink } from 'node:fs/promises';
import { readTextFile } from './files.ts';
import { mountAt, mountPoints, type MountPoint } from './mountinfo.ts';

const limit = 1024 * 1024;

/** By their numbers in the kernel. */
export const capabilityNames: readonly string[] = [
  'CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP', 'LINUX_IMMUTABLE', 'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_ADMIN', 'NET_RAW',
  'IPC_LOCK', 'IPC_OWNER', 'SYS_MODULE', 'SYS_RAWIO', 'SYS_CHROOT', 'SYS_PTRACE', 'SYS_PACCT', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_NICE', 'SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'MKNOD',
  'LEASE', 'AUDIT_WRITE', 'AUDIT_CONTROL', 'SETFCAP', 'MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ', 'PERFMON', 'BPF', 'CHECKPOINT_RESTORE',
];

export const namespaceKinds = ['user', 'mnt', 'net', 'pid', 'ipc', 'uts', 'cgroup'] as const;
export type NamespaceKind = (typeof namespaceKinds)[number];

export interface Confinement {
  /** Of its first process, as the machine counts. */
  readonly uid: number;
  /** The most that it and its children can ever have: the bounding set. */
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: boolean;
  readonly seccomp: boolean;
  /** AppArmor's word: `docker-default (enforce)`, `unconfined`; undefined where the kernel has none. */
  readonly appArmor: string | undefined;
  readonly readOnlyRoot: boolean;
  /** Those of the machine that it shares. */
  readonly shared: readonly NamespaceKind[];
  readonly mounts: readonly MountPoint[];
}

/** Of a process; undefined when it has gone. */
export async function confinementOf(pid: number): Promise<Confinement | undefined> {
  const status = await readTextFile(`/proc/${pid}/status`, limit).catch(() => undefined);
  const mounts = await mountPoints(pid);
  const shared = await sharedNamespaces(pid);
  if (status === undefined || mounts === undefined || shared === undefined) return undefined;
  return { ...parseStatus(status), appArmor: await appArmorOf(pid), readOnlyRoot: mountAt('/', mounts)?.options.includes('ro') === true, shared, mounts };
}

export function parseStatus(status: string): Pick<Confinement, 'uid' | 'capabilities' | 'noNewPrivileges' | 'seccomp'> {
  const value = (name: string): string => new RegExp(`^${name}:\\s*(\\S+)$`, 'm').exec(status)?.[1] ?? '0';
  return { uid: Number(/^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1] ?? 0), capabilities: capabilitiesOf(value('CapBnd')), noNewPrivileges: value('NoNewPrivs') === '1', seccomp: value('Seccomp') === '2' };
}

/** Of the kernel's hexadecimal mask. One that is newer than the list goes by its number. */
export function capabilitiesOf(mask: string): string[] {
  const bits = BigInt(`0x${mask}`);
  return Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => (bits >> BigInt(bit) & 1n) === 1n).map((bit) => capabilityNames[bit] ?? String(bit));
}

/** The namespaces that a process has in common with this one, which is in the machine's own; undefined when it has gone. */
export async function sharedNamespaces(pid: number): Promise<NamespaceKind[] | undefined> {
  try {
    const same = await Promise.all(namespaceKinds.map(async (kind) => await readlink(`/proc/${pid}/ns/${kind}`) === await readlink(`/proc/self/ns/${kind}`)));
    return namespaceKinds.filter((_, index) => same[index]);
  } catch {
    return undefined;
  }
}

/** Whether its root is this process's root, the machine's; undefined when it has gone. */
export async function sharesUserNamespace(pid: number): Promise<boolean | undefined> {
  return await readlink(`/proc/${pid}/ns/user`).then(async (own) => own === await readlink('/proc/self/ns/user'), () => undefined);
}

async function appArmorOf(pid: number): Promise<string | undefined> {
  return (await readTextFile(`/proc/${pid}/attr/apparmor/current`, limit).catch(() => undefined))?.trim();
}
