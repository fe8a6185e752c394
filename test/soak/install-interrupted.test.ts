/** Too long for every run (`make soak`): an installation that loses its power ten times (ROUNDS=n), at a random moment of each step in turn, and is begun again each time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { wholeNumber } from '../../scripts/qemu-settings.ts';
import { diskFile, freshDisk, Machine } from '../lib/machine.ts';
import { disksLeftAlone, firmware, medium, startFrom } from '../lib/media.ts';
import { expectCleanConsole, showConsoleOnFailure } from '../lib/watch.ts';

const rounds = wholeNumber('ROUNDS', 10); // `make` passes an unset one on as an empty one
/** By time alone most would be in the first, which takes half of it. */
const steps = ['check the medium', 'erase what was there', 'write the system', 'write the boot partition', 'make the state partition', 'read back', 'write the partition table'];
const longestMs = 4_000;

let machine: Machine | undefined;
showConsoleOnFailure(() => machine);
afterAll(async () => { await machine?.kill(); });

async function fromIso(disk: string): Promise<Machine> {
  // A cut after the very last step leaves a disk that would be in use.
  machine = await Machine.start({ name: 'soak-install', disk, menuKeys: disksLeftAlone, config: 'hostname: whole\n', memoryMb: 1024, change: startFrom({ firmware: firmware('bios', 'soak-install'), drive: { file: medium('iso'), format: 'raw', bus: 'cd' } }) });
  await machine.waitForSsh();
  expect(await machine.ok('cat /proc/cmdline')).toContain(' rancher.state.dev=none');
  return machine;
}

test(`ros install, interrupted ${rounds} times, then whole`, async () => {
  const disk = freshDisk('soak-install');
  for (let round = 1; round <= rounds; round += 1) {
    const cd = await fromIso(disk);
    const mark = cd.console.mark();
    let answer = 'none';
    void cd.run('sudo ros install -d /dev/vda -f --no-reboot').then(({ code, stderr }) => { answer = `${code}: ${stderr.trim()}`; }, () => undefined);
    const step = steps[(round - 1) % steps.length] ?? '';
    const said = (): (string | undefined)[] => [...cd.console.text.slice(mark).matchAll(/install: (.*)/g)].map(([, words]) => words?.trim());
    await cd.until(`the installation to ${step}`, 240_000, () => Promise.resolve(said().includes(step) || answer !== 'none' || said().join(', ')));
    expect(said(), `an end before the cut: ${answer}`).toContain(step);
    const afterMs = Math.round(Math.random() * longestMs);
    await sleep(afterMs);
    const last = said().at(-1);
    await cd.kill();
    console.log(`cut ${round}: ${afterMs} ms into "${step}"; last said: ${last ?? ''}`);
  }
  {
    const cd = await fromIso(disk);
    await cd.ok('sudo ros install -d /dev/vda -f --no-reboot', { timeoutMs: 600_000 });
    await cd.powerOff();
    expectCleanConsole(cd);
  }
  machine = await Machine.start({ name: 'soak-installed', rawConfig: false, change: startFrom({ firmware: firmware('uefi', 'soak-installed'), drive: { file: diskFile(disk), format: 'raw', bus: 'nvme', cache: 'unsafe' } }) });
  await machine.waitForBoot();
  expect(await machine.ok('hostname')).toBe('whole');
  expect(await machine.ok('sudo nsenter -t 1 -m findmnt -no LABEL /state')).toBe('RANCHER_STATE');
  expectCleanConsole(machine);
}, 3_600_000);
