/** State on an array that lacks a disk, on an encrypted device, in a volume group: all in one, on the bare-metal image, which has the programs. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { typeOnKeyboard } from '../lib/keyboard.ts';
import { diskFile, freshDisk } from '../lib/machine.ts';
import { bootMetal } from '../lib/metal.ts';

const passphrase = 'correct-horse';
const stateParameters = ['rancher.state.dev=LABEL=RANCHER_STATE', 'rancher.state.mdadm_scan', 'rancher.state.cryptsetup', 'rancher.state.lvm_scan'];

/** All layers at once: what each of them needs of the image is needed here, and two boots are enough. */
test('RAID1 with one disk missing, LUKS on it, LVM in that: made in the recovery shell, taken at the next boot with a passphrase: a wrong one on the serial console, then the right one on the keyboard', async () => {
  const disks = ['raid-a', 'raid-b'].map((name) => diskFile(freshDisk(name)));
  for (const disk of disks) execFileSync('truncate', ['-s', '512M', disk]);
  {
    await using maker = await bootMetal('metal-maker', disks, ['rancher.recovery=true']);
    await maker.see(/This is the recovery shell/, 90_000);
    await maker.do(`mdadm --create /dev/md0 --run --level=1 --metadata=1.2 --raid-devices=2 /dev/vdb /dev/vdc`);
    await maker.do(`printf ${passphrase} | cryptsetup luksFormat --batch-mode --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file - /dev/md0`);
    await maker.do(`printf ${passphrase} | cryptsetup open --key-file - /dev/md0 made`);
    await maker.do('lvm pvcreate /dev/mapper/made && lvm vgcreate vg /dev/mapper/made');
    await maker.do('lvm lvcreate -l 100%FREE -n state vg'); // would wait for udev for ever, but for our lvm.conf
    await maker.do('mke2fs -q -t ext4 -L RANCHER_STATE /dev/mapper/vg-state && mount /dev/mapper/vg-state /mnt && umount /mnt && sync'); // not busybox's
    await maker.do('lvm vgchange -an vg; cryptsetup close made; mdadm --stop /dev/md0');
  }
  await using taker = await bootMetal('metal-taker', disks.slice(0, 1), stateParameters);
  await taker.see(/Passphrase for \/dev\/md\d+: /, 120_000);
  await taker.enter('wrong');
  const { index: refused } = await taker.see(/That is not its passphrase/, 60_000);
  await taker.see(/Passphrase for \/dev\/md\d+: /, 60_000, refused);
  await typeOnKeyboard(taker.vm, `${passphrase}\n`);
  const { index } = await taker.see(/state: on (\/dev\/(?:mapper\/vg-state|dm-\d+|vg\/state))/, 60_000);
  expect(taker.vm.console.text.slice(0, index)).toMatch(/RAID array md\d+ \(raid1\) is degraded: 1 of its 2 disks/);
  expect(taker.vm.console.text).not.toContain(passphrase);
});
