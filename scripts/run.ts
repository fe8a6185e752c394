/**
 * `make run`: boots the built image to a login on this terminal. Options are environment variables:
 *   MEM=2048 CPUS=2        MiB of memory, virtual processors
 *   APPEND="key=value …"   further kernel parameters
 *   CONFIG=FILE            a cloud-config; without it one is made that lets build/run/id_ed25519 in
 *   DISK=FILE DISK_SIZE=8G the state disk, made (sparse) if missing; without it the machine runs from RAM
 *   SSH_PORT=0             where ssh is reached on 127.0.0.1; 0 picks a free port
 *   NET=user|restrict|none outside reachable, only ssh reachable, no network card
 *   HEADLESS=1             no terminal: the console goes to build/run/console.log; Ctrl-C presses the power button
 *   ACCEL=kvm|tcg QEMU=…   overrule the probe of KVM, the program
 */
import { parseArgs } from 'node:util';
import { ensureHostTools, runTools } from './lib/host-tools.ts';
import type { Net } from './qemu-args.ts';
import { corralMachine, type CorralOptions } from './qemu-corral.ts';
import { freePort, makeConfigDrive, sshKey } from './qemu-host.ts';
import { setting, wholeNumber, words } from './qemu-settings.ts';
import { Vm } from './qemu.ts';

const dir = 'build/run';
const keyFile = `${dir}/id_ed25519`;

function netSetting(): Net {
  const net = setting('NET') ?? 'user';
  if (net !== 'user' && net !== 'restrict' && net !== 'none') throw new Error(`cannot use NET="${net}": user, restrict or none is expected`);
  return net;
}

async function main(): Promise<void> {
  parseArgs({ options: {} }); // arguments are a mistake: everything is a variable
  await ensureHostTools(runTools);
  const headless = setting('HEADLESS') !== undefined && setting('HEADLESS') !== '0';
  const net = netSetting();
  const configFile = setting('CONFIG');
  const port = net === 'none' ? undefined : wholeNumber('SSH_PORT', 0) || await freePort();
  const disk = setting('DISK');
  const config = makeConfigDrive(configFile === undefined ? defaultConfig() : { file: configFile }, `${dir}/config.iso`);
  const options: CorralOptions = {
    memoryMb: wholeNumber('MEM', 2048),
    cpus: wholeNumber('CPUS', 2),
    append: [...(headless ? [] : ['rancher.autologin=ttyS0']), ...words('APPEND')],
    config,
    net,
    forwards: port === undefined ? [] : [{ host: port, guest: 22 }],
    serial: headless ? 'file' : 'terminal',
    ...(disk === undefined ? {} : { disk: { file: disk, size: setting('DISK_SIZE') ?? '8G' } }),
  };
  const vm = await Vm.start(corralMachine(options), `${dir}/console.log`);
  introduce(vm, { headless, port, ownConfig: configFile !== undefined, disk });
  if (headless) onInterrupt(vm);
  const { code } = await vm.ended;
  if (code !== 0) {
    console.error(`the machine ended badly: ${vm.stderr.trim() || `QEMU's exit code ${code}`}`);
    process.exitCode = 1;
  }
}

function defaultConfig(): string {
  return `#cloud-config\nhostname: corral\nssh_authorized_keys:\n  - ${sshKey(keyFile)}\n`;
}

function introduce(vm: Vm, { headless, port, ownConfig, disk }: { headless: boolean; port: number | undefined; ownConfig: boolean; disk: string | undefined }): void {
  const key = ownConfig ? '' : ` -i ${keyFile}`;
  const lines = [
    port === undefined
      ? 'no network card: log in on the console'
      : `ssh -p ${port}${key} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null rancher@127.0.0.1`,
    `${vm.accel.kind === 'kvm' ? 'KVM' : 'emulated (TCG): KVM does not run guests here, so booting takes its time'}; state ${disk === undefined ? 'in RAM, lost at the end (DISK=FILE keeps it)' : `on ${disk}`}`,
    headless
      ? `console: ${vm.consoleLog}; Ctrl-C presses the power button, twice pulls the plug`
      : 'this terminal is the machine\'s ttyS0, logged in as rancher (rancher.autologin=ttyS0). Ctrl-A x ends it at once, Ctrl-A c is QEMU\'s monitor',
  ];
  console.log(lines.map((line) => `  ${line}`).join('\n'));
}

function onInterrupt(vm: Vm): void {
  let asked = false;
  const interrupt = (): void => {
    if (asked) void vm.kill();
    else void vm.powerButton().catch(() => vm.kill());
    asked = true;
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
