import { describe, expect, test } from 'vitest';
import { settingsOf } from '../../../../src/config/settings.ts';
import type { CloudConfig } from '../../../../src/config/schema.ts';
import { byName, keyFileOf, matching, nextStep, preferred, type Step } from '../../../../src/supervisor/state/decide.ts';
import type { BlockDevice } from '../../../../src/sys/disk.ts';

type StateConfig = NonNullable<NonNullable<CloudConfig['rancher']>['state']>;

const device = (name: string, facts: Partial<BlockDevice> = {}): BlockDevice => ({ name: `/dev/${name}`, type: 'ext4', label: '', uuid: '', partLabel: '', partUuid: '', ...facts });
const state = device('vda5', { label: 'RANCHER_STATE' });

/** Every step until the search ends; what a step brings to light is there at the next look. */
function steps(config: StateConfig, looks: readonly (readonly BlockDevice[])[], present: readonly string[] = []): Step[] {
  const setting = settingsOf({ rancher: { state: config } }).state;
  const tried = new Set<string>();
  const done: Step[] = [];
  for (let index = 0; index < 12; index += 1) {
    const step = nextStep(setting, { devices: looks[Math.min(index, looks.length - 1)] ?? [], present: new Set(present) }, tried);
    done.push(step);
    if (step.kind === 'use' || step.kind === 'none') return done;
    tried.add('key' in step ? step.key : step.kind);
  }
  throw new Error('the search does not end');
}
const kinds = (all: readonly Step[]): string[] => all.map(({ kind }) => kind);

describe('the search for the state partition', () => {
  test('takes one that is in sight with nothing done before', () => {
    expect(steps({}, [[device('vda1'), state]])).toEqual([{ kind: 'use', spec: 'LABEL=RANCHER_STATE', devices: ['/dev/vda5'] }]);
  });

  test('loads the drivers of other disks when it is not in sight, and looks again', () => {
    expect(kinds(steps({}, [[], [state]]))).toEqual(['drivers', 'use']);
  });

  test('ends in RAM without a word when nobody asked for it, and with one when somebody did', () => {
    expect(steps({}, [[]]).at(-1)).toEqual({ kind: 'none', missing: undefined });
    expect(steps({ dev: 'UUID=1-2' }, [[]]).at(-1)).toEqual({ kind: 'none', missing: 'UUID=1-2' });
  });

  test.each<[string, StateConfig]>([['dev=none', { dev: 'none' }], ['mode: ram', { mode: 'ram' }]])('looks at no disk with %s', (_, config) => {
    expect(steps({ ...config, mdadm_scan: true, autoformat: ['/dev/vdb'], wait: true }, [[state]], ['/dev/vdb'])).toEqual([{ kind: 'none', missing: undefined }]);
  });

  test.each([
    ['LABEL=data', device('sdb', { label: 'data' })], ['UUID=AB-12', device('sdb', { uuid: 'ab-12' })], ['PARTLABEL=CORRAL STATE', device('sdb', { partLabel: 'CORRAL STATE' })],
    ['PARTUUID=0-1', device('sdb', { partUuid: '0-1' })], ['LABEL="data"', device('sdb', { label: 'data' })],
  ])('knows %s', (spec, found) => {
    expect(steps({ dev: spec }, [[state, found]]).at(-1)).toMatchObject({ kind: 'use', devices: ['/dev/sdb'] });
  });

  test('takes a path that exists, also one that blkid knows nothing of', () => {
    expect(steps({ dev: '/dev/vg/state' }, [[]], ['/dev/vg/state']).at(-1)).toMatchObject({ kind: 'use', devices: ['/dev/vg/state'] });
    expect(steps({ dev: '/dev/sdz' }, [[]]).at(-1)).toEqual({ kind: 'none', missing: '/dev/sdz' });
  });

  test('formats only disks that were named and are there, and only when there is no state partition', () => {
    expect(steps({ autoformat: ['/dev/sda', '/dev/vdb'] }, [[], [], [device('vdb', { label: 'RANCHER_STATE' })]], ['/dev/vdb'])).toEqual([
      { kind: 'drivers' }, { kind: 'format', key: 'format /dev/vdb', devices: ['/dev/vdb'] }, { kind: 'use', spec: 'LABEL=RANCHER_STATE', devices: ['/dev/vdb'] },
    ]);
    expect(kinds(steps({ autoformat: ['/dev/vdb'] }, [[state]], ['/dev/vdb']))).toEqual(['use']);
    expect(kinds(steps({ autoformat: ['/dev/vdb'] }, [[]]))).toEqual(['drivers', 'none']);
  });

  test('waits only when asked to, and says for what', () => {
    expect(steps({ dev: 'LABEL=data', wait: true }, [[]])).toEqual([{ kind: 'drivers' }, { kind: 'wait', what: 'LABEL=data' }, { kind: 'none', missing: 'LABEL=data' }]);
  });
});

describe('what is put together first', () => {
  const raid = [device('sda2', { type: 'linux_raid_member', label: 'RANCHER_STATE' })];
  const luks = [...raid, device('md127', { type: 'crypto_LUKS', uuid: 'u' })];
  const volume = [...luks, device('mapper/luks-u', { type: 'LVM2_member' })];
  const whole = [...volume, device('mapper/vg-state', { label: 'RANCHER_STATE' })];

  test('an array, the encrypted device on it, the volume group in that, the partition', () => {
    const all = steps({ mdadm_scan: true, cryptsetup: true, lvm_scan: true }, [raid, raid, luks, volume, whole]);
    expect(kinds(all)).toEqual(['drivers', 'raid', 'unlock', 'lvm', 'use']);
    expect(all.at(-1)).toMatchObject({ devices: ['/dev/mapper/vg-state'] });
  });

  test('only what is asked for', () => {
    expect(kinds(steps({}, [volume]))).toEqual(['drivers', 'none']);
    expect(kinds(steps({ lvm_scan: true }, [volume]))).toEqual(['drivers', 'lvm', 'none']);
  });

  test('nothing on a machine that has nothing of the kind', () => {
    expect(kinds(steps({ mdadm_scan: true, cryptsetup: true, lvm_scan: true }, [[state]]))).toEqual(['drivers', 'use']);
  });

  test('only the encrypted device that was named, where one was', () => {
    const two = [device('sda1', { type: 'crypto_LUKS', uuid: 'one' }), device('sdb1', { type: 'crypto_LUKS', uuid: 'two' }), state];
    const unlocked = (config: StateConfig): string[] => steps({ cryptsetup: true, ...config }, [two]).flatMap((step) => (step.kind === 'unlock' ? [step.device.name] : []));
    expect(unlocked({})).toEqual(['/dev/sda1', '/dev/sdb1']);
    expect(unlocked({ luks: { device: 'UUID=two' } })).toEqual(['/dev/sdb1']);
  });

  test('a disk of an array that comes later is tried again', () => {
    const later = [...raid, device('sdb2', { type: 'linux_raid_member' })];
    expect(kinds(steps({ mdadm_scan: true, wait: true }, [raid, raid, raid, later]))).toEqual(['drivers', 'raid', 'wait', 'raid', 'none']);
  });

  test('what is part of something else is never taken for the partition itself', () => {
    expect(matching('LABEL=RANCHER_STATE', whole, new Set())).toEqual(['/dev/mapper/vg-state']);
    expect(matching('/dev/sda2', whole, new Set(['/dev/sda2']))).toEqual([]);
  });
});

describe('of two that are called the same', () => {
  const candidates = [{ name: '/dev/sda1', disks: ['/dev/sda'] }, { name: '/dev/vda5', disks: ['/dev/vda'] }];

  test('the one on the disk that was booted from is taken, and it is said why', () => {
    const { device: taken, why } = preferred('LABEL=RANCHER_STATE', candidates, ['/dev/vda']);
    expect(taken).toBe('/dev/vda5');
    expect(why).toBe('2 devices are LABEL=RANCHER_STATE: took /dev/vda5, for it is on the disk that this machine was booted from (/dev/vda); not used: /dev/sda1');
  });

  test('else the first by name', () => {
    expect(preferred('LABEL=x', candidates, ['/dev/sr0'])).toEqual({ device: '/dev/sda1', why: '2 devices are LABEL=x: took /dev/sda1, for it is the first by name; not used: /dev/vda5' });
    expect(preferred('LABEL=x', [{ name: '/dev/vda5', disks: ['/dev/vda'] }, { name: '/dev/vda6', disks: ['/dev/vda'] }], ['/dev/vda'])).toMatchObject({ device: '/dev/vda5', why: expect.stringContaining('first by name') as string });
  });

  test('names are in the order of the disks', () => {
    expect(['/dev/sdaa1', '/dev/sdb10', '/dev/sdb9', '/dev/sda1'].sort(byName)).toEqual(['/dev/sda1', '/dev/sdb9', '/dev/sdb10', '/dev/sdaa1']);
  });
});

test.each([
  ['/usr/share/ros/oem/key', { path: '/usr/share/ros/oem/key' }],
  ['LABEL=KEYS:/state.key', { device: 'LABEL=KEYS', path: '/state.key' }],
  ['/dev/sdb1:/keys/one', { device: '/dev/sdb1', path: '/keys/one' }],
  ['/dev/disk/by-id/usb-x', { path: '/dev/disk/by-id/usb-x' }],
])('a key file is written as %s', (text, meant) => { expect(keyFileOf(text)).toEqual(meant); });
