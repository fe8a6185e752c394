/**
 * The power goes during the very first boot, at moments chosen by what the machine is doing; the next boot is whole. QEMU
 * is killed: what the machine had in memory is lost, what it had written to the disk is there.
 */
import { readFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import type { MachineStatus } from '../../src/api/types.ts';
import { sleep } from '../../scripts/qemu-ssh.ts';
import { makeTinyImage, notWell, systemContainers, systemServices } from '../lib/guest.ts';
import { diskProblems, freshDisk, Machine } from '../lib/machine.ts';
import { expectCleanConsole, showConsoleOnFailure } from '../lib/watch.ts';

interface Moment {
  readonly name: string;
  readonly seen: RegExp;
  /** How long after that was on the console, in ms as it would be natively. */
  readonly laterMs: number;
}

/** In the order of a boot: each finds what the cuts before it have left. */
const moments: readonly Moment[] = [
  { name: 'while the disk is formatted', seen: /state: formatting blank disk/, laterMs: 0 },
  { name: 'as soon as the disk is in use, while the images are attached', seen: /state: on \/dev/, laterMs: 0 },
  { name: 'as soon as the images are attached', seen: /system-images: \d+ attached/, laterMs: 0 },
  { name: 'as soon as System Docker is up', seen: /phase system-docker .*: done/, laterMs: 0 },
  { name: 'while the services start', seen: /service\[console\]\(starting\)/, laterMs: 500 },
  { name: 'when User Docker has just come up', seen: /service\[ntp\]\(starting\)/, laterMs: 1000 },
];

let machine: Machine | undefined;
showConsoleOnFailure(() => machine);
afterAll(async () => { await machine?.kill(); });

test('cut several times in a row, each time later: the next boot is whole', async () => {
  const disk = freshDisk('powercut-series');
  for (const moment of moments) await bootAndCut(disk, moment);
  await expectWholeBoot(disk, { damaged: true });
});

/** What the engines write without waiting for the disk, at its worst: containers' layers emptied, pages of build caches' databases lost. */
const damage = `
for engine in system-docker user-docker; do
  cd /state/var/lib/$engine
  for file in overlay2/*/link overlay2/*/lower; do [ ! -f $file ] || [ -L \${file%/*}/diff ] || : >$file; done
  dd if=/dev/zero of=buildkit/cache.db bs=4096 seek=2 count=50 conv=notrunc
done
: >/state/var/lib/system-docker/image/overlay2/repositories.json
sync`;

test('files of the engines that a cut leaves empty or in pieces: the next boot is whole', async () => {
  // Each dockerd ends twice before its build cache is set aside.
  await expectWholeBoot('powercut-series', { nativeMs: 150_000 });
});

async function bootAndCut(disk: string, { name, seen, laterMs }: Moment): Promise<void> {
  await using victim = await Machine.start({ name: `${disk}-cut`, disk });
  machine = victim;
  await victim.waitForConsole(seen, 90_000, `the moment of the cut (${name})`);
  await sleep(victim.limit(laterMs));
  expectCleanConsole(victim);
}

/** `damaged`: what comes next is a boot from files in pieces. */
async function expectWholeBoot(disk: string, { nativeMs = 90_000, damaged = false } = {}): Promise<void> {
  await using after = await Machine.start({ name: `${disk}-after`, disk });
  machine = after;
  await after.waitForBoot(nativeMs);
  expect(await notWell(after)).toEqual([]);
  expect((await systemContainers(after)).map(({ name }) => name)).toEqual(expect.arrayContaining([...systemServices]));
  expect(await systemImages(after)).toEqual(shippedImages());
  expect((JSON.parse(await after.ok('sudo ros status --json')) as MachineStatus).state.kind).toBe('disk');
  await makeTinyImage(after);
  expect(await after.ok('docker run --rm tiny echo works', { timeoutMs: after.limit(30_000) })).toBe('works');
  if (damaged) {
    await after.ok('sudo sh -es', { input: damage });
  } else {
    await after.powerOff();
    expect(diskProblems(disk)).toBe('');
  }
  expectCleanConsole(after);
}

async function systemImages(of: Machine): Promise<string[]> {
  return (await of.ok('sudo system-docker images --format "{{.Repository}}:{{.Tag}}"')).split('\n').sort();
}

/** Of the services that run and of those that only wait to be enabled. */
function shippedImages(): string[] {
  const { images } = JSON.parse(readFileSync('build/work/root/usr/share/ros/images/system.json', 'utf8')) as { images: Readonly<Record<string, unknown>> };
  return Object.keys(images).sort();
}
