/**
 * What is to be done to find the state partition, step by step: each look at the disks gives the next step, until there is a
 * device to use or nothing left to try. Pure; `find.ts` looks and does.
 */
import type { StateSetting } from '../../config/index.ts';
import type { BlockDevice } from '../../sys/disk.ts';

export const stateLabel = 'RANCHER_STATE';
const byDefault = `LABEL=${stateLabel}`;

/** What a look at the machine's disks has found. */
export interface Seen {
  readonly devices: readonly BlockDevice[];
  /** Those of the paths in the configuration that exist. */
  readonly present: ReadonlySet<string>;
}

export type Step =
  | { readonly kind: 'drivers' }
  /** Each with what it is for, as `tried` keeps it: what appears later is a new thing to try. */
  | { readonly kind: 'raid'; readonly key: string }
  | { readonly kind: 'lvm'; readonly key: string }
  | { readonly kind: 'unlock'; readonly key: string; readonly device: BlockDevice }
  /** The first of them that is blank. */
  | { readonly kind: 'format'; readonly key: string; readonly devices: readonly string[] }
  /** At least one. */
  | { readonly kind: 'use'; readonly spec: string; readonly devices: readonly string[] }
  | { readonly kind: 'wait'; readonly what: string }
  /** `missing`: somebody asked for it. */
  | { readonly kind: 'none'; readonly missing: string | undefined };

export function nextStep(setting: StateSetting, { devices, present }: Seen, tried: ReadonlySet<string>): Step {
  if (setting.device === 'none' || setting.mode === 'ram') return { kind: 'none', missing: undefined };
  const spec = setting.device ?? byDefault;
  const found = matching(spec, devices, present);
  // PID 1 has loaded only the drivers of the disk with the root image, and udev comes after state.
  const builds = setting.raid || setting.lvm || setting.luks !== undefined;
  if ((builds || found.length === 0) && !tried.has('drivers')) return { kind: 'drivers' };
  const assembly = builds ? nextAssembly(setting, devices, present, tried) : undefined;
  if (assembly !== undefined) return assembly;
  if (found.length > 0) return { kind: 'use', spec, devices: found };
  const blanks = setting.autoformat.filter((device) => present.has(device));
  const key = `format ${blanks.join(' ')}`;
  if (blanks.length > 0 && !tried.has(key)) return { kind: 'format', key, devices: blanks };
  return setting.wait && !tried.has('wait') ? { kind: 'wait', what: spec } : { kind: 'none', missing: setting.device };
}

/** What lies under what: arrays hold encrypted devices, and those volume groups. */
function nextAssembly(setting: StateSetting, devices: readonly BlockDevice[], present: ReadonlySet<string>, tried: ReadonlySet<string>): Step | undefined {
  const named = (type: string): string => devices.filter((device) => device.type === type).map(({ name }) => name).join(' ');
  const raid = `raid ${named('linux_raid_member')}`;
  if (setting.raid && raid !== 'raid ' && !tried.has(raid)) return { kind: 'raid', key: raid };
  for (const device of setting.luks === undefined ? [] : devices) {
    const key = `unlock ${device.name}`;
    const isWanted = setting.luks?.device === undefined || namesOf(setting.luks.device, devices, present).includes(device.name);
    if (device.type === 'crypto_LUKS' && isWanted && !tried.has(key)) return { kind: 'unlock', key, device };
  }
  const lvm = `lvm ${named('LVM2_member')}`;
  return setting.lvm && lvm !== 'lvm ' && !tried.has(lvm) ? { kind: 'lvm', key: lvm } : undefined;
}

/** Part of something else, which may bear the label of what it is part of. */
const parts: readonly string[] = ['linux_raid_member', 'crypto_LUKS', 'LVM2_member'];

/** The devices that a spec names and that can hold a filesystem. */
export function matching(spec: string, devices: readonly BlockDevice[], present: ReadonlySet<string>): string[] {
  return namesOf(spec, devices, present).filter((name) => !devices.some((device) => device.name === name && parts.includes(device.type)));
}

function namesOf(spec: string, devices: readonly BlockDevice[], present: ReadonlySet<string>): string[] {
  const [, tag, quoted = ''] = /^(LABEL|UUID|PARTLABEL|PARTUUID)=(.*)$/.exec(spec) ?? [];
  if (tag === undefined) return present.has(spec) ? [spec] : [];
  const value = quoted.replace(/^"(.*)"$/, '$1');
  const isIt = (device: BlockDevice): boolean => {
    switch (tag) {
      case 'LABEL': return device.label === value;
      case 'UUID': return device.uuid.toLowerCase() === value.toLowerCase();
      case 'PARTLABEL': return device.partLabel === value;
      default: return device.partUuid.toLowerCase() === value.toLowerCase();
    }
  };
  return value === '' ? [] : devices.filter(isIt).map(({ name }) => name).sort(byName);
}

/** sda before sdb before sdaa, sda9 before sda10. */
export function byName(one: string, other: string): number {
  const [letters, others] = [one, other].map((name) => name.replace(/\d+$/, ''));
  if (letters !== undefined && others !== undefined && letters.length !== others.length) return letters.length - others.length;
  return one.localeCompare(other, 'en', { numeric: true });
}

/** A device that could be taken, and the disks it lies on. */
export interface Candidate { readonly name: string; readonly disks: readonly string[] }

/** Of several that are called the same: what lies on the disk that the machine was booted from, else the first by name. */
export function preferred(spec: string, candidates: readonly Candidate[], bootDisks: readonly string[]): { readonly device: string; readonly why: string } {
  const own = candidates.filter(({ disks }) => disks.some((disk) => bootDisks.includes(disk)));
  const [taken] = own.length > 0 ? own : candidates;
  const others = candidates.filter(({ name }) => name !== taken?.name).map(({ name }) => name);
  const reason = own.length === 1 ? `it is on the disk that this machine was booted from (${bootDisks.join(', ')})` : 'it is the first by name';
  return { device: taken?.name ?? '', why: `${candidates.length} devices are ${spec}: took ${taken?.name ?? ''}, for ${reason}; not used: ${others.join(', ')}` };
}

/** A key file: one of the machine's, or one on a device that is mounted for it. A device alone is read as it is. */
export function keyFileOf(text: string): { readonly device?: string; readonly path: string } {
  const [, device, path] = /^((?:LABEL|UUID|PARTLABEL|PARTUUID)=[^:]+|\/dev\/[^:]+):(\/.+)$/.exec(text) ?? [];
  return device === undefined || path === undefined ? { path: text } : { device, path };
}
