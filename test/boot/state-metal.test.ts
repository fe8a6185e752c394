/** State on an array that lacks a disk, on an encrypted device, in a volume group: all in one, on the bare-metal image, which has the programs. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { corralMachine } from '../../scripts/qemu-corral.ts';
import { sleep } from '../../scripts/qemu-ssh.ts';
import { Vm } from '../../scripts/qemu.ts';
import { diskFile, freshDisk, testDir } from '../lib/machine.ts';
import { emulationFactor } from '../lib/timing.ts';

const metal = { kernel: 'build/metal/vmlinuz', initrd: 'build/metal/initramfs.img', root: 'build/metal/root.img', rootHash: 'build/metal/root.roothash' } as const;
const passphrase = 'correct-horse';
const stateParameters = ['rancher.state.dev=LABEL=RANCHER_STATE', 'rancher.state.mdadm_scan', 'rancher.state.cryptsetup', 'rancher.state.lvm_scan'];

/** All layers at once: what each of them needs of the image is needed here, and two boots are enough. */
test('RAID1 with one disk missing, LUKS on it, LVM in that: made in the recovery shell, taken at the next boot with a passphrase on the serial console', async () => {
  const disks = ['raid-a', 'raid-b'].map((name) => diskFile(freshDisk(name)));
  for (const disk of disks) execFileSync('truncate', ['-s', '512M', disk]);
  {
    await using maker = await boot('metal-maker', disks, ['rancher.recovery=true']);
    await maker.see(/This is the recovery shell/, 90_000);
    await maker.do(`mdadm --create /dev/md0 --run --level=1 --metadata=1.2 --raid-devices=2 /dev/vdb /dev/vdc`);
    await maker.do(`printf ${passphrase} | cryptsetup luksFormat --batch-mode --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file - /dev/md0`);
    await maker.do(`printf ${passphrase} | cryptsetup open --key-file - /dev/md0 made`);
    await maker.do('lvm pvcreate /dev/mapper/made && lvm vgcreate vg /dev/mapper/made');
    await maker.do('lvm lvcreate -l 100%FREE -n state vg'); // would wait for udev for ever, but for our lvm.conf
    await maker.do('mkfs.ext4 -q -L RANCHER_STATE /dev/mapper/vg-state && sync');
    await maker.do('lvm vgchange -an vg; cryptsetup close made; mdadm --stop /dev/md0');
  }
  await using taker = await boot('metal-taker', disks.slice(0, 1), stateParameters);
  await taker.see(/Passphrase for \/dev\/md\d+: /, 120_000);
  await taker.enter('wrong');
  const { index: refused } = await taker.see(/That is not its passphrase/, 60_000);
  await taker.see(/Passphrase for \/dev\/md\d+: /, 60_000, refused);
  await taker.enter(passphrase);
  const { index } = await taker.see(/state: on (\/dev\/(?:mapper\/vg-state|dm-\d+|vg\/state))/, 60_000);
  expect(taker.vm.console.text.slice(0, index)).toMatch(/RAID array md\d+ \(raid1\) is degraded: 1 of its 2 disks/);
  expect(taker.vm.console.text).not.toContain(passphrase);
});

interface Booted extends AsyncDisposable {
  readonly vm: Vm;
  see(pattern: RegExp, nativeMs: number, from?: number): Promise<RegExpExecArray>;
  /** No faster than a person. */
  enter(text: string): Promise<void>;
  /** A command in the recovery shell that must succeed. */
  do(command: string): Promise<void>;
}

async function boot(name: string, disks: readonly string[], append: readonly string[]): Promise<Booted> {
  const spec = corralMachine({ noReboot: true, rootHash: readFileSync(metal.rootHash, 'latin1').trim(), append: ['loglevel=7', ...append] });
  const [root] = spec.drives;
  if (root === undefined) throw new Error('no root image');
  const drives = [{ ...root, file: metal.root }, ...disks.map((file) => ({ file, format: 'raw' as const, cache: 'unsafe' as const }))];
  const vm = await Vm.start({ ...spec, kernel: metal.kernel, initrd: metal.initrd, drives }, `${testDir}/${name}.console.log`);
  const limit = (nativeMs: number): number => nativeMs * (vm.accel.kind === 'tcg' ? emulationFactor : 1);
  const see = (pattern: RegExp, nativeMs: number, from = 0): Promise<RegExpExecArray> => vm.console.waitFor(pattern, limit(nativeMs), String(pattern), from);
  let count = 0;
  return {
    vm, see,
    async enter(text) { await sleep(limit(500)); vm.type(`${text}\n`); },
    async do(command) {
      count += 1;
      const mark = vm.console.mark();
      vm.type(`${command}; echo "<<$((${count}*1000)):$?>>"\n`);
      const [, code] = await see(new RegExp(`<<${count * 1000}:(\\d+)>>`), 60_000, mark);
      expect(code, `${command}: ${vm.console.tail()}`).toBe('0');
    },
    async [Symbol.asyncDispose]() { await vm.kill(); },
  };
}
