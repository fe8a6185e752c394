/** The kernel: what it gives away, what it lets programs try, and whose code it runs. */
import { fail, listed, nothing, pass, unknown, warn, weight, type Check, type Verdict } from '../check.ts';
import type { Facts } from '../facts.ts';

/** Whether a value is as safe as it has to be. */
type Rule = (value: string) => boolean;
const atLeast = (least: number): Rule => (value) => Number(value) >= least;
const is = (...values: readonly string[]): Rule => (value) => values.includes(value);

const groups: readonly { readonly id: string; readonly title: string; readonly weight: number; readonly result: 'warn' | 'fail'; readonly rules: Readonly<Record<string, Rule>> }[] = [
  {
    id: 'kernel.leaks', title: 'The kernel does not give away where it is', weight: weight.important, result: 'fail',
    rules: { 'kernel.kptr_restrict': atLeast(1), 'kernel.dmesg_restrict': atLeast(1), 'kernel.perf_event_paranoid': atLeast(2), 'kernel.randomize_va_space': is('2') },
  },
  {
    id: 'kernel.surface', title: 'Users do not reach the kernel\'s riskier parts', weight: weight.important, result: 'fail',
    rules: {
      'kernel.unprivileged_bpf_disabled': atLeast(1), 'net.core.bpf_jit_harden': atLeast(1), 'kernel.yama.ptrace_scope': atLeast(1), 'vm.unprivileged_userfaultfd': is('0'),
      'dev.tty.ldisc_autoload': is('0'), 'vm.mmap_min_addr': atLeast(4096), 'fs.suid_dumpable': is('0', '2'),
      'kernel.sysrq': (value) => value !== '1', // everything, from the keyboard
    },
  },
  {
    id: 'kernel.links', title: 'Links and pipes of others are no traps', weight: weight.important, result: 'fail',
    rules: { 'fs.protected_symlinks': is('1'), 'fs.protected_hardlinks': is('1'), 'fs.protected_fifos': atLeast(1), 'fs.protected_regular': atLeast(1) },
  },
  {
    id: 'kernel.network', title: 'Other machines do not steer the network', weight: weight.minor, result: 'warn',
    rules: {
      'net.ipv4.tcp_syncookies': atLeast(1), 'net.ipv4.conf.all.accept_source_route': is('0'), 'net.ipv6.conf.all.accept_source_route': (value) => Number(value) <= 0,
      'net.ipv4.conf.all.accept_redirects': is('0'), 'net.ipv6.conf.all.accept_redirects': is('0'),
    },
  },
];

export const judgedSysctls: readonly string[] = groups.flatMap(({ rules }) => Object.keys(rules));

/** Whether the audit is content with a value of that setting; true of one that it does not judge. */
export function isHardened(name: string, value: string): boolean { return groups.every(({ rules }) => rules[name]?.(value) ?? true); }

/** Words that turn a protection off, and those that open something. */
const weakening = new RegExp(`^(?:${[
  'mitigations=off', 'nokaslr', 'norandmaps', 'nosmap', 'nosmep', 'nopti', 'pti=off', 'nospectre_v[12]',
  '(?:spectre_v2|spec_store_bypass_disable|mds|l1tf|tsx_async_abort|srbds|mmio_stale_data|retbleed|gather_data_sampling)=off',
  'apparmor=0', 'security=(?:none|selinux|smack|tomoyo)', 'lsm=(?!.*apparmor).*', 'lockdown=none', 'module\\.sig_enforce=(?:0|n|N|off)',
  'init_on_alloc=0', 'debugfs=on', 'iomem=relaxed', 'vsyscall=(?:native|emulate)', 'ia32_emulation=1',
].join('|')})$`);
/** Every program of the machine, user containers too, reads /proc/cmdline. */
const secret = /^(?:rancher\.password|rancher\.docker\.(?:ca_key|server_key)|.*(?:passwd|password|secret|token)[^=]*)=./i;
/** Bits of /proc/sys/kernel/tainted that say that code came in which nobody answers for. */
const taints: readonly (readonly [bit: number, what: string])[] = [[0, 'a proprietary module'], [1, 'a module loaded by force'], [12, 'a module from outside of the kernel'], [13, 'a module without a signature']];

export const kernelChecks: readonly Check[] = [
  ...groups.map(({ rules, result, ...rest }): Check => ({ ...rest, looked: Object.keys(rules).join(', '), judge: (facts) => judgeSysctls(facts, rules, result) })),
  {
    id: 'kernel.modules', title: 'The kernel takes only modules that are signed', weight: weight.important, looked: '/sys/module/module/parameters/sig_enforce, /sys/kernel/security/lockdown',
    judge: ({ kernel: { signaturesEnforced, lockdown } }) => {
      if (signaturesEnforced === true) return pass('signatures are enforced');
      if (lockdown === 'integrity' || lockdown === 'confidentiality') return pass(`lockdown is ${lockdown}`);
      return warn('root loads any module', 'module.sig_enforce=1 among the kernel parameters');
    },
  },
  {
    id: 'kernel.taint', title: 'Only code of the kernel\'s makers runs in it', weight: weight.important, looked: '/proc/sys/kernel/tainted',
    judge: ({ kernel: { taint } }) => {
      if (taint === undefined) return unknown('it could not be read');
      return nothing(taints.flatMap(([bit, what]) => ((taint >> bit & 1) === 1 ? [what] : [])), 'warn', String(taint), 'rancher.modules names what is loaded by the configuration; lsmod shows all');
    },
  },
  {
    id: 'kernel.parameters', title: 'No kernel parameter turns a protection off', weight: weight.important, looked: '/proc/cmdline',
    judge: ({ kernel: { parameters } }) => nothing(parameters.filter((word) => weakening.test(word)), 'fail', `${parameters.length} parameters, none that weakens`, 'take it out of the boot loader\'s entry'),
  },
  {
    id: 'kernel.secrets', title: 'No kernel parameter holds a secret', weight: weight.important, looked: '/proc/cmdline, which every program reads',
    // Its name, never its value.
    judge: ({ kernel: { parameters } }) => nothing(parameters.filter((word) => secret.test(word)).map((word) => word.slice(0, word.indexOf('='))), 'warn', 'none', 'put it into cloud-config.yml instead'),
  },
  {
    id: 'kernel.apparmor', title: 'AppArmor is on', weight: weight.important, looked: '/sys/module/apparmor/parameters/enabled',
    judge: ({ kernel: { appArmorEnabled } }) => (appArmorEnabled ? pass('enabled') : fail('this kernel runs without it', 'lsm= or apparmor=0 among the kernel parameters turns it off')),
  },
];

function judgeSysctls({ kernel: { sysctls } }: Facts, rules: Readonly<Record<string, Rule>>, result: 'warn' | 'fail'): Verdict {
  // A kernel that is built without something has no setting for it, and nothing to protect.
  const there = Object.entries(rules).flatMap(([name, isGood]) => { const value = sysctls[name]; return value === undefined ? [] : [{ name, value, isGood }]; });
  if (there.length === 0) return unknown('none of them is there');
  const well = listed(there.map(({ name, value }) => `${name.split('.').at(-1) ?? ''} ${value}`));
  const wrong = there.filter(({ value, isGood }) => !isGood(value)).map(({ name, value }) => `${name} is ${value}`);
  if (wrong.length === 0) return pass(well);
  const hint = 'rancher.sysctl in the configuration sets it, or what somebody did since: sudo sysctl -w NAME=VALUE';
  return result === 'fail' ? fail(listed(wrong), hint) : warn(listed(wrong), hint);
}
