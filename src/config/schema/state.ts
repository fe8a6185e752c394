/** Where the machine keeps what survives a reboot (docs/state.md). */
import { choice, fallback, flag, group, list, obsolete, text } from '../fields.ts';
import { absolutePath, stateDirectory } from './forms.ts';

export const state = group('Where the machine keeps what survives a reboot: docs/state.md.', {
  dev: text('The state partition: a device, LABEL=…, UUID=…, PARTLABEL=… or PARTUUID=…; "none" to run from RAM. Without it, LABEL=RANCHER_STATE where there is one.'),
  mode: fallback(choice('What is kept on it: all that RancherOS kept ("disk"), only what User Docker has and `data_directories` ("data"), or nothing ("ram").', ['disk', 'data', 'ram']), 'disk'),
  data_directories: list('What else is kept with `mode: data`, such as /home.', absolutePath),
  fstype: text('Its filesystem; "auto" asks the disk.'),
  directory: text('A folder of it to use instead of its root.', stateDirectory),
  wait: flag('Wait for the device to appear, 30 seconds at most.'),
  required: flag('Stop in the rescue shell rather than run from RAM when it cannot be used.'),
  autoformat: list('Disks that may be formatted when their first MiB is all zero; the first that is, is.'),
  mdadm_scan: flag('Assemble RAID arrays first, also with a disk missing. Needs mdadm, which is in the bare-metal image.'),
  lvm_scan: flag('Activate LVM volume groups first. Needs lvm2, which is in the bare-metal image.'),
  cryptsetup: flag('Open LUKS devices first, with the key file or a passphrase that is asked for on the console. Needs cryptsetup, which is in the bare-metal image.'),
  luks: group('How LUKS devices are opened.', {
    device: text('The only one to open: a device, LABEL=…, UUID=…. Without it, all.'),
    key_file: text('A file, a device, or a file on a device: LABEL=KEYS:/state.key. Without it, or when it does not fit, the passphrase is asked for.'),
  }),
  rngd: obsolete(flag('The kernel needs no help with random numbers any more.')),
  script: text('A script that runs before the state partition is looked for, or its path.'),
  oem_dev: text('The OEM partition; its oem-config.yml is a layer of the configuration.'),
  oem_fstype: text('Its filesystem.'),
  boot_dev: text('The boot partition, mounted on /boot.'),
  boot_fstype: text('Its filesystem.'),
});
