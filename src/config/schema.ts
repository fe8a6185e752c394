/**
 * Cloud-config: every key with its type and meaning, in one place. The first part is typed; what RancherOS knows beyond
 * it is known by name, so that only a real misspelling is reported as one. Defaults are in `defaults.ts`.
 */
import * as z from 'zod/mini';
import { any, factsOf, flag, flags, group, list, map, text, whole, type FieldKind } from './fields.ts';

const hostname = z.regex(/^(?=.{1,64}$)[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/, 'must be at most 64 letters, digits, "." and "-"');

const state = group('Where the machine keeps what survives a reboot.', {
  dev: text('The state partition: a device, LABEL=… or UUID=….'),
  fstype: text('Its filesystem; "auto" asks the disk.'),
  directory: text('A folder of it to use instead of its root.'),
  wait: flag('Wait for the device to appear.'),
  required: flag('Stop in the rescue shell rather than run from RAM when it cannot be mounted.'),
  autoformat: list('Disks that may be formatted when their first MiB is all zero; the first that is, is.'),
  mdadm_scan: flag('Assemble RAID arrays first.'),
  lvm_scan: flag('Activate LVM volume groups first.'),
  cryptsetup: flag('Open LUKS devices first, asking on the console.'),
  rngd: flag('Accepted for RancherOS\'s sake; the kernel needs no help any more.'),
  script: text('A script to run before the state partition is looked for.'),
  oem_dev: text('The OEM partition.'),
  oem_fstype: text('Its filesystem.'),
  boot_dev: text('The boot partition.'),
  boot_fstype: text('Its filesystem.'),
});

const ssh = group('The ssh daemon of the console.', {
  daemon: flag('Run it.'),
  port: whole('Its port.', 1, 65_535),
  listen_address: text('The address it listens on.'),
  keys: map('Host keys: rsa, ecdsa, ed25519 and each with -pub.'),
});

const rancher = group('Everything that is particular to this operating system.', {
  console: text('The console to use.'),
  environment: map('Values for ${NAME} and bare environment entries in services.'),
  services: any('Services of this machine, as in a compose file.'),
  bootstrap: any('Services before the state partition is mounted.'),
  cloud_init_services: any('Services that fetch cloud-config.'),
  services_include: flags('Services to enable or disable, by name.'),
  repositories: any('Where services, consoles and engines are listed.'),
  docker: any('Options of User Docker.'),
  system_docker: any('Options of System Docker.'),
  bootstrap_docker: any('Accepted for RancherOS\'s sake.'),
  cloud_init: group('Where user-data comes from.', {
    datasources: list('Datasources to ask, all at once: configdrive, ec2, url:…'),
  }),
  network: any('Interfaces, DNS and proxies.'),
  ssh,
  state,
  resize_device: text('A disk whose partition is grown to its end, once.'),
  sysctl: map('Kernel settings, written to /proc/sys.'),
  modules: list('Kernel modules to load, each with its parameters.'),
  upgrade: group('Upgrades of the operating system.', {
    url: text('Where releases are listed.'),
    image: text('The image of the operating system.'),
    policy: text('none, download or auto.'),
    rollback: text('What to go back to.'),
  }),
  defaults: group('Values for what nobody set.', {
    hostname: text('The host name when nothing else says one.', hostname),
    docker: any('Defaults of rancher.docker.'),
    network: any('Defaults of rancher.network.'),
    system_docker_logs: text('Where System Docker logs to.'),
  }),
  registry_auths: any('Credentials of registries.'),
  restart_services: list('System containers to restart once the configuration is read.'),
  disable: list('Kernel parameters to ignore: password, autologin.'),
  hypervisor_service: flag('Enable the guest tools of the hypervisor found.'),
  shutdown_timeout: whole('Seconds a shutdown may take before it is forced.', 5, 3600),
  http_load_retries: whole('How often to try to fetch a service file.', 0, 100),
  preload_wait: flag('Wait for the images to preload.'),
  debug: flag('Log more.'),
  log: flag('Accepted for RancherOS\'s sake.'),
  rm_usr: flag('Accepted for RancherOS\'s sake.'),
  no_sharedroot: flag('Accepted for RancherOS\'s sake.'),
  recovery: flag('Boot to the rescue shell.'),
  force_console_rebuild: flag('Make the console anew at the next boot.'),
  autoformat: list('Accepted for RancherOS\'s sake: rancher.state.autoformat.'),
  password: text('Password of the user rancher.'),
  autologin: list('Terminals on which the user rancher is logged in without being asked.'),
});

const root = group('A machine.', {
  hostname: text('The host name.', hostname),
  ssh_authorized_keys: list('Keys that may log in as rancher and docker.'),
  write_files: any('Files to write before anything uses them.'),
  mounts: any('Filesystems to mount: [device, mountpoint, type, options].'),
  runcmd: any('Commands to run in the console.'),
  bootcmd: any('Commands to run early.'),
  rancher,
});

/** One layer of configuration: everything optional. */
export const cloudConfigSchema = root._zod.def.innerType;
export type CloudConfig = z.output<typeof cloudConfigSchema>;

/** What the schema says of a key, and the keys that exist beside it. Undefined kind: no such key. */
export function lookUp(path: readonly string[]): { kind: FieldKind | undefined; siblings: readonly string[] } {
  let field: object = root;
  let siblings: readonly string[] = [];
  for (const step of path) {
    const shape = factsOf(field)?.shape;
    if (shape === undefined) break;
    siblings = Object.keys(shape);
    const next = Object.hasOwn(shape, step) ? shape[step] : undefined;
    if (next === undefined) return { kind: undefined, siblings };
    field = next;
  }
  return { kind: factsOf(field)?.kind, siblings };
}
