/** The media's parts that need no medium: documents laid over each other, GRUB's images, archives one after the other, names. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BuildContext } from '../../../scripts/lib/context.ts';
import { createContext } from '../../../scripts/lib/context.ts';
import { ensureHostTools } from '../../../scripts/lib/host-tools.ts';
import { bootSector, coreImage } from '../../../scripts/lib/media/bootloader.ts';
import { settleVhdFooter, settleVmdkDescriptor } from '../../../scripts/lib/media/disk.ts';
import { formatFile, readFormats } from '../../../scripts/lib/media/formats.ts';
import { carry, ipxeScript } from '../../../scripts/lib/media/pxe.ts';
import { makeCpio } from '../../../scripts/lib/archive.ts';
import { overlay, readOsSpec } from '../../../scripts/lib/spec.ts';
import { qemuArgs, type MachineSpec } from '../../../scripts/qemu-args.ts';

describe('a flavour', () => {
  it('adds to lists, goes into maps and replaces everything else', () => {
    const below = { kernel: { package: 'small', modules: ['a'] }, suite: 'x', compression: { level: 1, block: 2 } };
    expect(overlay(below, { kernel: { package: 'large', modules: ['b'] }, compression: { level: 3 }, more: ['c'] }))
      .toEqual({ kernel: { package: 'large', modules: ['a', 'b'] }, suite: 'x', compression: { level: 3, block: 2 }, more: ['c'] });
  });

  it('has all that the small image has, and the services are the same', () => {
    const context = createContext();
    const [cloud, metal] = [readOsSpec(context), readOsSpec(context, 'metal')];
    expect(metal.kernel.package).not.toBe(cloud.kernel.package);
    expect(metal.kernel.modules).toEqual(expect.arrayContaining(cloud.kernel.modules));
    expect(metal.services).toEqual(cloud.services);
    expect(metal.exclude).toEqual(cloud.exclude);
  });

  it('with a word that is none is refused by the name of its own file', () => {
    const source = mkdtempSync(join(tmpdir(), 'flavour-'));
    mkdirSync(join(source, 'image'));
    writeFileSync(join(source, 'image/os.yml'), 'suite: x\n');
    writeFileSync(join(source, 'image/metal.yml'), 'kernal: {}\n');
    expect(() => readOsSpec({ source } as BuildContext, 'metal')).toThrow(/cannot use file "image\/metal.yml": .*kernal/);
    rmSync(source, { recursive: true });
  });
});

describe('GRUB for BIOS', () => {
  const signed = (bytes: Buffer): Buffer => { bytes.writeUInt16LE(0xaa55, 510); return bytes; };

  it('is loaded from the sector that the layout has for it, whatever drive the BIOS names', () => {
    const sector = bootSector(signed(Buffer.alloc(512)), 2048);
    expect(sector.readBigUInt64LE(0x5c)).toBe(2048n);
    expect(sector.readUInt16LE(0x66)).toBe(0x9090);
    expect(sector.readUInt16LE(510)).toBe(0xaa55);
    expect(() => bootSector(Buffer.alloc(512), 2048)).toThrow('it is not a boot sector');
  });

  it('loads the rest of itself from the sectors that follow', () => {
    const image = Buffer.alloc(512 * 3 + 7);
    image.writeUInt16LE(3, 508);
    const core = coreImage(image, 2048);
    expect(core.length).toBe(512 * 4);
    expect(core.readBigUInt64LE(500)).toBe(2049n);
    image.writeUInt16LE(2, 508);
    expect(() => coreImage(image, 2048)).toThrow('it lists 2 sectors after the first and has 3');
  });
});

describe('network boot', () => {
  it('the root image and the initramfs are archives that the kernel unpacks one after the other', async () => {
    await ensureHostTools([{ needs: 'cpio', from: 'cpio' }]);
    const folder = mkdtempSync(join(tmpdir(), 'pxe-'));
    const initramfs = makeCpio([{ path: 'init', kind: 'file', mode: 0o755, content: Buffer.from('shim') }]);
    const root = Buffer.from('a root image of odd length');
    const both = carry(root, initramfs);
    const second = both.length - initramfs.length;
    expect(second % 4).toBe(0);
    execFileSync('cpio', ['--extract', '--quiet'], { cwd: folder, input: both.subarray(0, second) });
    expect(readFileSync(join(folder, 'root.img'))).toEqual(root);
    expect(both.subarray(second)).toEqual(initramfs);
    rmSync(folder, { recursive: true });
  }, 180_000);

  it('the script hands the kernel its parameters and UEFI the name of the initramfs', () => {
    expect(ipxeScript(['console=ttyS0', 'corral.roothash=ab'])).toMatch(/^#!ipxe\n(?:#.*\n)*kernel vmlinuz initrd=initramfs\.img console=ttyS0 corral\.roothash=ab\ninitrd initramfs\.img\nboot\n$/);
  });
});

describe('formats', () => {
  it('are named by their folder, once', () => {
    const context = createContext();
    const names = readFormats(context, []).map((format) => formatFile(format, 'v1.2.3'));
    expect(names).toEqual(expect.arrayContaining(['corralos-v1.2.3.iso', 'corralos-v1.2.3-pxe', 'corralos-v1.2.3.raw.zst', 'corralos-v1.2.3.vhd', 'corralos-v1.2.3-cloud.qcow2']));
    expect(new Set(names).size).toBe(names.length);
    expect(() => readFormats(context, ['floppy'])).toThrow(/cannot build format "floppy": there are .*\biso\b/);
  });

  it('a VHD\'s footer gets the same time and identity each time, and a checksum that holds', () => {
    const footer = (seed: number): Buffer => {
      const bytes = Buffer.alloc(512);
      bytes.write('conectix');
      bytes.writeUInt32BE(seed, 24);
      bytes.fill(seed, 64, 84);
      return settleVhdFooter(bytes);
    };
    expect(footer(1)).toEqual(footer(2));
    const bytes = footer(3);
    const sum = bytes.reduce((total, byte, at) => total + (at >= 64 && at < 68 ? 0 : byte), 0);
    expect(bytes.readUInt32BE(64)).toBe(~sum >>> 0);
    expect(settleVhdFooter(Buffer.alloc(512, 7))).toEqual(Buffer.alloc(512, 7));
  });

  it('a VMDK\'s descriptor loses its random number and nothing else', () => {
    const descriptor = (cid: string): Buffer => Buffer.from(`# Disk DescriptorFile\nversion=1\nCID=${cid}\nparentCID=ffffffff\n\0\xfe\0`, 'latin1');
    expect(settleVmdkDescriptor(descriptor('12345678'))).toEqual(settleVmdkDescriptor(descriptor('9abcdef0')));
    expect(settleVmdkDescriptor(descriptor('12345678')).toString('latin1')).toContain('parentCID=ffffffff\n\0\xfe\0');
  });
});

describe('a machine that its firmware starts', () => {
  const spec: MachineSpec = { append: ['a=1'], memoryMb: 512, cpus: 1, drives: [], net: 'restrict', forwards: [], serial: 'pipe' };
  const args = (change: Partial<MachineSpec>): string => qemuArgs({ ...spec, ...change }, { kind: 'tcg', args: [] }, { consoleLog: 'log', qmpSocket: 'qmp' }).join(' ');

  it('gets no kernel from QEMU, and tries its drives in their order', () => {
    const line = args({ drives: [{ file: 'a', format: 'raw', bus: 'cd' }, { file: 'b', format: 'vmdk', bus: 'nvme' }, { file: 'c', format: 'raw', bus: 'usb' }] });
    expect(line).not.toMatch(/-kernel|-append/);
    expect(line).toMatch(/file=a,\S*readonly=on -device ide-cd,\S*bootindex=1 .*format=vmdk,\S* -device nvme,\S*serial=\S*bootindex=2 .*usb-storage,\S*bootindex=3/);
    expect(line.indexOf('qemu-xhci')).toBeLessThan(line.indexOf('usb-storage'));
  });

  it('keeps UEFI\'s variables in its own file, which only firmware writes under Secure Boot', () => {
    expect(args({ firmware: { kind: 'uefi', nvram: 'my,vars' } })).toMatch(/-machine q35 .*unit=1,format=raw,file=my,,vars/);
    expect(args({ firmware: { kind: 'secure-boot', nvram: 'vars' } })).toMatch(/-machine q35,smm=on .*property=secure,value=on .*secboot\.fd/);
  });

  it('has a network card that starts it only where it is told to', () => {
    expect(args({ netBoot: { folder: 'set', file: 'script.ipxe' } })).toMatch(/tftp=set,bootfile=script\.ipxe -device virtio-net-pci,netdev=net0,bootindex=0/);
    expect(args({})).toMatch(/romfile=/);
  });
});
