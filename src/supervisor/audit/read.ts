/** Reads the facts. Thin: what they mean is decided in checks/. What cannot be read is undefined, and the check says so. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { withTimeout } from '../../lib/wait.ts';
import { cgroupRoot, groupsBelow, type Group } from '../../sys/cgroups.ts';
import { confinementOf, sharedNamespaces, sharesUserNamespace } from '../../sys/confinement.ts';
import { tryRun } from '../../sys/exec.ts';
import { readTextFile } from '../../sys/files.ts';
import { isLoopback, listeners, socketOwners } from '../../sys/listeners.ts';
import { mountPoints } from '../../sys/mountinfo.ts';
import { kernelCommandLine, processName } from '../../sys/proc.ts';
import { serviceLabel } from '../../services/container-spec.ts';
import { runningConsole } from '../apply/console-files.ts';
import type { Machine } from '../machine.ts';
import { rootImage, rootImageTopic } from '../root-image.ts';
import { tlsHost } from '../tls-host.ts';
import { tlsStatus } from '../tls.ts';
import { judgedPaths } from './checks/files.ts';
import { judgedSysctls } from './checks/kernel.ts';
import { floors } from './checks/plane.ts';
import { parseAccounts, parseSshd } from './parse.ts';
import type { ContainerFacts, DaemonFacts, EngineFacts, Facts, KernelFacts, ListenerFacts, LoginFacts, NetworkFacts, PathFacts, PlaneFacts } from './facts.ts';

const limit = 1024 * 1024;
const sshdTimeoutMs = 30_000;
/** The kernel tells of a container without it, but for its name. */
const inspectTimeoutMs = 10_000;
const planeGroup = '/user/plane';
/** A user container may have as many processes as it likes; nobody waits for all of them. */
const mostProcesses = 5000;

export async function readFacts(machine: Machine): Promise<Facts> {
  const groups = await groupsBelow('/', { skip: [planeGroup, '/init'] });
  const containers = await readContainers(machine, groups);
  const dockerd = await userDockerd(containers, groups);
  const [plane, pathFacts, login, kernel, mounts, network, engines, root] = await Promise.all([
    readPlane(dockerd, containers), readPaths(judgedPaths), readLogin(machine, containers), readKernel(), mountPoints('self'), readNetwork(machine, groups, containers), readEngines(machine, dockerd), rootImage(),
  ]);
  return { plane, paths: pathFacts, login, containers: containers.map(({ facts }) => facts), kernel, root: { isVerified: root?.isVerified, damage: machine.warnings.get(rootImageTopic) }, mounts: mounts ?? [], network, engines };
}

const text = async (path: string): Promise<string | undefined> => (await readTextFile(path, limit).catch(() => undefined))?.trim();

// ---- System Docker's containers

interface Found { readonly facts: ContainerFacts; readonly group: string; readonly pid: number }

/** By the control groups, for there stands every container, whoever has started it. */
async function readContainers(machine: Machine, groups: readonly Group[]): Promise<Found[]> {
  const found = await Promise.all(groups.filter(({ path }) => /\/[0-9a-f]{64}$/.test(path)).map(async ({ path, pids }): Promise<Found | undefined> => {
    const id = path.slice(path.lastIndexOf('/') + 1);
    const info = await withTimeout(machine.systemEngine.inspect(id), inspectTimeoutMs, 'System Docker').catch(() => undefined);
    const pid = info === undefined || info.pid === 0 ? Math.min(...pids) : info.pid;
    if (!Number.isFinite(pid)) return undefined; // it has just ended
    const label = info?.labels[serviceLabel];
    const service = machine.services.statuses().find(({ name, containerId }) => (containerId === undefined ? name === label : containerId === id))?.name;
    return { facts: { name: info?.name ?? id.slice(0, 12), service, confinement: await confinementOf(pid) }, group: path, pid };
  }));
  return found.filter((one) => one !== undefined).sort((a, b) => (a.facts.name < b.facts.name ? -1 : 1));
}

// ---- the user plane

/** Beside the container `docker`, or in it. */
async function userDockerd(containers: readonly Found[], groups: readonly Group[]): Promise<number | undefined> {
  const own = containers.find(({ facts }) => facts.service === 'docker')?.group;
  const inPlane = await groupsBelow(`${planeGroup}/init`, { maxGroups: 1 });
  const inContainer = own === undefined ? [] : groups.filter(({ path }) => path === own || path.startsWith(`${own}/`));
  const direct = (await groupsBelow(planeGroup, { maxGroups: 1 }));
  for (const pid of [...inPlane, ...direct, ...inContainer].flatMap(({ pids }) => pids).sort((a, b) => a - b)) if (await processName(pid) === 'dockerd') return pid;
  return undefined;
}

async function readPlane(dockerd: number | undefined, containers: readonly Found[]): Promise<PlaneFacts> {
  const container = containers.find(({ facts }) => facts.service === 'docker');
  const environment = container === undefined ? undefined : await nulText(`/proc/${container.pid}/environ`);
  const pids = (await groupsBelow(planeGroup)).flatMap((group) => group.pids).slice(0, mostProcesses);
  const rootProcesses: { pid: number; name: string }[] = [];
  for (const pid of pids) if (await sharesUserNamespace(pid) === true) rootProcesses.push({ pid, name: await processName(pid) ?? '' });
  const values = await Promise.all(Object.keys(floors).map(async (name): Promise<[string, string | undefined]> => [name, await text(join(cgroupRoot, name))]));
  return {
    isolation: environment === undefined ? undefined : environment.find((pair) => pair.startsWith('ISOLATION='))?.slice('ISOLATION='.length) ?? 'plane',
    daemon: dockerd === undefined ? undefined : await readDaemon(dockerd),
    processes: pids.length, rootProcesses, floors: Object.fromEntries(values),
  };
}

async function readDaemon(pid: number): Promise<DaemonFacts | undefined> {
  const [shared, uidMap, gidMap, mounts] = await Promise.all([sharedNamespaces(pid), text(`/proc/${pid}/uid_map`), text(`/proc/${pid}/gid_map`), mountPoints(pid)]);
  return shared === undefined || uidMap === undefined || gidMap === undefined || mounts === undefined ? undefined : { pid, shared, uidMap, gidMap, mounts };
}

// ---- files

async function readPaths(wanted: readonly string[]): Promise<Record<string, PathFacts | undefined>> {
  return Object.fromEntries(await Promise.all(wanted.map(async (path): Promise<[string, PathFacts | undefined]> => {
    const found = await lstat(path).catch(() => undefined);
    if (found === undefined) return [path, undefined];
    const type = found.isFile() ? 'file' : found.isDirectory() ? 'directory' : found.isSocket() ? 'socket' : found.isSymbolicLink() ? 'link' : 'other';
    return [path, { type, uid: found.uid, gid: found.gid, mode: found.mode & 0o7777 }];
  })));
}

// ---- login

async function readLogin(machine: Machine, containers: readonly Found[]): Promise<LoginFacts> {
  const { ssh, password, autologin } = machine.applied ?? machine.settings;
  const console = containers.find(({ facts }) => facts.service === 'console');
  const file = async (name: string): Promise<string | undefined> => (console === undefined ? undefined : text(`/proc/${console.pid}/root/etc/${name}`));
  const [passwd, shadow] = [await file('passwd'), await file('shadow')];
  return {
    sshIsOn: ssh.daemon, sshd: await askSshd(machine),
    accounts: passwd === undefined || shadow === undefined ? undefined : parseAccounts(passwd, shadow),
    password: password === undefined ? 'none' : password.startsWith('$') ? 'hashed' : 'in clear', autologin,
  };
}

/** Given as the console gives them to it, for a sshd_config of the owner's that names none. */
const hostKeys = ['ed25519', 'ecdsa'].flatMap((kind) => ['-h', `/var/lib/rancher/ssh/ssh_host_${kind}_key`]);

/** sshd itself says what its files come to. `-C` names a connection, for what `Match` says of rancher. */
async function askSshd({ services, systemEngine }: Machine): Promise<Record<string, string> | undefined> {
  const id = runningConsole(services);
  if (id === undefined) return undefined;
  const said = await systemEngine.exec(id, { command: ['/usr/sbin/sshd', '-T', '-C', 'user=rancher,host=localhost,addr=127.0.0.1', ...hostKeys], timeoutMs: sshdTimeoutMs, tailBytes: 65_536 }).catch(() => undefined);
  return said?.exitCode === 0 ? parseSshd(said.output) : undefined;
}

// ---- the kernel

async function readKernel(): Promise<KernelFacts> {
  const sysctls = await Promise.all(judgedSysctls.map(async (name): Promise<[string, string | undefined]> => [name, await text(`/proc/sys/${name.replaceAll('.', '/')}`)]));
  const [enforce, lockdown, taint, appArmor, commandLine] = await Promise.all([
    text('/sys/module/module/parameters/sig_enforce'), text('/sys/kernel/security/lockdown'), text('/proc/sys/kernel/tainted'), text('/sys/module/apparmor/parameters/enabled'), kernelCommandLine(),
  ]);
  return {
    sysctls: Object.fromEntries(sysctls), parameters: commandLine.split(/\s+/).filter((word) => word !== ''), signaturesEnforced: enforce === undefined ? undefined : enforce === 'Y',
    lockdown: /\[(\w+)\]/.exec(lockdown ?? '')?.[1], taint: taint === undefined ? undefined : Number(taint), appArmorEnabled: appArmor === 'Y',
  };
}

// ---- the network and the engines

async function readNetwork(machine: Machine, groups: readonly Group[], containers: readonly Found[]): Promise<NetworkFacts> {
  const reached = (await listeners('self').catch(() => undefined))?.filter(({ address }) => !isLoopback(address));
  // Not the supervisor's and System Docker's own alone: what somebody has started anywhere outside of the user plane.
  const outside = [...groups, ...await groupsBelow('/init')];
  const owners = await socketOwners(new Set(reached?.map(({ inode }) => inode)), outside.flatMap(({ pids }) => pids));
  const [v4, v6, filter] = await Promise.all([text('/proc/sys/net/ipv4/ip_forward'), text('/proc/sys/net/ipv6/conf/all/forwarding'), tryRun('nft', ['list', 'table', 'inet', 'corral_plane']).catch(() => undefined)]);
  return {
    listeners: reached === undefined ? undefined : await Promise.all(reached.map(async ({ protocol, address, port, inode }): Promise<ListenerFacts> => {
      const pid = owners.get(inode);
      const group = pid === undefined ? undefined : outside.find(({ pids }) => pids.includes(pid))?.path;
      const container = containers.find((one) => group !== undefined && (group === one.group || group.startsWith(`${one.group}/`)));
      return { protocol, address, port, process: pid === undefined ? undefined : await processName(pid), service: container?.facts.service };
    })),
    sshPort: (machine.applied ?? machine.settings).ssh.port,
    forwards: v4 === '1' || (v6 !== undefined && v6 !== '0'),
    filter: filter?.code === 0 ? filter.stdout : undefined,
  };
}

async function readEngines(machine: Machine, user: number | undefined): Promise<EngineFacts> {
  const { docker, systemDocker } = machine.applied ?? machine.settings;
  const system = Number(await text('/run/system-docker.pid'));
  return {
    system: Number.isInteger(system) && await processName(system) === 'dockerd' ? await words(system) : undefined,
    user: user === undefined ? undefined : await words(user),
    // As it is in effect: nothing is read anew.
    tls: await tlsStatus({ ...tlsHost(machine), docker: async () => docker }).catch(() => undefined),
    insecureRegistries: [...docker.insecureRegistries, ...systemDocker.insecureRegistries],
  };
}

async function words(pid: number): Promise<string[] | undefined> { return nulText(`/proc/${pid}/cmdline`); }
async function nulText(path: string): Promise<string[] | undefined> { return (await readTextFile(path, limit).catch(() => undefined))?.split('\0').filter((word) => word !== ''); }
