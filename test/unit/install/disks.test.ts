import { describe, expect, it } from 'vitest';
import { contentsOf, findIn, parseBlkid, parseLsblk, refusals, withChildren, withSignatures, type BlockDevice, type Signature } from '../../../src/install/disks.ts';
import { layoutOf } from '../../../src/install/install-type.ts';
import { labelled } from '../../../src/install/medium.ts';

const gib = 2 ** 30;
type Row = Readonly<Record<string, unknown>>;
const row = (path: string, over: Row = {}): Row => ({ path, type: 'disk', size: 20 * gib, 'log-sec': 512, ro: false, model: 'DISK ', serial: 'S1', tran: 'sata', pttype: null, fstype: null, label: null, partlabel: null, uuid: null, mountpoints: [null], ...over });
/** The rows as lsblk prints them, and what blkid finds on each of them. */
function list(...rows: Row[]): readonly BlockDevice[] {
  const signatures = new Map<string, Signature>();
  const note = (one: Row): void => {
    const text = (key: string): string => String(one[key] ?? '');
    signatures.set(text('path'), { table: text('pttype'), filesystem: text('fstype'), label: text('label'), partitionLabel: text('partlabel'), uuid: text('uuid') });
    ((one['children'] ?? []) as Row[]).forEach(note);
  };
  rows.forEach(note);
  return parseLsblk(JSON.stringify({ blockdevices: rows })).map((device) => withSignatures(device, signatures));
}
const why = (path: string, rows: Row[], force = false): string[] => refusals(path, list(...rows), { force }).map(({ message }) => message);

describe('a disk is written', () => {
  it('when it is blank', () => { expect(why('/dev/sda', [row('/dev/sda')])).toEqual([]); });

  it('when it has data and that is to be lost', () => {
    const used = row('/dev/sda', { pttype: 'gpt', children: [row('/dev/sda1', { type: 'part', fstype: 'ext4', label: 'DATA', pttype: 'gpt' })] });
    expect(refusals('/dev/sda', list(used), { force: false })).toEqual([{
      code: 'ERR_ROS_DISK_HAS_DATA', message: 'cannot install to disk "/dev/sda": there is something on it: /dev/sda 20 GiB a GPT partition table; /dev/sda1 20 GiB ext4, labelled "DATA"', hint: '-f writes over it: all of it is lost',
    }]);
    expect(why('/dev/sda', [used], true)).toEqual([]);
  });
});

describe('a disk is refused, whatever is said', () => {
  const part = (over: Row) => row('/dev/sda', { pttype: 'dos', children: [row('/dev/sda1', { type: 'part', ...over })] });
  it.each([
    ['that is not there', '/dev/sdz', row('/dev/sda'), 'there is no such disk'],
    ['that is a partition', '/dev/sda1', part({}), 'it is a partition, and the whole disk is written'],
    ['that is a CD drive', '/dev/sr0', row('/dev/sr0', { type: 'rom' }), 'it is no disk but a "rom"'],
    ['that is mounted', '/dev/sda', part({ mountpoints: ['/mnt'] }), '"/dev/sda1" is mounted on "/mnt"'],
    ['that is swap', '/dev/sda', part({ mountpoints: ['[SWAP]'] }), '"/dev/sda1" is in use as swap'],
    ['that an array is made of', '/dev/sda', part({ children: [row('/dev/md0', { type: 'raid1' })] }), '"/dev/md0" (raid1) is made of it'],
    ['that a volume group is on', '/dev/sda', row('/dev/sda', { children: [row('/dev/mapper/vg-lv', { type: 'lvm' })] }), '"/dev/mapper/vg-lv" (lvm) is made of it'],
    ['that is mounted far below', '/dev/sda', part({ children: [row('/dev/dm-0', { type: 'crypt', mountpoints: ['/secret'] })] }), '"/dev/dm-0" is mounted on "/secret"'],
    ['that can only be read', '/dev/sda', row('/dev/sda', { ro: true }), 'it can only be read'],
    ['with large sectors', '/dev/sda', row('/dev/sda', { 'log-sec': 4096 }), 'its sectors have 4096 bytes, only 512 are supported'],
    ['that is too small', '/dev/sda', row('/dev/sda', { size: 2 * gib }), 'it has 2 GiB, at least 2.2 GiB are needed'],
  ])('%s', (_what, path, disk, cause) => {
    expect(why(path, [disk], true)).toEqual([`cannot install to disk "${path}": ${cause}`]);
  });

  it('that the machine runs from, and says so', () => {
    expect(refusals('/dev/sdb', list(row('/dev/sdb', { mountpoints: ['/run/corral/medium'], fstype: 'iso9660' })), { force: true })).toMatchObject([{ code: 'ERR_ROS_IN_USE', hint: 'this machine runs from it: start from another medium' }]);
    expect(refusals('/dev/sda', list(part({ mountpoints: ['/state'] })), { force: true })[0]?.hint).toMatch(/^the state of this machine is on it: .*rancher\.state\.dev=none$/);
  });

  it('with a hint at the disks that could be taken', () => {
    expect(refusals('/dev/sdz', list(row('/dev/sda'), row('/dev/sdb', { size: gib }), row('/dev/sr0', { type: 'rom' })), { force: false })).toMatchObject([{ hint: 'there are: /dev/sda' }]);
    expect(refusals('/dev/sda1', list(part({})), { force: false })).toMatchObject([{ hint: '-d /dev/sda; partitions of your own are for "-t noformat"' }]);
  });
});

describe('what lsblk says', () => {
  it('is read with an array once, though it is below each of its disks', () => {
    const array = row('/dev/md0', { type: 'raid1', fstype: 'ext4' });
    const [disk] = list(row('/dev/sda', { children: [array, array] }));
    expect(disk === undefined ? [] : contentsOf(disk).map(({ path }) => path)).toEqual(['/dev/md0']);
    expect(findIn(list(row('/dev/sda', { children: [array] })), '/dev/md0')?.disk.path).toBe('/dev/sda');
  });

  it('leaves out devices that are not there', () => { expect(list(row('/dev/zram0', { size: 0 }), row('/dev/sda')).flatMap(withChildren)).toHaveLength(1); });

  it('is an error when it is no JSON', () => { expect(() => parseLsblk('lsblk: oops')).toThrow('cannot read the list of disks'); });
});

it('what blkid says is read with its escapes', () => {
  expect(parseBlkid('DEVNAME=/dev/sda1\nLABEL=My\\ disk\nUUID=12-34\nTYPE=vfat\nPART_ENTRY_NAME=EFI\\ system\nPTTYPE=\n')).toEqual({ table: '', filesystem: 'vfat', label: 'My disk', partitionLabel: 'EFI system', uuid: '12-34' });
});

describe('the medium', () => {
  it('is a CD rather than a disk, a disk rather than its partition, and never the disk that is written', () => {
    const stick = (path: string) => row(path, { label: 'RancherOS', children: [row(`${path}1`, { type: 'part', label: 'RancherOS' })] });
    const devices = list(stick('/dev/sda'), stick('/dev/sdb'), row('/dev/sr0', { type: 'rom', label: 'RancherOS' }), row('/dev/sdc'));
    expect(labelled(devices)).toEqual(['/dev/sr0', '/dev/sda', '/dev/sdb']);
    expect(labelled(devices, '/dev/sda')).toEqual(['/dev/sr0', '/dev/sdb']);
  });
});

describe('an install type', () => {
  it.each([[undefined, 'gpt'], ['generic', 'gpt'], ['gptsyslinux', 'gpt'], ['syslinux', 'dos'], ['noformat', 'own']])('%s is %s', (type, layout) => { expect(layoutOf(type)).toBe(layout); });

  it.each([['raid', /noformat/], ['amazon-ebs-hvm', /image/], ['rancher-upgrade', /ros os upgrade/], ['arm', /generic/]])('%s is refused with what to do', (type, hint) => {
    expect(() => layoutOf(type)).toThrow(`cannot install as "${type}": `);
    try { layoutOf(type); } catch (error) { expect((error as { hint: string }).hint).toMatch(hint); }
  });

  it('that is misspelt is told', () => { expect(() => layoutOf('generik')).toThrow(expect.objectContaining({ hint: 'did you mean "generic"?' })); });
});
