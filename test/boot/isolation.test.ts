/**
 * Root in a user container is nobody on the machine. One machine: the attempts of test/attacks/table.ts from a container with every privilege, each shown
 * to be a real one by System Docker, which is plain Docker; what only Docker's own options or a stage can try; a storm that takes all there is.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureHostTools } from '../../scripts/lib/host-tools.ts';
import { openDisk } from '../../scripts/qemu-host.ts';
import type { AuditReport } from '../../src/api/types.ts';
import { attacks } from '../attacks/table.ts';
import { attackFrom, attackImage, compileAttack, everything, image, table, type Outcome } from '../lib/attack.ts';
import { notWell, pidOf, processes, systemContainers, type SystemContainer } from '../lib/guest.ts';
import { diskFile, freshDisk, Machine, testDir } from '../lib/machine.ts';
import { isThorough, soakDescribe, soakTest } from '../lib/thorough.ts';
import { showConsoleOnFailure } from '../lib/watch.ts';

const name = 'isolation';
const canary = '/run/corral-canary';
let machine: Machine;
let facts: Readonly<Record<string, string>>;
let bootId: string;
let before: SystemContainer[];
showConsoleOnFailure(() => machine);

beforeAll(async () => {
  mkdirSync(testDir, { recursive: true });
  // Small, and for few files, so that filling it takes seconds.
  const file = diskFile(freshDisk(name));
  openDisk(file, '2G');
  await ensureHostTools([{ needs: 'mkfs.ext4', from: 'e2fsprogs' }]);
  execFileSync('mkfs.ext4', ['-q', '-F', '-N', '20000', '-L', 'RANCHER_STATE', file]);
  machine = await Machine.start({ name, disk: name, memoryMb: 1024, randomAddresses: true });
  await machine.waitForBoot();
  bootId = await machine.ok('cat /proc/sys/kernel/random/boot_id');
  const program = attackImage(compileAttack(testDir));
  for (const engine of ['docker', 'sudo system-docker']) await machine.ok(`${engine} import --change 'ENV PATH=/bin' - ${image} > /dev/null`, { input: program, timeoutMs: machine.limit(60_000) });
  facts = await prepare();
  console.log('facts:', facts);
  before = await systemContainers(machine);
});
afterAll(async () => { await machine?.kill(); });

/** The canary on the machine, the device node in a share, the marker among the configuration; what the attempts are told. */
async function prepare(): Promise<Record<string, string>> {
  const told = await machine.ok(`sudo bash -es`, { timeoutMs: machine.limit(60_000), input: `
mkdir -m 700 ${canary} ${canary}/formats
id=$(system-docker create ${image} sh < /dev/null); system-docker cp "$id:/bin/attack" - < /dev/null | tar -x -C ${canary}; system-docker rm "$id" > /dev/null < /dev/null
echo corral-secret > ${canary}/secret
echo "CANARY=$(${canary}/attack canary ${canary}/hit-signal < /dev/null)"
# The machine's own connections to the canary are the machine's; what listens is looked for now and then only.
nsenter -t 1 -m nft add element inet corral_plane listening_tcp '{ 4711 }' < /dev/null || true
# A mount that stays: what is registered goes with the last one.
{ modprobe binfmt_misc; mount -t binfmt_misc none ${canary}/formats; } < /dev/null || echo 'no binfmt_misc here' >&2
mkdir -p /var/lib/rancher/conf; : > /var/lib/rancher/conf/corral-marker
IFS=: read -r major minor < /sys/class/block/vdb/dev
echo "DISK=b $major $minor"
mknod /opt/corral-node b "$major" "$minor"
for kind in mnt pid net ipc uts cgroup user; do link=$(readlink /proc/1/ns/$kind); echo "NS_$(echo $kind | tr a-z A-Z)=$link"; done
` });
  await machine.ok('ln -sfn /var/lib/rancher/conf ~/link');
  return Object.fromEntries(told.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

const list = (all: readonly Outcome[]): string[] => all.map((one) => `${one.name}: ${one.verdict} ${one.words}`);

async function unharmed(except: readonly string[] = []): Promise<void> {
  const others = (all: readonly SystemContainer[]): SystemContainer[] => all.filter((one) => !except.includes(one.name));
  expect(await machine.ok('cat /proc/sys/kernel/random/boot_id')).toBe(bootId);
  expect(others(await systemContainers(machine))).toEqual(others(before));
}

describe('with every privilege that Docker has to give', () => {
  const isOpen = ({ name: its }: Outcome): boolean => attacks.some((attack) => attack.name === its && attack.open !== undefined);

  test('nothing of the list works from a user container', async () => {
    const said = await attackFrom(machine, 'docker', attacks, facts);
    console.log(table('from User Docker', said));
    for (const one of said.filter(isOpen)) console.log(`known to be open: ${one.name}: ${attacks.find((attack) => attack.name === one.name)?.open ?? ''}`);
    expect(list(said.filter((one) => one.verdict !== 'refused' && !isOpen(one)))).toEqual([]);
  });

  test('the machine has not noticed', async () => {
    await unharmed();
    await machine.until('every service to be well', machine.limit(30_000), async () => (await notWell(machine)).length === 0 || (await notWell(machine)).join(', '));
    expect(await machine.ok('docker run --rm attacks echo still-here', { timeoutMs: machine.limit(60_000) })).toBe('still-here');
  });

  // The controls: they change with the table and with Docker, hardly with the system.
  soakTest('each works from System Docker, which is plain Docker: so it is a real attempt', async () => {
    const real = attacks.filter(({ control }) => control === 'same');
    const said = await attackFrom(machine, 'sudo system-docker', real, facts);
    console.log(table('from System Docker', said));
    for (const { name: its, control } of attacks) if (typeof control === 'object' && 'none' in control) console.log(`without a control: ${its}: ${control.none}`);
    expect(list(said.filter(({ verdict }) => verdict !== 'SUCCEEDED'))).toEqual([]);
  });

  test.each(attacks.flatMap(({ name: its, control }) => (typeof control === 'object' && 'onMachine' in control ? [{ its, script: control.onMachine }] : [])))('and so is $its', async ({ script }) => {
    const { stdout, stderr } = await machine.run('bash -s', { input: script });
    expect(stdout + stderr).toMatch(/runs as root,|it was followed/);
  });
});

/** What Docker's own options ask the engine for. Each prints what `worked` finds where it does. */
const options = [
  { what: '-v of the configuration', words: '-v /var/lib/rancher/conf:/x', command: 'ls /x', worked: /corral-marker/ },
  { what: '-v of a link to it in a home', words: '-v /home/rancher/link:/x', command: 'ls /x', worked: /corral-marker/ },
  { what: '-v of System Docker\'s socket', words: '-v /run/system-docker.sock:/x', command: 'attack reach ask /x', worked: /an answer/ },
  { what: '--device of a disk', words: '--device /dev/vdb', command: 'attack open /dev/vdb', worked: /^opened/m },
] as const;

describe('Docker\'s own options', () => {
  test.each(options)('$what gives nothing of the machine', async ({ words, command, worked }) => {
    const { stdout, stderr } = await machine.run(`docker run --rm ${words} attacks ${command}`, { timeoutMs: machine.limit(60_000) });
    console.log(`docker run ${words} ${command}: ${(stdout + stderr).trim()}`);
    expect(stdout + stderr).not.toMatch(worked);
  });

  test.each(isThorough ? options : [])('$what works in System Docker', async ({ words, command, worked }) => {
    const { stdout, stderr } = await machine.run(`sudo system-docker run --rm --network none ${words} attacks ${command}`, { timeoutMs: machine.limit(60_000) });
    expect(stdout + stderr).toMatch(worked);
  });

  test('--cgroup-parent cannot name a group of the system\'s', async () => {
    const id = await machine.ok('docker run -d --name stray --cgroup-parent /system attacks sleep 600', { timeoutMs: machine.limit(60_000) });
    const groups = (await machine.ok(`find /sys/fs/cgroup -type d -name "*${id}*"`)).split('\n');
    expect(groups.filter((path) => !path.startsWith('/sys/fs/cgroup/user/plane/'))).toEqual([]);
    await machine.ok('docker rm -f stray');
  });
});

describe('ros audit', () => {
  const weakened = [
    { check: 'kernel.leaks', how: 'sudo nsenter -t 1 -m sysctl -qw kernel.dmesg_restrict=0', back: 'sudo nsenter -t 1 -m sysctl -qw kernel.dmesg_restrict=1' },
    { check: 'files.secrets', how: 'sudo chmod 644 /var/lib/rancher/ssh/ssh_host_ed25519_key', back: 'sudo chmod 600 /var/lib/rancher/ssh/ssh_host_ed25519_key' },
    { check: 'mounts.data', how: 'sudo nsenter -t 1 -m mount -o remount,bind,suid /home', back: 'sudo nsenter -t 1 -m mount -o remount,bind,nosuid,nodev /home' },
    { check: 'login.accounts', how: 'sudo passwd -qd docker', back: 'sudo passwd -ql docker' },
    { check: 'containers.known', how: 'sudo system-docker run -d --network none --name stray --privileged attacks sleep 600 > /dev/null', back: 'sudo system-docker rm -f stray > /dev/null' },
  ] as const;

  test('finds each setting that somebody has weakened, and nothing else', async () => {
    const slow = { timeoutMs: machine.limit(60_000) };
    const failed = async (): Promise<string[]> => {
      const { stdout } = await machine.run('sudo ros audit --json', slow);
      return (JSON.parse(stdout) as AuditReport).checks.filter(({ result }) => result === 'fail').map(({ id }) => id).sort();
    };
    expect(await failed()).toEqual([]);
    for (const { how } of weakened) await machine.ok(how, slow);
    expect(await failed()).toEqual(weakened.map(({ check }) => check as string).sort());
    expect((await machine.run('sudo ros audit', slow)).code).toBe(1);
    for (const { back } of weakened) await machine.ok(back, slow);
    expect(await failed()).toEqual([]);
  });
});

describe('what takes a stage', () => {
  soakTest('the runtime that enters a container cannot be overwritten from there (CVE-2019-5736)', async () => {
    await machine.ok(`docker run -d --name overwriter ${everything} attacks attack overwrite 40 /h/usr/bin/crun`, { timeoutMs: machine.limit(60_000) });
    for (let times = 0; times < 3; times += 1) await machine.run('docker exec overwriter true', { timeoutMs: machine.limit(30_000) });
    const code = await machine.ok('docker wait overwriter', { timeoutMs: machine.limit(60_000) });
    const said = await machine.ok('docker logs overwriter 2>&1; docker rm overwriter > /dev/null');
    console.log(`overwriting the runtime: ${said}`);
    expect(said).toMatch(/^saw the runtime [1-9]\d* times: /m);
    expect(code).toBe('1');
  });

  test('reboot(2) ends the user plane at most, which comes back', async () => {
    await machine.run(`docker run --rm ${everything} attacks attack reboot really`, { timeoutMs: machine.limit(60_000) });
    const took = await machine.until('User Docker to run containers', machine.limit(60_000), async () => {
      const { code, stderr } = await machine.run('docker run --rm attacks true', { timeoutMs: machine.limit(60_000) });
      return code === 0 || stderr;
    });
    console.log(`reboot(2) in a user container: User Docker is back after ${(took / 1000).toFixed(1)} s`);
    await unharmed(['docker']);
    before = await systemContainers(machine);
  });
});

soakDescribe('the floors', () => {
  const storm = ['flood', 'fill', 'hog', 'bomb'] as const;
  let idle: Sample;

  test('hold in a storm: a memory hog, a full disk, a flood of logs and a fork bomb together', async () => {
    await machine.ok('mkdir -p ~/fill');
    const slow = { timeoutMs: machine.limit(120_000) };
    // All wait for one word: who comes later would find nothing left to start with.
    const commands = { flood: 'flood', fill: 'fill /fill 30', hog: 'hog 200', bomb: 'bomb' } satisfies Record<(typeof storm)[number], string>;
    await machine.ok(storm.map((name) => `docker run -d --name ${name} -v /home/rancher/fill:/fill attacks sh -c 'until [ -e /fill/go ]; do sleep 1; done; exec attack ${commands[name]}' > /dev/null`).join(' && '), slow);
    // As many files as a user may have, but for a few hundred that are left to the storm.
    expect(await machine.ok('cd ~/fill && { seq 20000 | xargs touch; } 2>&1 | tail -n 1; seq 300 | xargs rm', slow)).toMatch(/quota exceeded/i);
    await machine.until('every service to be well', machine.limit(30_000), async () => (await notWell(machine)).length === 0);
    await sample(); // the first after a pause pages everything in
    idle = await sample();
    const mark = machine.console.mark();

    await machine.ok('touch ~/fill/go');
    const samples: Sample[] = [];
    const begin = Date.now();
    while (Date.now() - begin < 45_000 || samples.length < 12) samples.push(await sample());
    const state = await machine.ok(stormState, slow);
    console.log(`storm: after ${((Date.now() - begin) / 1000).toFixed(0)} s:\n${state}`);
    console.log(`the same without a storm: ${told(idle)}\nin the storm (${machine.vm.accel.kind}):\n${samples.map(told).join('\n')}`);

    const verdicts = [...machine.console.text.slice(mark).matchAll(/oom-kill:constraint=(\w+),.*?task_memcg=([^,]*),task=([^,]*),/g)];
    expect(verdicts.length, 'verdicts of the OOM killer').toBeGreaterThan(0);
    expect(verdicts.filter(([, constraint, group]) => constraint !== 'CONSTRAINT_MEMCG' || group?.startsWith('/user/') !== true).map(([line]) => line)).toEqual([]);
    expect(state, 'the disk is full').toMatch(/^disk .*\b(9[5-9]|100)%/m);
    expect(state, 'the system can still write').toMatch(/^room for the system: yes/m);
    expect(state, 'files that were refused').toMatch(/^filler \d+ empty files: Quota exceeded/m);
    expect(state, 'forks that were refused').toMatch(/^pids .*max [1-9]/m);
    expect(state, 'the log is bounded').toMatch(/max-size/);
    // Three of four within 2 s natively, and none much later; the emulator's factor is the one of every limit here.
    const [lists, logins] = [samples.map(({ listS }) => listS), samples.map(({ sshS }) => sshS)];
    expect(mostOf(lists), 's for ros service list').toBeLessThan(machine.limit(2_000) / 1000);
    expect(mostOf(logins), 's for a login by ssh').toBeLessThan(machine.limit(2_000) / 1000);
    expect(Math.max(...lists, ...logins), 's for the slowest').toBeLessThan(machine.limit(10_000) / 1000);
    await unharmed();
  });

  test('and the machine recovers when the containers are killed', async () => {
    const slow = { timeoutMs: machine.limit(120_000) };
    const begin = Date.now();
    await machine.until('docker kill', machine.limit(120_000), async () => {
      const { code, stdout, stderr } = await machine.run(`docker rm -f ${storm.join(' ')}`, slow);
      return code === 0 || stdout + stderr;
    });
    console.log(`docker rm -f of the storm: ${((Date.now() - begin) / 1000).toFixed(1)} s`);
    await machine.ok('sudo rm -rf ~/fill', { timeoutMs: machine.limit(180_000) });
    await machine.until('a container to run', machine.limit(60_000), async () => {
      const { stdout, stderr } = await machine.run('docker run --rm attacks echo again', slow);
      return stdout.trim() === 'again' || stderr;
    });
    await machine.until('every service to be well', machine.limit(60_000), async () => (await notWell(machine)).length === 0 || (await notWell(machine)).join(', '));
    await unharmed();
    const after = await sample();
    console.log(`after the storm: ${told(after)}`);
  });

  test('the verdict of the OOM killer is in the log, with its victim', async () => {
    expect(await machine.ok('sudo ros logs')).toMatch(/out of memory.*\battack\b/i);
  });
});

interface Sample { readonly sshS: number; readonly listS: number }

const told = ({ sshS, listS }: Sample): string => `  login by ssh ${sshS.toFixed(1)} s, ros service list ${listS.toFixed(1)} s`;

/** What three of four stay below. */
const mostOf = (all: readonly number[]): number => all.toSorted((a, b) => a - b)[Math.floor(all.length * 0.75)] ?? Infinity;

/** A new connection as a person makes it, then `ros service list` as timed by the machine's own shell. */
async function sample(): Promise<Sample> {
  machine.ssh.disconnect();
  const begin = Date.now();
  await machine.ok('true', { timeoutMs: machine.limit(60_000) });
  const sshS = (Date.now() - begin) / 1000;
  const { code, stderr } = await machine.run(`bash -c 'TIMEFORMAT=%R; time sudo ros service list > /dev/null'`, { timeoutMs: machine.limit(60_000) });
  expect(code, `ros service list: ${stderr}`).toBe(0);
  return { sshS, listS: Number(stderr.trim().split('\n').at(-1)) };
}

/** What the storm has taken: a line a thing. */
const stormState = `
cd /sys/fs/cgroup/user
echo "pids $(cat pids.current) of $(cat pids.max), $(cat pids.events plane/pids.events | tr '\\n' ' ')"
echo "memory $(($(cat memory.current) >> 20)) MB of $(cat memory.max), $(tr '\\n' ' ' < memory.events)"
echo "free $(grep -m 3 -e MemFree -e MemAvailable /proc/meminfo | tr '\\n' ' ')"
echo "disk $(df -h /home | tail -n 1)"
echo "inodes $(df -i /home | tail -n 1)"
echo "room for the system: $(sudo sh -c 'head -c 1000000 /dev/zero > /var/lib/rancher/corral-room && echo yes; rm -f /var/lib/rancher/corral-room' 2>&1)"
echo "filler $(timeout 60 docker logs fill 2>&1 | tr '\\n' ' ')"
echo "logs of containers $(sudo sh -c 'du -cm /var/lib/user-docker/containers/*/*-json.log*' | tail -n 1)"
echo "log options $(timeout 60 docker inspect --format '{{.HostConfig.LogConfig}}' flood)"
echo "pressure $(head -n 1 /proc/pressure/memory)"
exit 0`;

soakDescribe('a User Docker that lies', () => {
  /** Who has the plane's root may answer in dockerd's place. */
  const liar = `
sleep 5 # until docker run has ended
for p in /proc/[0-9]*; do
  read -r n 2> /dev/null < $p/comm || continue
  case $n in plane-inner) keeper="$keeper \${p#/proc/}" ;; dockerd) daemon="$daemon \${p#/proc/}" ;; esac
done
kill -STOP $keeper; kill -9 $daemon; sleep 1
attack lie /h/run/user-docker/docker.sock 20
kill -CONT $keeper`;

  test('with an answer that never ends costs the supervisor neither its life nor its memory', async () => {
    const supervisor = async (): Promise<number> => pidOf('supervisor', await processes(machine)) ?? 0;
    const old = await supervisor();
    await machine.run(`docker run -d --name liar ${everything} attacks sh -c '${liar}'`, { timeoutMs: machine.limit(30_000) });
    const resident: number[] = [];
    const begin = Date.now();
    while (Date.now() - begin < 25_000) {
      expect((await machine.run('sudo ros service list', { timeoutMs: machine.limit(30_000) })).code, 'ros service list').toBe(0);
      const pid = await supervisor();
      expect(pid, 'the supervisor').toBe(old);
      resident.push(Number(await machine.ok(`awk '/^VmRSS/ { print $2 }' /proc/${pid}/status`)));
    }
    await machine.until('User Docker', machine.limit(60_000), async () => (await machine.run('docker version')).code === 0);
    console.log(`a lying User Docker: ${await machine.ok('docker logs liar 2>&1 | tail -n 1; docker rm -f liar > /dev/null')}; the supervisor had ${Math.max(...resident) >> 10} MB`);
    expect(Math.max(...resident) >> 10, 'MB of the supervisor').toBeLessThan(250);
    await unharmed();
  });

  test('with a pipe where it says its flags does not stop the supervisor', async () => {
    await machine.ok(`docker run --rm ${everything} attacks sh -c 'rm -f /h/run/user-docker/flags; mkfifo /h/run/user-docker/flags'`, { timeoutMs: machine.limit(60_000) });
    await machine.run('sudo timeout 60 ros config apply', { timeoutMs: machine.limit(60_000) });
    expect((await machine.run('sudo ros service list', { timeoutMs: machine.limit(30_000) })).code).toBe(0);
    await machine.run(`docker run --rm ${everything} attacks rm -f /h/run/user-docker/flags`, { timeoutMs: machine.limit(60_000) });
    await unharmed();
  });
});

test('the console has seen no crash, but for what was killed in the plane', () => {
  // A thousand forks of one program wait for the lock on its pages, and among a thousand others for a processor: the bomb hangs itself.
  const expected = /sysrq: HELP|oom-kill:constraint=CONSTRAINT_MEMCG,.*task_memcg=\/user\/|invoked oom-killer|INFO: task attack:\d+ blocked/;
  expect(machine.problems().filter((line) => !expected.test(line)), `crashes on the console, see ${machine.vm.consoleLog}`).toEqual([]);
});
