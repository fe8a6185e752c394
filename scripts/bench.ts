/**
 * `make bench`: CorralOS against plain Debian for the same purpose, booted in turn under the same QEMU settings (2
 * processors, 2 GiB, no network outside). Each has its own disk, which an uncounted first boot has set up; then three
 * counted boots each. ROUNDS=n changes that; ONLY=debian or ONLY=corral looks at one side; APPEND gives both kernel parameters.
 */
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BootReport } from '../src/api/types.ts';
import { benchDir, benchKey, debianImage, debianMachine, type DebianImage } from './bench-debian.ts';
import { ask, median, memoryUsedMb, timeToSsh, waitForIdle } from './bench-figures.ts';
import { ensureHostTools, runTools } from './lib/host-tools.ts';
import type { MachineSpec } from './qemu-args.ts';
import { corralMachine, image } from './qemu-corral.ts';
import { freePort, makeConfigDrive, sshKey } from './qemu-host.ts';
import { setting, wholeNumber, words } from './qemu-settings.ts';
import { Ssh, sshForwards, type SshPorts } from './qemu-ssh.ts';
import { Vm } from './qemu.ts';

interface Figures { readonly ssh: number; readonly userDocker: number; readonly memory: number }

interface Side {
  readonly name: 'corral' | 'debian';
  machine(ports: SshPorts): MachineSpec;
  /** When User Docker (the one Docker on Debian) was ready, in ms since kernel start; undefined while it is not. */
  userDocker(ssh: Ssh): Promise<number | undefined>;
}

/** A quiet console for both: printing the kernel's log is not what is compared. */
const append = ['quiet', ...words('APPEND')];
const rounds = wholeNumber('ROUNDS', 3);

function debianSide(debian: DebianImage): Side {
  const disk = join(benchDir, 'debian.disk.raw');
  rmSync(disk, { force: true });
  return {
    name: 'debian',
    machine: (ports) => debianMachine(debian, disk, ports, append),
    async userDocker(ssh) {
      // docker.service tells systemd when its API answers, so "active" is "ready".
      const { stdout } = await ssh.run('systemctl show docker -p ActiveEnterTimestampMonotonic --value');
      const microseconds = Number(stdout.trim());
      return microseconds > 0 ? Math.round(microseconds / 1000) : undefined;
    },
  };
}

function corralSide(): Side {
  const file = join(benchDir, 'corral.disk.raw');
  rmSync(file, { force: true });
  const config = makeConfigDrive(`#cloud-config\nhostname: corral\nssh_authorized_keys:\n  - ${sshKey(benchKey)}\n`, join(benchDir, 'config.iso'));
  return {
    name: 'corral',
    machine: (ports) => corralMachine({ append, config, disk: { file, cache: 'unsafe' }, forwards: sshForwards(ports), noReboot: true }),
    async userDocker(ssh) {
      const { code, stdout } = await ssh.run('sudo ros boot --json');
      return code === 0 ? (JSON.parse(stdout) as BootReport).bootMs.userDocker : undefined;
    },
  };
}

async function boot(side: Side, label: string): Promise<Figures> {
  const ports = { ssh: await freePort(), closed: await freePort() };
  const vm = await Vm.start(side.machine(ports), join(benchDir, `${side.name}.console.log`));
  const ssh = new Ssh({ port: ports.ssh, key: benchKey, user: 'rancher' });
  try {
    const sshMs = await timeToSsh(vm, ports, ssh);
    const userDocker = await ask('the time User Docker was ready', 300_000, () => side.userDocker(ssh));
    const idle = await waitForIdle(ssh);
    const figures = { ssh: sshMs, userDocker, memory: await memoryUsedMb(ssh) };
    console.log(`${side.name.padEnd(7)} ${label.padEnd(9)} ssh ${seconds(sshMs)}  userDocker ${seconds(userDocker)}  memory ${figures.memory} MB${idle ? '' : ' (never idle)'}`);
    // Through the proper way out, so that the disk is as a user's would be at the next boot.
    await ssh.run('sudo poweroff').catch(() => undefined);
    await vm.awaitEnd(180_000, 'after poweroff');
    return figures;
  } catch (error) {
    throw new Error(`${side.name}, ${label}: ${String(error)}\nThe console's last lines:\n${vm.console.tail()}`, { cause: error });
  } finally {
    await vm.kill();
    ssh.close();
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1).padStart(5)} s`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function medians(all: readonly Figures[]): Figures {
  return { ssh: median(all.map((f) => f.ssh)), userDocker: median(all.map((f) => f.userDocker)), memory: median(all.map((f) => f.memory)) };
}

async function main(): Promise<void> {
  await ensureHostTools(runTools);
  mkdirSync(benchDir, { recursive: true });
  const only = setting('ONLY') ?? '';
  const debian = await debianImage();
  const sides = [debianSide(debian), ...(only === 'debian' ? [] : [corralSide()])].filter((side) => only === '' || side.name === only);
  const results = new Map(sides.map((side) => [side.name, [] as Figures[]]));
  for (const side of sides) await boot(side, 'first');
  // In turn, so that a building machine that gets busier or quieter does so for both.
  for (let round = 1; round <= rounds; round += 1) {
    for (const side of sides) results.get(side.name)?.push(await boot(side, `${round} of ${rounds}`));
  }
  report(debian, results);
}

function report(debian: DebianImage, results: ReadonlyMap<string, readonly Figures[]>): void {
  const { kernel, initrd, rootCompressed, rootUsed } = debian.sizeBytes;
  const debianBytes = kernel + initrd + rootCompressed;
  console.log(`size    debian  ${megabytes(debianBytes)}: kernel ${megabytes(kernel)}, initrd ${megabytes(initrd)}, the rest as tar.zst -19 ${megabytes(rootCompressed)} (unpacked ${megabytes(rootUsed)})`);
  const corral = results.get('corral');
  const other = results.get('debian');
  if (corral === undefined || other === undefined) return;
  const bytes = Object.values(image).map((file) => statSync(file).size);
  const corralBytes = bytes.reduce((sum, size) => sum + size, 0);
  console.log(`size    corral  ${megabytes(corralBytes)}: kernel, initramfs and root image ${bytes.map(megabytes).join(', ')}, as they are`);
  const ours = { ...medians(corral), size: corralBytes };
  const theirs = { ...medians(other), size: debianBytes };
  for (const figure of ['userDocker', 'ssh', 'memory', 'size'] as const) console.log(`ratio ${figure} ${(ours[figure] / theirs[figure]).toFixed(2)}`);
  writeFileSync('build/bench.json', `${JSON.stringify({ corral: ours, debian: theirs, boots: Object.fromEntries(results) }, undefined, 2)}\n`);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
