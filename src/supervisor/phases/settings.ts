/** Puts the configuration into effect: names, kernel settings, modules, and what the console is told. */
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { causeOf } from '../../lib/errors.ts';
import { run, tryRun } from '../../sys/exec.ts';
import { loadDrivers } from '../../sys/drivers.ts';
import { exists, readTextFile, writeFileAtomic } from '../../sys/files.ts';
import { paths, type Machine } from '../machine.ts';

/** Kernel settings of the system itself; `rancher.sysctl` may set others or these again. */
const sysctls: Readonly<Record<string, string>> = {
  'net.ipv4.ip_forward': '1',
  'net.ipv6.conf.all.forwarding': '1',
  // Forwarding turns off the acceptance of router advertisements unless it is asked for explicitly.
  'net.ipv6.conf.all.accept_ra': '2',
  'kernel.dmesg_restrict': '1',
  'kernel.kptr_restrict': '1',
  'vm.min_free_kbytes': String(minFreeKb(totalmem() / 1024)),
};

/**
 * What the kernel keeps free for itself, by its own formula (mm/page_alloc.c, in KiB). A kernel built for huge pages
 * everywhere raises that to 45 MB and more at boot, of which a small machine sees nothing again.
 */
function minFreeKb(memoryKb: number): number { return Math.min(Math.max(Math.floor(Math.sqrt(memoryKb * 16)), 128), 262_144); }

/**
 * What the user plane needs and cannot load itself, being nobody on the machine. The kernel's own auto-loading does not
 * act for a user namespace.
 */
const planeModules = [
  'overlay', 'bridge', 'br_netfilter', 'veth', 'nf_conntrack', 'nf_nat', 'nf_tables', 'nft_compat', 'nft_chain_nat', 'nft_nat', 'nft_masq',
  'nft_fib_inet', 'nft_fib_ipv4', 'nft_fib_ipv6', 'nft_ct', 'nft_reject_inet', 'xt_addrtype', 'xt_conntrack', 'xt_MASQUERADE', 'xt_nat', 'xt_mark', 'xt_tcpudp', 'xt_comment', 'xt_multiport',
  'tun', 'fuse',
];

export async function applySettings(machine: Machine): Promise<void> {
  await run('ip', ['link', 'set', 'lo', 'up']);
  // Programs log there, in the console's /dev as well, which is the machine's; there is a socket once syslog runs.
  await symlink('/run/syslog/log', '/dev/log').catch(() => undefined);
  await applyHostname(machine);
  await applySysctls(machine);
  await writeConsoleFiles(machine);
}

/** One modprobe for all: each start of a program costs more than the loading. */
export async function loadModules(machine: Machine): Promise<void> {
  // The network's cards must not wait for udev, which comes to them after seconds: ssh would.
  await loadDrivers();
  const { code, stderr } = await tryRun('modprobe', ['-a', ...planeModules], { timeoutMs: 60_000 });
  if (code !== 0) machine.log.warn(`modules: ${stderr.trim().replaceAll('\n', '; ')}`);
  for (const line of machine.settings.modules) {
    const result = await tryRun('modprobe', line.trim().split(/\s+/), { timeoutMs: 30_000 });
    if (result.code !== 0) machine.warnings.set(`module ${line}`, `Kernel module "${line}" could not be loaded: ${result.stderr.trim()}`);
  }
}

/** What the processor's features bring, faster cryptography above all. Nothing waits for it, and its self-tests take seconds. */
export async function loadProcessorModules(machine: Machine): Promise<void> {
  const alias = (await readTextFile('/sys/devices/system/cpu/modalias', 65_536))?.trim() ?? '';
  // -b as udev does: with the blacklist. That no module fits is no error.
  if (alias !== '') await tryRun('modprobe', ['-qab', alias], { timeoutMs: 60_000 });
  machine.log.debug('modules: loaded what the processor brings');
}

async function applyHostname({ settings }: Machine): Promise<void> {
  await writeFile('/proc/sys/kernel/hostname', settings.hostname);
  await mkdir(paths.runtimeEtc, { recursive: true });
  // The network container leaves a name that somebody chose alone, and takes the DHCP server's in place of a default.
  await writeFileAtomic(join(paths.runtimeEtc, 'hostname.source'), settings.hostnameIsSet ? 'config\n' : 'default\n', 0o644);
  await writeFileAtomic(join(paths.runtimeEtc, 'hostname'), `${settings.hostname}\n`, 0o644);
  // There before any container: a runtime that finds no file to mount over makes one that only root can read.
  const resolver = join(paths.runtimeEtc, 'resolv.conf');
  if (!(await exists(resolver))) await writeFileAtomic(resolver, '', 0o644);
  await writeFileAtomic(join(paths.runtimeEtc, 'hosts'), `127.0.0.1 localhost\n127.0.1.1 ${settings.hostname}\n::1 localhost ip6-localhost ip6-loopback\n`, 0o644);
}

async function applySysctls(machine: Machine): Promise<void> {
  for (const [key, value] of Object.entries({ ...sysctls, ...machine.settings.sysctl })) {
    const path = `/proc/sys/${key.split('.').join('/')}`;
    try {
      if (key.includes('..') || key.includes('/')) throw new Error('not a name of a kernel setting');
      await writeFile(path, value);
    } catch (error) {
      machine.log.warn(`sysctl: cannot set "${key}": ${causeOf(error)}`);
      if (key in machine.settings.sysctl) machine.warnings.set(`sysctl ${key}`, `Kernel setting "${key}" could not be set: ${causeOf(error)}`);
    }
  }
}

/** What the console's entry reads (ARCHITECTURE.md): a directory of its own that only root may look into. */
async function writeConsoleFiles({ settings }: Machine): Promise<void> {
  await mkdir(paths.console, { recursive: true });
  await chmod(paths.console, 0o700);
  await writeFileAtomic(join(paths.console, 'authorized_keys'), lines(settings.sshAuthorizedKeys), 0o600);
  await writeFileAtomic(join(paths.console, 'autologin'), lines(settings.autologin), 0o600);
  if (settings.password === undefined) await rm(join(paths.console, 'password'), { force: true });
  else await writeFileAtomic(join(paths.console, 'password'), `rancher:${settings.password}\n`, 0o600);
  for (const type of Object.keys(settings.ssh.keys)) await writeHostKey(type, settings.ssh.keys[type] ?? '');
}

/** Host keys that RancherOS kept in its cloud-config go where ours are; `<type>` is private, `<type>-pub` public. */
async function writeHostKey(type: string, text: string): Promise<void> {
  const match = /^(rsa|ecdsa|ed25519)(-pub)?$/.exec(type);
  if (match === null || text.trim() === '') return;
  const directory = '/var/lib/rancher/ssh';
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const isPublic = match[2] !== undefined;
  await writeFileAtomic(join(directory, `ssh_host_${match[1]}_key${isPublic ? '.pub' : ''}`), `${text.trim()}\n`, isPublic ? 0o644 : 0o600);
}

function lines(entries: readonly string[]): string { return entries.map((entry) => `${entry}\n`).join(''); }
