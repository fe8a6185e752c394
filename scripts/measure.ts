/**
 * `make measure`: boots once and writes build/measure.json; prints it beside the last one. Takes MEM, CPUS, APPEND and DISK
 * as `make run` does. Without DISK the machine runs from RAM: every boot is then the same, and loads its system images anew
 * (in memory: what they take counts as used). With DISK=FILE it is the boot of that disk, a first one if it is blank.
 */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { BootReport } from '../src/api/types.ts';
import { ask, memoryUsedMb, timeToSsh, waitForIdle } from './bench-figures.ts';
import { ensureHostTools, runTools } from './lib/host-tools.ts';
import { setting, words, wholeNumber } from './qemu-settings.ts';
import { corralMachine, image } from './qemu-corral.ts';
import { freePort, makeConfigDrive, sshKey } from './qemu-host.ts';
import { Ssh, sshForwards } from './qemu-ssh.ts';
import { Vm } from './qemu.ts';

const dir = 'build/measure';
const file = 'build/measure.json';

interface Measure {
  readonly accel: 'kvm' | 'tcg';
  readonly state: 'ram' | 'disk';
  readonly bootMs: BootReport['bootMs'];
  /** MemTotal − MemAvailable, when idle. */
  readonly memoryUsedMb: number;
  readonly supervisorRssMb: number;
  /** Without the kernel's threads, and without those of asking. */
  readonly processes: number;
  /** How long `ros service list` takes in the machine. */
  readonly serviceListMs: number;
  readonly sizeBytes: { readonly kernel: number; readonly initramfs: number; readonly root: number; readonly total: number };
}

/** Two lines: the supervisor's resident kilobytes, and how many processes have a command line. Needs the machine's own /proc. */
const processScript = `
for dir in /proc/[0-9]*; do
  words=$(tr '\\0' ' ' < $dir/cmdline 2> /dev/null)
  [ -n "$words" ] || continue
  count=$((count + 1))
  case "$words" in ros\\ supervise*|*/ros\\ supervise*) sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\).*/supervisor \\1/p' $dir/status ;; esac
done
echo "processes $count"`;

async function measure(): Promise<Measure> {
  mkdirSync(dir, { recursive: true });
  const key = `${dir}/id_ed25519`;
  const ports = { ssh: await freePort(), closed: await freePort() };
  const disk = setting('DISK');
  const vm = await Vm.start(corralMachine({
    memoryMb: wholeNumber('MEM', 2048),
    cpus: wholeNumber('CPUS', 2),
    append: ['quiet', ...words('APPEND')],
    config: makeConfigDrive(`#cloud-config\nhostname: corral\nssh_authorized_keys:\n  - ${sshKey(key)}\n`, `${dir}/config.iso`),
    forwards: sshForwards(ports),
    noReboot: true,
    ...(disk === undefined ? {} : { disk: { file: disk } }),
  }), `${dir}/console.log`);
  const ssh = new Ssh({ port: ports.ssh, key, user: 'rancher' });
  try {
    await timeToSsh(vm, ports, ssh);
    const bootMs = await ask('the boot report with systemHealthy and userDocker', 300_000, async () => {
      const { code, stdout } = await ssh.run('sudo ros boot --json');
      if (code !== 0) return undefined;
      const report = JSON.parse(stdout) as BootReport;
      return report.bootMs.systemHealthy !== undefined && report.bootMs.userDocker !== undefined ? report.bootMs : undefined;
    });
    if (!await waitForIdle(ssh)) console.log('warning: the machine never came to rest; its memory is read all the same');
    const memory = await memoryUsedMb(ssh);
    const { stdout } = await ssh.run('sudo sh -s', { input: processScript });
    const number = (name: string): number => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(stdout)?.[1] ?? NaN);
    const result: Measure = {
      accel: vm.accel.kind,
      state: disk === undefined ? 'ram' : 'disk',
      bootMs,
      memoryUsedMb: memory,
      supervisorRssMb: Math.round(number('supervisor') / 1024),
      // this shell, its subshell with tr, sudo and the two processes of the ssh session
      processes: number('processes') - 5,
      serviceListMs: await timeOf(ssh, 'sudo ros service list'),
      sizeBytes: sizes(),
    };
    await ssh.run('sudo poweroff').catch(() => undefined);
    await vm.awaitEnd(180_000, 'after poweroff');
    return result;
  } catch (error) {
    throw new Error(`${String(error)}\nThe console's last lines:\n${vm.console.tail()}`, { cause: error });
  } finally {
    await vm.kill();
    ssh.close();
  }
}

/** The quickest of three, by the machine's own clock. */
async function timeOf(ssh: Ssh, command: string): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < 3; run += 1) {
    const { stdout } = await ssh.run(`begin=$(date +%s%N); ${command} > /dev/null; echo $((($(date +%s%N) - begin) / 1000000))`);
    times.push(Number(stdout.trim()));
  }
  return Math.min(...times);
}

function sizes(): Measure['sizeBytes'] {
  const size = { kernel: statSync(image.kernel).size, initramfs: statSync(image.initrd).size, root: statSync(image.root).size };
  return { ...size, total: size.kernel + size.initramfs + size.root };
}

/** Every number with its path, so that two measures can be laid side by side. */
function flatten(value: object, prefix = ''): Map<string, number> {
  const all = new Map<string, number>();
  for (const [name, part] of Object.entries(value)) {
    if (typeof part === 'number') all.set(`${prefix}${name}`, part);
    else if (typeof part === 'object' && part !== null) for (const [path, number] of flatten(part as object, `${prefix}${name}.`)) all.set(path, number);
  }
  return all;
}

function print(now: Measure, last: Measure | undefined): void {
  const comparable = last?.accel === now.accel && last.state === now.state;
  if (last !== undefined && !comparable) console.log(`(the last measure was another kind: ${last.accel}, state in ${last.state}; not compared)`);
  const before = comparable ? flatten(last) : new Map<string, number>();
  console.log(`${now.accel}, state in ${now.state}`);
  for (const [name, value] of flatten(now)) {
    const old = before.get(name);
    const change = old === undefined || old === 0 ? '' : `  ${old === value ? 'as before' : `was ${old}, ${value > old ? '+' : ''}${((value / old - 1) * 100).toFixed(1)} %`}`;
    console.log(`${name.padEnd(22)} ${String(value).padStart(10)}${change}`);
  }
}

try {
  await ensureHostTools(runTools);
  const last = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) as Measure : undefined;
  const now = await measure();
  writeFileSync(file, `${JSON.stringify(now, undefined, 2)}\n`);
  print(now, last);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
