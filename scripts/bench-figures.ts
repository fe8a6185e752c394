/** Figures of a running machine, read in the same way from ours and from plain Debian. */
import { sleep, waitForBanner, type Ssh, type SshPorts } from './qemu-ssh.ts';
import type { Vm } from './qemu.ts';

/**
 * Under emulation a login costs the machine a second or two of its boot; so after ssh has answered, it is left alone this
 * long before anything is asked, and what comes up after ssh is not slowed by the asking.
 */
const quietMs = { kvm: 5_000, tcg: 40_000 } as const;
const bootTimeoutMs = { kvm: 60_000, tcg: 300_000 } as const;

/** Boots up to ssh and a quiet while; returns when ssh first answered, in ms since kernel start. */
export async function timeToSsh(vm: Vm, ports: SshPorts, ssh: Ssh): Promise<number> {
  const bannerAt = await waitForBanner(ports, bootTimeoutMs[vm.accel.kind], () => vm.running);
  await sleep(quietMs[vm.accel.kind]);
  return Math.round(bannerAt - await kernelStart(ssh));
}

/** When the guest's kernel began, on this machine's clock: from the quickest of a few looks at its uptime. */
async function kernelStart(ssh: Ssh): Promise<number> {
  let best = { roundTripMs: Infinity, at: NaN };
  for (let look = 0; look < 4; look += 1) {
    const before = Date.now();
    const { code, stdout, stderr } = await ssh.run('cat /proc/uptime');
    const after = Date.now();
    if (code !== 0) throw new Error(`cannot read the machine's uptime: ${stderr.trim()}`);
    const roundTripMs = after - before;
    if (roundTripMs < best.roundTripMs) best = { roundTripMs, at: (before + after) / 2 - Number(stdout.split(' ')[0]) * 1000 };
  }
  return best.at;
}

/** Waits in the machine until it has used less than 5 % of its processors for five seconds; at most `rounds` times five. */
const untilIdle = (rounds: number): string => `
before=0
for round in $(seq ${rounds}); do
  read -r _ user nice system idle rest < /proc/stat
  now=$((user + nice + system))
  [ "$before" -gt 0 ] && [ $((now - before)) -lt $((25 * $(nproc))) ] && exit 0
  before=$now
  sleep 5
done
exit 1`;

/** Returns whether it came to rest. */
export async function waitForIdle(ssh: Ssh): Promise<boolean> {
  return (await ssh.run(untilIdle(30), { timeoutMs: 240_000 })).code === 0;
}

/** MemTotal − MemAvailable: what nothing else could have. */
export async function memoryUsedMb(ssh: Ssh): Promise<number> {
  const { stdout } = await ssh.run('cat /proc/meminfo');
  const kb = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(stdout)?.[1]);
  return Math.round((kb('MemTotal') - kb('MemAvailable')) / 1024);
}

/** Asks until there is an answer, bounded. */
export async function ask<T>(what: string, timeoutMs: number, question: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await question();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: no answer within ${timeoutMs / 1000} s`);
    await sleep(2_000);
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] ?? NaN : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}
