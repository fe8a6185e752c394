import { describe, expect, it } from 'vitest';
import { checkParameter, emptyGrubEnvironment, globalConfig, grubConfig, splitAppend } from '../../../src/install/grub.ts';
import { installedParameters } from '../../../src/install/parameters.ts';

const hash = 'c0'.repeat(32);
const image = { name: 'CorralOS v0.1.0', folder: '/corral/a', rootHash: hash, kernelParameters: ['quiet', 'panic=10'] };
const entries = (text: string): Record<string, string> => Object.fromEntries([...text.matchAll(/menuentry '([^']*)'[^{]*\{\n {2}linux (.*)\n/g)].map(([, title = '', line = '']) => [title, line]));

describe('the boot menu', () => {
  it('of a disk offers normal, autologin, debug and recovery, each with the hash of the root image and the user\'s parameters', () => {
    expect(entries(grubConfig({ medium: 'disk', images: [image] }))).toEqual({
      'CorralOS v0.1.0': `/corral/a/vmlinuz quiet panic=10 corral.roothash=${hash} $append`,
      'CorralOS v0.1.0 (log in by itself)': `/corral/a/vmlinuz quiet panic=10 corral.roothash=${hash} rancher.autologin=tty1 rancher.autologin=ttyS0 $append`,
      'CorralOS v0.1.0 (debug)': `/corral/a/vmlinuz panic=10 corral.roothash=${hash} rancher.debug=true loglevel=7 $append`,
      'CorralOS v0.1.0 (recovery)': `/corral/a/vmlinuz quiet panic=10 corral.roothash=${hash} rancher.recovery=true $append`,
    });
  });

  it('of a disk offers the other slot as previous, with its own hash', () => {
    const older = { name: 'CorralOS v0.0.9', folder: '/corral/b', rootHash: 'b0'.repeat(32), kernelParameters: ['panic=10'] };
    expect(entries(grubConfig({ medium: 'disk', images: [image, older] }))['CorralOS v0.0.9 (previous)']).toBe(`/corral/b/vmlinuz panic=10 corral.roothash=${'b0'.repeat(32)} $append`);
  });

  it('of an ISO starts from the medium alone, can start from RAM, and reads nothing that only a disk has', () => {
    const text = grubConfig({ medium: 'iso', images: [{ ...image, folder: '/corral' }] });
    expect(entries(text)['CorralOS v0.1.0 (from RAM, the medium can be removed)']).toContain(' corral.toram ');
    expect(entries(text)['CorralOS v0.1.0 (disks left alone)']).toContain(' rancher.state.dev=none ');
    expect(text).not.toMatch(/global\.cfg|grubenv/);
    expect(text).toContain('--label RancherOS');
    // A disk in the machine may hold the same image.
    expect(Object.values(entries(text)).filter((line) => !line.includes(' corral.root=medium '))).toEqual([]);
  });

  it('starts by itself after three seconds, and shows itself on the serial line only where there is one', () => {
    const text = grubConfig({ medium: 'disk', images: [image] });
    expect(text).toContain('\nset timeout=3\n');
    expect(text).toMatch(/if serial --unit=0 --speed=115200; then\n {2}terminal_input console serial\n {2}terminal_output console serial\nfi/);
  });

  it('quotes what GRUB would read as its own', () => {
    const text = grubConfig({ medium: 'disk', images: [{ ...image, name: 'it\'s', kernelParameters: ['a=$b;c'] }] });
    expect(text).toContain("menuentry 'it s' ");
    expect(text).toContain(" 'a=$b;c' ");
  });
});

describe('kernel parameters of one\'s own', () => {
  it('keep their dollar signs', () => {
    expect(globalConfig(['rancher.password=$6$ab', 'quiet'])).toContain('\nset append="rancher.password=\\$6\\$ab quiet"\n');
  });

  it.each(['a="b c"', 'it\'s', 'a\\b', 'größe=1', ''])('are refused when the boot loader cannot pass them on: %s', (parameter) => {
    expect(() => { checkParameter(parameter); }).toThrow('cannot take kernel parameter');
  });

  it('are apart by any blanks', () => {
    expect(splitAppend('  a=1\n b\t')).toEqual(['a', 'b'].map((name) => (name === 'a' ? 'a=1' : name)));
  });
});

describe('the parameters of an installed system', () => {
  it('name the state partition, and leave behind what was for the medium alone', () => {
    expect(installedParameters({ kernelParameters: ['panic=10', 'rancher.autologin=tty1', 'corral.toram', 'lsm=apparmor', 'rancher.state.autoformat=[/dev/sda]'] })).toEqual([
      'printk.devkmsg=on', 'panic=10', 'console=tty0', 'console=ttyS0,115200', 'module.sig_enforce=1', 'rancher.state.dev=LABEL=RANCHER_STATE', 'rancher.state.wait', 'lsm=apparmor',
    ]);
  });

  it('name another partition and a folder where they are others', () => {
    expect(installedParameters({ kernelParameters: [] }, { stateDevice: 'UUID=12', stateDirectory: 'ros' })).toEqual(expect.arrayContaining(['rancher.state.dev=UUID=12', 'rancher.state.directory=ros']));
  });
});

it('the file that GRUB keeps variables in has the one size that GRUB takes', () => {
  expect(emptyGrubEnvironment).toMatch(/^# GRUB Environment Block\n#+$/);
  expect(emptyGrubEnvironment).toHaveLength(1024);
});
