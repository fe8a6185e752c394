/** Puts the configuration into effect at boot, and loads what the kernel needs. */
import { symlink } from 'node:fs/promises';
import { causeOf } from '../../lib/errors.ts';
import { run, tryRun } from '../../sys/exec.ts';
import { loadDrivers } from '../../sys/drivers.ts';
import { readTextFile } from '../../sys/files.ts';
import { adoptApplied, note, saveApplied, tell } from '../apply/applied.ts';
import { modulesPart, sysctlPart } from '../apply/kernel.ts';
import { mountRemaining } from '../apply/mounts.ts';
import { parts } from '../apply/parts.ts';
import { startSwap } from '../apply/swap.ts';
import { makeImageHomes } from '../apply/users.ts';
import { filesPart, strayFiles } from '../apply/write-files.ts';
import { enforceModuleSignatures } from '../hardening.ts';
import type { Machine } from '../machine.ts';

/**
 * What the user plane needs and cannot load itself, being nobody on the machine. The kernel's own auto-loading does not
 * act for a user namespace.
 */
const planeModules = [
  'overlay', 'bridge', 'br_netfilter', 'veth', 'nf_conntrack', 'nf_nat', 'nf_tables', 'nft_compat', 'nft_chain_nat', 'nft_nat', 'nft_masq',
  'nft_fib_inet', 'nft_fib_ipv4', 'nft_fib_ipv6', 'nft_ct', 'nft_reject_inet', 'xt_addrtype', 'xt_conntrack', 'xt_MASQUERADE', 'xt_nat', 'xt_mark', 'xt_tcpudp', 'xt_comment', 'xt_multiport',
  'nft_socket', 'tun', 'fuse',
];

/** The same for what few containers need: networks and published ports of a swarm. Nothing waits for them. */
const swarmModules = ['vxlan', 'ip_vs', 'ip_vs_rr', 'xt_ipvs', 'xt_REDIRECT'];

/** All that must be as the configuration says before the first service starts. A supervisor that takes over changes nothing. */
export async function applySettings(machine: Machine): Promise<void> {
  // Before anything of the configuration's could load one.
  await enforceModuleSignatures(machine);
  await run('ip', ['link', 'set', 'lo', 'up']);
  // Programs log there, in the console's /dev as well, which is the machine's; there is a socket once syslog runs.
  await symlink('/run/syslog/log', '/dev/log').catch(() => undefined);
  const takesOver = await adoptApplied(machine);
  const settings = machine.applied ?? machine.settings;
  for (const part of parts) await part.adopt?.(settings);
  if (takesOver) {
    for (const [part, state] of Object.entries(machine.unfinished)) if (state === '') machine.warnings.set(`apply ${part}`, `Configuration: ${part} is not as configured; "ros config apply" tries again and says why.`);
    return;
  }
  await makeImageHomes().catch((error: unknown) => { machine.log.warn(`homes: ${causeOf(error)}`); });
  await Promise.all(parts.map(async (part) => {
    try { await part.boot?.(machine, settings); } catch (error) { note(machine, part.name, [causeOf(error)]); }
  }));
  machine.applied = settings;
  await saveApplied(machine).catch((error: unknown) => { machine.log.warn(`config: ${causeOf(error)}`); });
}

/** One modprobe for all: each start of a program costs more than the loading. */
export async function loadModules(machine: Machine): Promise<void> {
  // The network's cards must not wait for udev, which comes to them after seconds: ssh would.
  await loadDrivers();
  const { code, stderr } = await tryRun('modprobe', ['-a', ...planeModules], { timeoutMs: 60_000 });
  if (code !== 0) machine.log.warn(`modules: ${stderr.trim().replaceAll('\n', '; ')}`);
}

/** What the processor's features bring, faster cryptography above all. Nothing waits for it, and its self-tests take seconds. */
export async function loadProcessorModules(machine: Machine): Promise<void> {
  const alias = (await readTextFile('/sys/devices/system/cpu/modalias', 65_536))?.trim() ?? '';
  // -b as udev does: with the blacklist. That no module fits is no error.
  if (alias !== '') await tryRun('modprobe', ['-qab', alias], { timeoutMs: 60_000 });
  machine.log.debug('modules: loaded what the processor brings');
}

/** What needs a device that is slow, the network or the disk for a while. Nothing waits for it. */
export async function finishSettings(machine: Machine): Promise<void> {
  await tryRun('modprobe', ['-qa', ...swarmModules], { timeoutMs: 60_000 });
  // A setting of a module that was not loaded yet.
  for (const part of [modulesPart, sysctlPart]) {
    if (machine.unfinished[part.name] === undefined || machine.applied === undefined) continue;
    await part.boot?.(machine, machine.applied).then(() => tell(machine, part.name, []), (error: unknown) => tell(machine, part.name, [causeOf(error)]));
  }
  void mountRemaining(machine);
  void startSwap(machine);
  const stray = strayFiles(machine, machine.applied ?? machine.settings);
  if (stray.length > 0) await tell(machine, filesPart.name, stray);
}
