import { describe, expect, it } from 'vitest';
import { selectModules, type KernelModules } from '../../../scripts/lib/kernel-modules.ts';

const path = { virtio: 'kernel/drivers/block/virtio_blk.ko.xz', sd: 'kernel/drivers/scsi/sd_mod.ko.xz', core: 'kernel/drivers/scsi/scsi_mod.ko.xz', common: 'kernel/drivers/scsi/scsi_common.ko.xz' };
const modules: KernelModules = {
  release: '6.12.1',
  folder: '/nowhere',
  dependencies: new Map([[path.virtio, []], [path.sd, [path.common, path.core]], [path.core, [path.common]], [path.common, []]]),
  builtin: new Set(['ext4']),
};

describe('choosing kernel modules', () => {
  it('puts what a module depends on before it, once', () => {
    expect(selectModules(modules, ['sd_mod', 'scsi_mod', 'virtio-blk'])).toEqual([path.common, path.core, path.sd, path.virtio]);
  });

  it('takes a folder, less what is left out, but keeps what others need', () => {
    expect(selectModules(modules, ['drivers/scsi/'], ['scsi_common'])).toEqual([path.common, path.core, path.sd]);
  });

  it('needs no file for what the kernel has built in', () => {
    expect(selectModules(modules, ['ext4'])).toEqual([]);
  });

  it('names a module that does not exist', () => {
    expect(() => selectModules(modules, ['nope'])).toThrow('cannot find kernel module "nope": 6.12.1 has none of that name');
    expect(() => selectModules(modules, ['drivers/nope/'])).toThrow('cannot find kernel modules "drivers/nope/"');
  });
});
