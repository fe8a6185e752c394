/**
 * What people start the system from, started by a real firmware. Three machines go up to a login; where only the medium, the
 * firmware or the bus is another one, the machine ends as soon as its root image is in place.
 */
import { createReadStream, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bootParameters } from '../../src/api/schemas.ts';
import type { MachineStatus } from '../../src/api/types.ts';
import { webAddress, type Bus, type Firmware } from '../../scripts/qemu-args.ts';
import { corralMachine } from '../../scripts/qemu-corral.ts';
import { Vm } from '../../scripts/qemu.ts';
import { diskFile, freshDisk, Machine, testDir, type MachineOptions } from '../lib/machine.ts';
import { damageBootFile, diskOf, firmware, medium, releaseOf, startFrom, unpack } from '../lib/media.ts';
import { cases, soakDescribe } from '../lib/thorough.ts';
import { expectCleanConsole, showConsoleOnFailure } from '../lib/watch.ts';
import { startWebServer } from '../lib/web-server.ts';

let machine: Machine | undefined;
showConsoleOnFailure(() => machine);

async function start(options: MachineOptions): Promise<Machine> {
  machine = await Machine.start(options);
  return machine;
}

async function timeToSsh(what: string, booted: Machine): Promise<void> {
  await booted.waitForSsh();
  console.log(`${what}: ${((Date.now() - booted.vm.startedAt) / 1000).toFixed(1)} s from power-on to ssh (${booted.vm.accel.kind})`);
}

/** The shim's word that it has the root image that the boot entry means. */
const rootImage = /root image: .*verified/;

async function reachesRootImage(booted: Machine): Promise<void> {
  await booted.waitForConsole(rootImage, 30_000, 'the root image');
}

describe('the ISO', () => {
  test('starts as a CD under BIOS, up to a login, and installs to a disk, which then starts by itself under UEFI, configured the same', async () => {
    const disk = freshDisk('installed');
    {
      // As little memory as it takes. The disk has never been used: nothing on it is asked about, and nothing of it is mounted.
      await using cd = await start({ name: 'iso-install', disk, config: 'hostname: settled\n', memoryMb: 512, change: startFrom({ firmware: firmware('bios', 'iso-install'), drive: { file: medium('iso'), format: 'raw', bus: 'cd' } }) });
      await timeToSsh('ISO as a CD', cd);
      await cd.waitForBoot();
      expect(await cd.ok('cat /proc/cmdline')).toContain(`corral.roothash=${releaseOf(medium('iso')).rootHash}`);
      expect(await cd.ok('sudo nsenter -t 1 -m sh -c "sfdisk --version; cryptsetup --version; lvm version; mdadm --version 2>&1"')).toMatch(/util-linux[^]*cryptsetup[^]*LVM[^]*mdadm/);
      const slow = { timeoutMs: cd.limit(120_000) };
      expect((await cd.run('sudo ros install -d /dev/vda', slow)).code, 'without a terminal or -f').toBe(2);
      const wrong = await cd.run('sudo ros install -d /dev/vdx -f', slow);
      expect(`${wrong.code} ${wrong.stderr}`).toMatch(/^1 .*cannot .*"\/dev\/vdx"/);
      expect(await cd.ok('sudo ros install -d /dev/vda --plan', slow)).toMatch(/\/dev\/vda/);
      const begin = Date.now();
      const said = await cd.ok('sudo ros install -d /dev/vda -f --no-reboot --append corral.test=kept --json', slow);
      const last = JSON.parse(said.split('\n').at(-1) ?? '') as { kind: string; result?: { bytesWritten?: number } };
      console.log(`ros install: ${((Date.now() - begin) / 1000).toFixed(1)} s; ${JSON.stringify(last)}`);
      expect(last.kind).toBe('done');
      const again = await cd.run('sudo ros install -d /dev/vda --plan', slow);
      expect(`${again.code} ${again.stdout}${again.stderr}`, 'now with a system on it').toMatch(/^1 [^]*on it now +\/dev\/vda .* a GPT partition table[^]*\/dev\/vda5 .*ext4.* labelled "RANCHER_STATE"/);
      expect(`${again.stdout}${again.stderr}`, 'it is this disk\'s own').not.toContain('take that disk out');
      // The name is RancherOS's.
      expect(await cd.ok('sudo ros config syslinux --json')).toContain('"corral.test=kept"');
      expect((await cd.run('sudo ros config syslinux --set "corral.test=kept corral.later=\\"x"')).stderr).toContain('cannot take kernel parameter');
      expect((await cd.run('sudo ros config syslinux --set "corral.test=kept corral.later=yes rancher.dbug=1"')).stderr).toMatch(/rancher\.dbug: unknown key[^]*from the next start/);
      await cd.powerOff();
      expectCleanConsole(cd);
    }
    await using installed = await start({ name: 'installed', rawConfig: false, change: startFrom({ firmware: firmware('uefi', 'installed'), drive: { file: diskFile(disk), format: 'raw', bus: 'nvme', cache: 'unsafe' } }) });
    await timeToSsh('installed disk', installed);
    expect(await installed.ok('hostname')).toBe('settled');
    expect(await installed.ok('cat /proc/cmdline')).toMatch(/corral\.roothash=[0-9a-f]{64}.* corral\.test=kept corral\.later=yes/);
    expect(JSON.parse(await installed.ok('sudo ros config syslinux --json'))).toMatchObject({ device: '/dev/nvme0n1p2', parameters: ['corral.test=kept', 'corral.later=yes', 'rancher.dbug=1'] });
    expect(bootParameters.safeParse(JSON.parse(await installed.ok('sudo ros api /v1/boot/parameters'))).error?.issues).toBeUndefined();
    expect((await installed.run('sudo ros install -d /dev/nvme0n1 -f --plan', { timeoutMs: installed.limit(60_000) })).stderr).toMatch(/"\/dev\/nvme0n1p5" is mounted on "\/state"[^]*hint: .*rancher\.state\.dev=none/);
    const { state } = JSON.parse(await installed.ok('sudo ros status --json')) as MachineStatus;
    expect(state).toMatchObject({ kind: 'disk', device: '/dev/nvme0n1p5' });
    expectCleanConsole(installed);
  });

  test.each(cases<[Firmware['kind'], Bus]>([['secure-boot', 'cd']], [['uefi', 'usb'], ['bios', 'usb']]))('starts under %s from %s', async (kind, bus) => {
    const name = `iso-${kind}-${bus}`;
    await using booted = await start({ name, net: 'none', change: startFrom({ firmware: firmware(kind, name), drive: { file: medium('iso'), format: 'raw', readOnly: true, bus } }) });
    await reachesRootImage(booted);
    expect(booted.console.text.includes('Secure boot enabled')).toBe(kind === 'secure-boot');
    expectCleanConsole(booted);
  });
});

soakDescribe('the network', () => {
  test('starts a machine without a disk, by TFTP', async () => {
    await using diskless = await start({ name: 'pxe-tftp', net: 'restrict', change: startFrom({ firmware: firmware('bios', 'pxe-tftp'), netBoot: { folder: medium('pxe'), file: 'script.ipxe' } }) });
    await reachesRootImage(diskless);
    expectCleanConsole(diskless);
  });

  test('starts one by HTTP under UEFI, with the same script', async () => {
    const web = await startWebServer();
    try {
      for (const name of readdirSync(medium('pxe'))) {
        const file = join(medium('pxe'), name);
        web.answers.set(`/set/${name}`, (_, response) => { createReadStream(file).pipe(response.setHeader('content-length', statSync(file).size)); });
      }
      const netBoot = { folder: medium('pxe'), file: `http://${webAddress}/set/script.ipxe`, webPort: Number(new URL(web.url).port) };
      await using diskless = await start({ name: 'pxe-http', change: startFrom({ firmware: firmware('uefi', 'pxe-http'), netBoot }) });
      await reachesRootImage(diskless);
      expect(web.asked).toEqual(['/set/script.ipxe', '/set/vmlinuz', '/set/initramfs.img']);
      expectCleanConsole(diskless);
    } finally {
      await web.close();
    }
  });
});

soakDescribe('disk images', () => {
  test('start with Secure Boot enforced, up to a login with the state on the disk', async () => {
    await using disk = await start({ name: 'disk-secure-boot', change: startFrom({ firmware: firmware('secure-boot', 'disk-secure-boot'), drive: await diskOf('qcow2', 'virtio') }) });
    await timeToSsh('disk under Secure Boot', disk);
    expect(disk.console.text).toContain('Secure boot enabled');
    expect(await disk.ok('sudo nsenter -t 1 -m cat /sys/kernel/security/lockdown')).toContain('[integrity]');
    expect(await disk.ok('sudo nsenter -t 1 -m findmnt -no LABEL /state')).toBe('RANCHER_STATE');
    await disk.waitForBoot(); // until then nobody may listen to the power button
    await disk.powerOff();
    expectCleanConsole(disk);
  });

  test('do not start under Secure Boot with another kernel than the signed one', async () => {
    const file = await unpack('raw');
    damageBootFile(file, '/corral/a/vmlinuz');
    const change = startFrom({ firmware: firmware('secure-boot', 'disk-unsigned'), drive: { file, format: 'raw', cache: 'unsafe' } });
    const vm = await Vm.start(change(corralMachine({ net: 'none', noReboot: true })), join(testDir, 'disk-unsigned.console.log'));
    try {
      await vm.console.waitFor(/bad shim signature/, 60_000, 'GRUB\'s refusal');
      expect(vm.console.text).not.toContain('Linux version');
    } finally {
      await vm.kill();
    }
  });

  test.each([['vmdk', 'bios', 'ahci'], ['raw', 'uefi', 'nvme'], ['vhd', 'bios', 'scsi'], ['cloud', 'bios', 'virtio']] satisfies [string, Firmware['kind'], Bus][])('%s starts under %s from %s', async (format, kind, bus) => {
    await using disk = await start({ name: `disk-${format}`, net: 'none', change: startFrom({ firmware: firmware(kind, `disk-${format}`), drive: await diskOf(format, bus) }) });
    await reachesRootImage(disk);
    expectCleanConsole(disk);
  });
});
