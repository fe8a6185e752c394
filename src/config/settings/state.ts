/** The state partition, and what guards the shell that does without it. */
import type { RancherConfig } from '../schema.ts';
import type { LuksSetting, RecoverySetting, StateMode, StateSetting, UserSetting } from '../settings-types.ts';
import { defined, given } from './defined.ts';

/** `none` as a device is passed on: RancherOS users boot with `rancher.state.dev=none` to get a machine without its state. */
export function stateOf(state: NonNullable<RancherConfig['state']> = {}): StateSetting {
  return {
    device: given(state.dev),
    mode: (state.mode ?? 'disk') as StateMode,
    dataDirectories: [...new Set((state.data_directories ?? []).map((path) => path.replace(/\/+$/, '')))].filter((path) => path !== ''),
    filesystem: given(state.fstype) ?? 'auto',
    directory: given(state.directory?.replaceAll(/^\/+|\/+$/g, '')),
    wait: state.wait ?? false,
    required: state.required ?? false,
    autoformat: state.autoformat ?? [],
    script: given(state.script),
    raid: state.mdadm_scan ?? false,
    lvm: state.lvm_scan ?? false,
    luks: state.cryptsetup === true ? defined<LuksSetting>({ device: given(state.luks?.device), keyFile: given(state.luks?.key_file) }) : undefined,
    oem: { device: given(state.oem_dev) ?? 'LABEL=RANCHER_OEM', filesystem: given(state.oem_fstype) ?? 'auto' },
    boot: { device: given(state.boot_dev) ?? 'LABEL=RANCHER_BOOT', filesystem: given(state.boot_fstype) ?? 'auto' },
  };
}

/** The password is rancher's, in clear or as a hash. */
export function recoveryOf(wanted: boolean | undefined, password: string | undefined, users: readonly UserSetting[]): RecoverySetting {
  const rancher = users.find(({ name }) => name === 'rancher');
  return { wanted: wanted ?? false, password, passwordHash: rancher?.lockPasswd === false ? given(rancher.passwd) : undefined };
}
