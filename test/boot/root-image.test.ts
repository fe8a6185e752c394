/**
 * What is booted is what was built: a root image that does not match the root hash of the boot entry is told by name and not
 * mounted, a byte that has changed in it is an error and never other data, and a boot medium holds the image in a file.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, linkSync, mkdirSync, openSync, readFileSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { image } from '../../scripts/qemu-corral.ts';
import { copySparse } from '../../scripts/qemu-host.ts';
import type { AuditReport, MachineStatus } from '../../src/api/types.ts';
import { Machine, testDir, type MachineOptions } from '../lib/machine.ts';
import { cases, soakDescribe, soakTest } from '../lib/thorough.ts';
import { expectCleanConsole, showConsoleOnFailure } from '../lib/watch.ts';

const rootHash = readFileSync('build/root.roothash', 'latin1').trim();
const copy = join(testDir, 'root-image.img');
const nameAt = (): number => Math.ceil(superblock().bytesUsed / 4096) * 4096;
let machine: Machine | undefined;
showConsoleOnFailure(() => machine);
afterAll(() => { rmSync(copy, { force: true }); });

/** A boot that is not meant to come far. */
async function start(options: Omit<MachineOptions, 'name'>): Promise<Machine> {
  machine = await Machine.start({ name: 'root-image', net: 'none', rawConfig: false, ...options, append: ['corral.rootwait=2', ...(options.append as readonly string[] | undefined ?? [])] });
  return machine;
}

function read(at: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  const fd = openSync(image.root, 'r');
  readSync(fd, buffer, 0, bytes, at);
  closeSync(fd);
  return buffer;
}

function superblock(): { readonly bytesUsed: number; readonly inodesAt: number; readonly foldersAt: number } {
  const block = read(0, 96);
  return { bytesUsed: Number(block.readBigUInt64LE(40)), inodesAt: Number(block.readBigUInt64LE(64)), foldersAt: Number(block.readBigUInt64LE(72)) };
}

/** Where the data of a file begins: its inode is the one with its size, three numbers after that place. */
function placeOf(file: string): number {
  const { inodesAt, foldersAt } = superblock();
  const inodes: Buffer[] = [];
  for (let at = inodesAt; at < foldersAt;) {
    const header = read(at, 2).readUInt16LE(0);
    const bytes = header & 0x7fff;
    const block = read(at + 2, bytes);
    inodes.push((header & 0x8000) === 0 ? zstdDecompressSync(block) : block);
    at += 2 + bytes;
  }
  const all = Buffer.concat(inodes);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(statSync(file).size);
  const found = all.indexOf(size);
  if (found < 12 || all.indexOf(size, found + 1) !== -1) throw new Error(`cannot tell the inode of ${file} by its size`);
  return all.readUInt32LE(found - 12);
}

function flip(at: number): void {
  const fd = openSync(copy, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 1;
  writeSync(fd, byte, 0, 1, at);
  closeSync(fd);
}

describe('a root image that is not the one of the boot entry', () => {
  beforeAll(() => { mkdirSync(testDir, { recursive: true }); });

  /** All of them end in the rescue shell, which works. */
  async function expectRescue(options: Omit<MachineOptions, 'name'>, said: RegExp): Promise<string> {
    await using broken = await start(options);
    await broken.waitForConsole(said, 20_000, 'why the image is not taken');
    await broken.waitForConsole(/init: here is a shell, leave it to search again/, 20_000, 'the rescue shell');
    await broken.waitForConsole(/^~ # /m, 10_000, 'the prompt of the rescue shell');
    const typed = broken.console.mark();
    broken.vm.type('echo 6 times 7 is $((6 * 7))\n');
    await broken.waitForConsole(/6 times 7 is 42/, 10_000, 'the answer of the rescue shell', typed);
    expect(broken.console.text).not.toContain('init: root image:');
    expectCleanConsole(broken);
    return broken.console.text;
  }

  test.each(cases([['another image', 'f'.repeat(64)]], [['a root hash that is none', rootHash.slice(1)]]))('%s: the device and the reason are named', async (_, wanted) => {
    await expectRescue({ rootHash: wanted }, /\/dev\/vda: CORRAL_ROOT, but not the image that the boot entry was made for/);
  });

  soakTest('one that only claims to be it: the kernel finds out', async () => {
    const other = 'f'.repeat(64);
    copySparse(image.root, copy);
    const fd = openSync(copy, 'r+');
    writeSync(fd, other, nameAt() + 16);
    closeSync(fd);
    const text = await expectRescue({ root: copy, rootHash: other }, /cannot find the root image .*: \/dev\/vda is corrupt: it does not match corral\.roothash/);
    expect(text).toMatch(/device-mapper: verity: \d+:\d+: metadata block \d+ is corrupted/);
  });

  test('a flipped byte in the superblock', async () => {
    copySparse(image.root, copy);
    flip(8); // the time it was made: nothing else would notice
    const text = await expectRescue({ root: copy }, /cannot find the root image .*: \/dev\/vda is corrupt: it does not match corral\.roothash/);
    expect(text).toMatch(/device-mapper: verity: \d+:\d+: data block 0 is corrupted/);
  });

  soakTest('a second device with the same image stands in for a corrupt one', async () => {
    copySparse(image.root, copy);
    flip(8);
    await using both = await start({ root: copy, extra: ['-drive', `file=${image.root},format=raw,if=none,id=second,readonly=on`, '-device', 'virtio-blk-pci,drive=second'] });
    await both.waitForConsole(/device-mapper: verity: \d+:\d+: data block 0 is corrupted/, 20_000, 'the kernel\'s word');
    await both.waitForConsole(/init: root image: \/dev\/vdb, verified/, 10_000, 'the root image');
  });
});

soakTest('a flipped byte in a program: running it fails, and login, log, status and audit say why', async () => {
  copySparse(image.root, copy);
  flip(placeOf('build/work/root/usr/bin/docker') + 8192); // the client: no boot needs it
  await using damaged = await Machine.start({ name: 'root-image', root: copy });
  machine = damaged;
  await damaged.waitForBoot();
  expect(await damaged.ok('sudo ros audit --json || true').then((text) => (JSON.parse(text) as AuditReport).checks.find(({ id }) => id === 'root.verified'))).toMatchObject({ result: 'pass' });

  const { code, stdout, stderr } = await damaged.run('docker --version || exit'); // a shell that is still there says what has become of it
  expect(code).not.toBe(0);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/Input\/output error|Bus error/);
  await damaged.waitForConsole(/device-mapper: verity: \d+:\d+: data block \d+ is corrupted/, 5_000, 'the kernel\'s word');
  await damaged.waitForConsole(/root image: data block \d+ on vda is corrupted: what it holds cannot be read/, 60_000, 'the supervisor\'s word');
  const status = JSON.parse(await damaged.ok('sudo ros status --json')) as MachineStatus;
  expect(status.warnings).toContainEqual(expect.stringMatching(/^The root image on vda is corrupt: a block of it cannot be read/));
  expect(await damaged.ssh.login()).toMatch(/! The root image on vda is corrupt/);
  expect(await damaged.ok('sudo ros audit --json || true').then((text) => (JSON.parse(text) as AuditReport).checks.find(({ id }) => id === 'root.verified'))).toMatchObject({ result: 'fail' });
  await damaged.powerOff();
});

soakDescribe('a boot medium', () => {
  const folder = join(testDir, 'medium');
  const iso = join(testDir, 'medium.iso');
  const cd = ['-drive', `file=${iso},format=raw,if=none,id=medium,media=cdrom,readonly=on`, '-device', 'ide-cd,drive=medium,id=cd'];

  beforeAll(() => {
    mkdirSync(join(folder, 'corral'), { recursive: true });
    rmSync(join(folder, 'corral/root.img'), { force: true });
    linkSync(image.root, join(folder, 'corral/root.img'));
    execFileSync('genisoimage', ['-quiet', '-rational-rock', '-V', 'RancherOS', '-o', iso, folder], { stdio: ['ignore', 'ignore', 'pipe'] });
  });
  afterAll(() => {
    rmSync(iso, { force: true });
    rmSync(folder, { recursive: true, force: true });
  });

  test('gives the image from its file, and stays mounted', async () => {
    await using booted = await start({ root: false, extra: cd });
    await booted.waitForConsole(/init: boot medium: \/dev\/sr0/, 20_000, 'the medium');
    await booted.waitForConsole(/init: root image: \/dev\/loop0, verified by its root hash/, 10_000, 'the root image');
    await booted.waitForConsole(/ros: supervisor: CorralOS .* takes over/, 30_000, 'the supervisor');
    expectCleanConsole(booted);
  });

  test('with corral.toram can be removed at once; a disk with the same image is left alone', async () => {
    await using booted = await start({ extra: cd, append: ['corral.root=medium', 'corral.toram'] });
    await booted.waitForConsole(/the root image is in memory, the medium can be removed/, 30_000, 'the copy in memory');
    await booted.waitForConsole(/init: root image: \/dev\/loop0, verified/, 10_000, 'the root image');
    await (await booted.vm.qmp()).execute('eject', { id: 'cd', force: true });
    await booted.waitForConsole(/ros: supervisor: CorralOS .* takes over/, 30_000, 'the supervisor');
    expectCleanConsole(booted);
  });

  test('with another image is told apart', async () => {
    await using booted = await start({ root: false, extra: cd, rootHash: 'f'.repeat(64) });
    await booted.waitForConsole(/\/dev\/sr0: ISO 9660, \/corral\/root\.img: CORRAL_ROOT, but not the image that the boot entry was made for/, 20_000, 'why it is not taken');
  });
});

soakTest('without a root hash any image with the name boots, unverified, and says so', async () => {
  await using plain = await start({ rootHash: false });
  await plain.waitForConsole(/init: root image: \/dev\/vda, not verified/, 20_000, 'the root image');
});

test('the hash beside the image is the one in it', () => {
  expect(read(nameAt(), 80).toString('latin1')).toBe(`CORRAL_ROOT\0\0\0\0\0${rootHash}`);
});
