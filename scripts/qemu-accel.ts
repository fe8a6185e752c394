/**
 * Which accelerator to use. /dev/kvm may open, even create a machine, and still not run a guest; so KVM is believed only
 * after a real kernel has reached userspace under it. The answer is kept, for this host kernel and this QEMU.
 */
import { execFile, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { kvmArgs, tcgArgs, type Accel } from './qemu-args.ts';
import { initramfsSaying } from './qemu-probe-guest.ts';
import { setting } from './qemu-settings.ts';

const probeWord = 'corral-kvm-probe-runs';
const probeTimeoutMs = 8_000;
const cacheFile = 'build/.kvm-probe';

interface Probe { readonly key: string; readonly works: boolean; readonly reason: string }

/** The QEMU to use: `QEMU=` or the installed one. */
export function qemuProgram(): string {
  return setting('QEMU') ?? 'qemu-system-x86_64';
}

export async function qemuVersion(): Promise<{ major: number; text: string }> {
  const { stdout } = await promisify(execFile)(qemuProgram(), ['--version']);
  const match = /version (\d+)\.(\S+)/.exec(stdout);
  if (match?.[1] === undefined) throw new Error(`cannot tell the version of ${qemuProgram()} from "${stdout.trim()}"`);
  return { major: Number(match[1]), text: `${match[1]}.${match[2] ?? ''}` };
}

/** `ACCEL=tcg` or `ACCEL=kvm` overrules the probe. */
export async function chooseAccel(kernel: string): Promise<Accel> {
  const version = await qemuVersion();
  const forced = setting('ACCEL');
  const tcg: Accel = { kind: 'tcg', args: tcgArgs(version.major) };
  const kvm: Accel = { kind: 'kvm', args: kvmArgs };
  if (forced === 'tcg') return tcg;
  if (forced === 'kvm') return kvm;
  return (await probeKvm(kernel, version.text)).works ? kvm : tcg;
}

async function probeKvm(kernel: string, version: string): Promise<Probe> {
  const key = `${release()} qemu ${version}`;
  const known = readCache();
  if (known?.key === key) return known;
  const reason = canOpenKvm() ? await bootUnderKvm(kernel) : 'cannot open /dev/kvm';
  const probe: Probe = { key, works: reason === '', reason };
  mkdirSync(dirname(cacheFile), { recursive: true });
  writeFileSync(cacheFile, `${JSON.stringify(probe)}\n`);
  return probe;
}

function readCache(): Probe | undefined {
  try {
    return JSON.parse(readFileSync(cacheFile, 'utf8')) as Probe;
  } catch {
    return undefined; // none yet, or broken: probe again
  }
}

function canOpenKvm(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Boots the kernel with an init that says one word. Returns why it failed, or ''. */
async function bootUnderKvm(kernel: string): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'kvm-probe-'));
  try {
    const initrd = join(dir, 'initramfs');
    writeFileSync(initrd, initramfsSaying(`\n${probeWord}\n`));
    const args = [
      '-machine', 'q35', ...kvmArgs, '-m', '256', '-smp', '2', '-nodefaults', '-display', 'none', '-no-reboot', '-serial', 'stdio',
      '-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0 quiet panic=-1',
    ];
    return await new Promise<string>((resolve) => {
      const qemu = spawn(qemuProgram(), args, { stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      const finish = (reason: string): void => {
        clearTimeout(timer);
        qemu.kill('SIGKILL');
        resolve(reason);
      };
      const timer = setTimeout(() => { finish(`no guest came up within ${probeTimeoutMs / 1000} s`); }, probeTimeoutMs);
      const take = (chunk: Buffer): void => {
        output += chunk.toString('latin1');
        if (output.includes(probeWord)) finish('');
        else if (output.includes('emulation failure') || output.includes('internal error')) finish('KVM fails to run the guest');
      };
      qemu.stdout.on('data', take);
      qemu.stderr.on('data', take);
      qemu.on('error', (error) => { finish(error.message); });
      qemu.on('exit', () => { finish(`QEMU ended: ${output.trim().slice(-200)}`); });
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
