/**
 * What dies comes back by itself within 30 s, and nothing else is restarted on the way: no system container, and not the
 * user's. Under emulation the 30 s are stretched (test/lib/timing.ts); every time is printed.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeTinyImage, notWell, pidOf, processes, systemContainers, systemServices, type Daemon, type SystemContainer } from '../lib/guest.ts';
import { freshDisk, Machine } from '../lib/machine.ts';
import { cases, soakTest } from '../lib/thorough.ts';
import { expectCleanConsole, showConsoleOnFailure } from '../lib/watch.ts';

const backWithinMs = 30_000;
let machine: Machine;
let bootId: string;
showConsoleOnFailure(() => machine);

beforeAll(async () => {
  // Its configuration comes on a FAT drive; the other suites have it on a CD.
  machine = await Machine.start({ name: 'faults', disk: freshDisk('faults'), configDrive: 'vfat' });
  await machine.waitForBoot();
  bootId = await machine.ok('cat /proc/sys/kernel/random/boot_id');
  await makeTinyImage(machine);
  await machine.ok('docker run -d --name steady --restart always tiny sleep 1000000', { timeoutMs: machine.limit(30_000) });
});
afterAll(async () => { await machine?.kill(); });

/** What a daemon's death may restart besides itself: nothing, but for a container whose main process it is. */
const daemons: readonly { readonly daemon: Daemon; readonly mayRestart: readonly string[]; readonly works: () => Promise<boolean> }[] = [
  { daemon: 'supervisor', mayRestart: [], works: () => succeeds('sudo ros service list') },
  { daemon: 'system dockerd', mayRestart: [], works: () => succeeds('sudo system-docker version') },
  { daemon: 'containerd of system dockerd', mayRestart: [], works: () => succeeds('sudo system-docker exec acpid sh -c :') },
  { daemon: 'user dockerd', mayRestart: [], works: () => succeeds('docker version') },
  { daemon: 'containerd of user dockerd', mayRestart: [], works: () => succeeds('docker exec steady true') },
  { daemon: 'sshd', mayRestart: ['console'], works: newLogin },
];

describe.each(daemons)('kill -9 of $daemon', ({ daemon, mayRestart, works }) => {
  test('is mended, and nothing else was restarted', async () => {
    const before = await systemContainers(machine);
    const steady = await usersContainer();
    const old = pidOf(daemon, await processes(machine));
    expect(old, `a process that is ${daemon}`).toBeDefined();
    await killHard(old ?? 0);
    await measured(daemon, async () => {
      const now = pidOf(daemon, await processes(machine));
      return now !== undefined && now !== old && await works();
    });
    await settled();
    expect(others(await systemContainers(machine), mayRestart)).toEqual(others(before, mayRestart));
    expect(await usersContainer()).toBe(steady);
    await sameBoot();
  });
});

type Service = (typeof systemServices)[number];
/** The others are watched like the syslog. */
const containers = cases<Service>(['console', 'docker', 'network', 'syslog'], ['acpid', 'ntp', 'udev']);

describe.each(containers.map((service) => ({ service })))('kill -9 of the system container $service', ({ service }) => {
  test('is mended, and no other container was restarted', async () => {
    const before = await systemContainers(machine);
    const old = before.find(({ name }) => name === service);
    expect(old, `a running container ${service}`).toBeDefined();
    await killHard(old?.pid ?? 0);
    if (service === 'console') {
      machine.ssh.disconnect();
      await machine.waitForSsh(backWithinMs);
    }
    await measured(service, async () => {
      const now = (await systemContainers(machine)).find(({ name }) => name === service);
      const restarted = now !== undefined && (now.id !== old?.id || now.startedAt !== old.startedAt);
      return restarted && (service !== 'docker' || await succeeds('docker exec steady true'));
    });
    await settled();
    expect(others(await systemContainers(machine), [service])).toEqual(others(before, [service]));
    await sameBoot();
  });
});

test('kill -9 of the shim that the small system containers share is mended, and neither the console nor the user plane was restarted', async () => {
  const before = await systemContainers(machine);
  const small = before.filter(({ name }) => name !== 'console' && name !== 'docker');
  const shims = await Promise.all(small.map(shimOf));
  expect(new Set(shims), 'one shim for all of them').toEqual(new Set([shims[0]]));
  const old = shims[0];
  expect(old, 'a shim').toBeGreaterThan(1);
  const steady = await usersContainer();
  await machine.ok(`sudo kill -9 ${old}`);
  await measured('the small ones', async () => {
    const now = await systemContainers(machine);
    return small.every((was) => now.some(({ name, startedAt }) => name === was.name && startedAt !== was.startedAt));
  });
  await settled();
  const names = small.map(({ name }) => name);
  expect(others(await systemContainers(machine), names)).toEqual(others(before, names));
  expect(await usersContainer()).toBe(steady);
  await sameBoot();
});

test('kill -STOP of the supervisor is noticed by its silence: it is replaced, and no container was restarted', async () => {
  const before = await systemContainers(machine);
  const old = pidOf('supervisor', await processes(machine));
  await machine.ok(`sudo kill -STOP ${old}`);
  // 15 s of silence by design, by the wall clock; then as after a kill.
  await measured('stopped supervisor', async () => {
    const now = pidOf('supervisor', await processes(machine));
    return now !== undefined && now !== old && await succeeds('sudo ros service list');
  }, machine.limit(backWithinMs) + 15_000);
  await settled();
  expect(await systemContainers(machine)).toEqual(before);
  await sameBoot();
});

soakTest('a System Docker that hangs (kill -STOP) is noticed and replaced, and no container was restarted', async () => {
  const before = await systemContainers(machine);
  const old = pidOf('system dockerd', await processes(machine));
  await machine.ok(`sudo kill -STOP ${old}`);
  // Three pings in a row, 15 s each, 10 s apart: by the wall clock; then as after a kill.
  await measured('stopped system dockerd', async () => {
    const now = pidOf('system dockerd', await processes(machine));
    return now !== undefined && now !== old && await succeeds('sudo timeout 10 system-docker version');
  }, machine.limit(backWithinMs) + 75_000);
  await settled();
  expect(await systemContainers(machine)).toEqual(before);
  await sameBoot();
});

test('500 orphans leave no zombie', async () => {
  // Each shell ends at once and leaves a child behind, which ends a little later as somebody else's.
  await machine.ok('for n in $(seq 500); do (sleep 2 &) ; done > /dev/null 2>&1 < /dev/null');
  await machine.until('all orphans and zombies to be gone', machine.limit(20_000), async () => {
    const all = await processes(machine);
    return all.every(({ state, command }) => state !== 'Z' && command !== 'sleep 2');
  });
});

test('orphans of the init itself are reaped too', async () => {
  // A container that is killed with its shim leaves its processes to PID 1.
  await machine.ok('sudo system-docker run -d --rm --name orphan-maker --network none --entrypoint sh "$(sudo system-docker inspect --format "{{.Image}}" console)" -c "sleep 600 & sleep 600"');
  const shim = (await processes(machine)).find(({ command }) => /containerd-shim.*orphan-maker/.test(command))?.pid
    ?? await shimOf((await systemContainers(machine)).find(({ name }) => name === 'orphan-maker'));
  await machine.ok(`sudo kill -9 ${shim}`);
  await machine.until('the container without its shim to be gone', machine.limit(30_000), async () =>
    !(await systemContainers(machine)).some(({ name }) => name === 'orphan-maker'));
  await machine.until('no zombie to be left', machine.limit(20_000), async () => (await processes(machine)).every(({ state }) => state !== 'Z'));
});

test('the console has seen no crash', () => { expectCleanConsole(machine); });

async function killHard(pid: number): Promise<void> {
  // The connection may die with what is killed.
  await machine.run(`sudo kill -9 ${pid}`).catch(() => undefined);
}

async function measured(what: string, isBack: () => Promise<boolean>, limitMs = machine.limit(backWithinMs)): Promise<void> {
  const took = await machine.until(`${what} to be back`, limitMs, isBack);
  console.log(`${what}: back after ${(took / 1000).toFixed(1)} s (${machine.vm.accel.kind})`);
}

/** Until every service is well again, so that one fault's aftermath is not the next one's. */
async function settled(): Promise<void> {
  await machine.until('every service to be well', machine.limit(backWithinMs), async () => (await notWell(machine)).length === 0);
}

/** By StartedAt and id; the process ids tell it a second time. */
function others(all: readonly SystemContainer[], except: readonly string[]): SystemContainer[] {
  return all.filter(({ name }) => !except.includes(name));
}

/** The container of the user's that runs all the time; what it was started as, and when. */
async function usersContainer(): Promise<string> {
  return machine.ok('docker inspect --format "{{.Id}} {{.State.Pid}} {{.State.StartedAt}}" steady');
}

async function sameBoot(): Promise<void> {
  expect(await machine.ok('cat /proc/sys/kernel/random/boot_id')).toBe(bootId);
}

async function succeeds(command: string): Promise<boolean> {
  return (await machine.run(command)).code === 0;
}

/** By a new connection: the one that is open does not need the listener. */
async function newLogin(): Promise<boolean> {
  machine.ssh.disconnect();
  return succeeds('true');
}

async function shimOf(container: SystemContainer | undefined): Promise<number | undefined> {
  return (await processes(machine)).find(({ pid }) => pid === container?.pid)?.parent;
}
