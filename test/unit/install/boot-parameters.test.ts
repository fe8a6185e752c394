import { describe, expect, it } from 'vitest';
import { parametersIn, startsFrom, withParameters } from '../../../src/install/boot-parameters.ts';
import { nothing, type BlockDevice } from '../../../src/install/disks.ts';
import { globalConfig } from '../../../src/install/grub.ts';

describe('global.cfg', () => {
  it.each([
    ['as ros install writes it', globalConfig(['a=1', 'cost=$5', 'b']), ['a=1', 'cost=$5', 'b']],
    ['in single quotes', `set append='a b=c'\n`, ['a', 'b=c']],
    ['a bare word', '  set append=rancher.debug=true\n', ['rancher.debug=true']],
    ['none', globalConfig([]), []],
    ['without the line', 'set timeout=10\n', []],
    ['of no text', '', []],
  ])('is read %s', (_how, text, parameters) => { expect(parametersIn(text)).toEqual(parameters); });

  it.each([['twice', 'set append="a"\nset append="b"\n'], ['with a variable', 'set append="$other a"\n'], ['with an end missing', 'set append="a\n'], ['without set', 'append="a"\n']])('is refused when the parameters are set %s', (_how, text) => {
    expect(() => parametersIn(text)).toThrow(/^cannot read kernel parameters: "\/corral\/global\.cfg"/);
    expect(() => withParameters(text, ['c'])).toThrow(/^cannot read kernel parameters/);
  });

  it('keeps what else is in it', () => {
    expect(withParameters('# mine\nset timeout=10\nset append="a"\nset x=y\n', ['b', 'c=$1'])).toBe('# mine\nset timeout=10\nset append="b c=\\$1"\nset x=y\n');
    expect(withParameters('set timeout=10\n\n\n', ['b'])).toBe('set timeout=10\nset append="b"\n');
    expect(withParameters('', ['b'])).toBe(globalConfig(['b']));
    expect(parametersIn(withParameters(globalConfig(['a']), []))).toEqual([]);
  });
});

describe('the boot partition', () => {
  const device = (path: string, label: string, children: readonly BlockDevice[] = []): BlockDevice =>
    ({ ...nothing, path, label, filesystem: label.endsWith('BOOT') ? 'vfat' : 'ext4', type: children.length > 0 ? 'disk' : 'part', bytes: 1, sectorBytes: 512, readOnly: false, model: '', serial: '', transport: '', mountedAt: [], children });
  const disk = (name: string, label = 'CORRAL_BOOT'): BlockDevice => device(name, '', [device(`${name}2`, label), device(`${name}3`, ''), device(`${name}5`, 'RANCHER_STATE')]);
  const found = (devices: readonly BlockDevice[], ...inUse: string[]): string => startsFrom(devices, new Set(inUse)).path;

  it('is the one with the label, RancherOS\'s too', () => {
    expect(found([disk('/dev/sda'), disk('/dev/sdb', 'DATA')])).toBe('/dev/sda2');
    expect(found([disk('/dev/sda', 'RANCHER_BOOT')])).toBe('/dev/sda2');
    expect(found([disk('/dev/sda', 'RANCHER_BOOT'), disk('/dev/sdb')])).toBe('/dev/sdb2');
  });

  it('of two is the one on the disk that is in use', () => { expect(found([disk('/dev/sda'), disk('/dev/sdb')], '/dev/sdb3')).toBe('/dev/sdb2'); });

  it('is not guessed', () => {
    expect(() => found([disk('/dev/sda'), disk('/dev/sdb')], '/dev/sdc1')).toThrow('cannot tell the boot partition: /dev/sda2 and /dev/sdb2 are both labelled CORRAL_BOOT');
    expect(() => found([disk('/dev/sda', 'EFI')])).toThrow('cannot find the kernel parameters: no disk of this machine has a boot partition (CORRAL_BOOT)');
    expect(() => found([device('/dev/sda', '', [{ ...device('/dev/sda1', 'CORRAL_BOOT'), filesystem: 'ext4' }])])).toThrow('cannot find the kernel parameters');
  });
});
