/** What makes the kernel harder to attack and breaks no container. docs/hardening.md says what each is for, and what is left out and why. */
import { writeFile } from 'node:fs/promises';
import { causeOf } from '../lib/errors.ts';
import { readTextFile } from '../sys/files.ts';
import { kernelCommandLine } from '../sys/proc.ts';
import type { Machine } from './machine.ts';

/**
 * Defaults of kernel settings: `rancher.sysctl` has the last word. Not among them, on purpose: what would take user
 * namespaces away (the user plane is one), kexec, loading modules, and rp_filter (what comes over uplane is checked by its
 * packet filter), and random addresses: they are the kernel's default, and `norandmaps` on its command line is somebody's wish.
 */
export const hardeningSysctls: Readonly<Record<string, string>> = {
  // What the kernel tells of itself: addresses and its log are for nobody, or for who may read the log.
  'kernel.kptr_restrict': '2',
  'kernel.dmesg_restrict': '1',
  'kernel.perf_event_paranoid': '3',
  // What a program without privileges may try. 1 cannot be taken back until the next boot.
  'kernel.unprivileged_bpf_disabled': '1',
  'net.core.bpf_jit_harden': '1',
  'kernel.yama.ptrace_scope': '1',
  'vm.unprivileged_userfaultfd': '0',
  'dev.tty.ldisc_autoload': '0',
  // Somebody else's links, pipes and files in /tmp and the like.
  'fs.protected_symlinks': '1',
  'fs.protected_hardlinks': '1',
  'fs.protected_fifos': '2',
  'fs.protected_regular': '2',
  'fs.suid_dumpable': '0',
  // From the keyboard only what ends a machine that hangs: sync (16), read-only (32), reboot (128).
  'kernel.sysrq': '176',
  // The network tells nobody which way to send. What is made later (the plane's own network, too) takes `default`.
  'net.ipv4.conf.all.accept_redirects': '0',
  'net.ipv4.conf.default.accept_redirects': '0',
  'net.ipv6.conf.all.accept_redirects': '0',
  'net.ipv6.conf.default.accept_redirects': '0',
  'net.ipv4.conf.all.accept_source_route': '0',
  'net.ipv4.conf.default.accept_source_route': '0',
  'net.ipv4.tcp_syncookies': '1',
  // Thousands of lines on a slow console for each victim of a fork bomb, while the kernel waits.
  'vm.oom_dump_tasks': '0',
  // Moving pages about for the sake of it: programs wait for theirs while the kernel looks up thousands of processes that share it.
  'vm.compaction_proactiveness': '0',
};

const enforceFile = '/sys/module/module/parameters/sig_enforce';
/** A bit of /proc/sys/kernel/tainted: a module without a (known) signature has been loaded. */
const unsignedModule = 8192;

export interface SignatureFacts {
  /** What the file says, undefined when this kernel knows no signatures. */
  readonly enforced: string | undefined;
  readonly commandLine: string;
  readonly tainted: number;
}

/**
 * Whether modules without a signature are to be refused from now on. One of them that runs already says that this kernel's
 * modules are not signed: to insist would keep the machine from its own drivers. Pure.
 */
export function signatureDecision({ enforced, commandLine, tainted }: SignatureFacts): 'enforce' | 'enforced' | 'unknown' | 'declined' | 'unsigned' {
  if (enforced === undefined) return 'unknown';
  if (/^[Y1]/.test(enforced)) return 'enforced';
  // The last one counts, as in the kernel.
  const said = commandLine.split(/\s+/).filter((word) => word.startsWith('module.sig_enforce=')).at(-1);
  if (said !== undefined && /=(?:0|n|N|off)$/.test(said)) return 'declined';
  return (tainted & unsignedModule) === 0 ? 'enforce' : 'unsigned';
}

/**
 * The kernel takes only modules that its makers have signed, whoever asks: a hole that gives root on the machine does not
 * give the kernel. Like the kernel parameter module.sig_enforce=1, for boot loaders that do not pass it. Never rejects.
 */
export async function enforceModuleSignatures({ log }: Machine): Promise<void> {
  try {
    const decision = signatureDecision({
      enforced: await readTextFile(enforceFile, 16),
      commandLine: await kernelCommandLine(),
      tainted: Number((await readTextFile('/proc/sys/kernel/tainted', 32)) ?? 0),
    });
    if (decision === 'enforce') await writeFile(enforceFile, '1', { flag: 'r+' });
    if (decision === 'declined') log.warn('modules: the kernel parameter module.sig_enforce=0 lets the kernel take modules that nobody has signed');
    if (decision === 'unsigned') log.warn('modules: one without a signature has been loaded already, so signatures are not enforced');
  } catch (error) {
    log.warn(`modules: cannot enforce signatures: ${causeOf(error)}`);
  }
}
