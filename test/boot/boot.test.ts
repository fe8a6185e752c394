/** A machine with a state disk, as a user has it: what works after the first boot, what survives a reboot, how it ends. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BootReport } from '../../src/api/types.ts';
import { makeTinyImage, notWell, processes, services, systemContainers, systemServices } from '../lib/guest.ts';
import { diskProblems, freshDisk, Machine } from '../lib/machine.ts';
import { expectCleanConsole, showConsoleOnFailure } from '../lib/watch.ts';

/** A service of the user's own made of what the machine has, and a change to one of the shipped ones. */
const config = `hostname: harbour
rancher:
  sysctl:
    vm.swappiness: 7
  modules: [dummy]
  environment:
    WORD: ahoy
  services:
    beacon:
      image: corralos/udev:\${VERSION}
      entrypoint: [/bin/sh, -c, 'echo "lit: $$WORD"; exec sleep 1000000']
      environment: [WORD]
      networks: [none]
      stop_grace_period: 1s
      labels:
        io.rancher.os.scope: system
        io.rancher.os.after: network
    acpid:
      environment:
        BUOY: red
`;

let machine: Machine;
let report: BootReport;
showConsoleOnFailure(() => machine);

beforeAll(async () => {
  machine = await Machine.start({ name: 'boot', disk: freshDisk('boot'), config, ports: [8080], noReboot: false, randomAddresses: true });
  report = await machine.waitForBoot();
});
afterAll(async () => { await machine?.kill(); });

describe('the first boot', () => {
  test('lets rancher in over ssh, with sudo and in group docker', async () => {
    expect(await machine.ok('id -un; id -u; sudo id -u')).toBe('rancher\n1100\n0');
    expect((await machine.ok('id -Gn')).split(' ')).toContain('docker');
    expect(await machine.ok('id -u docker')).toBe('1101');
  });

  test('takes the hostname from the cloud-config', async () => {
    expect(await machine.ok('hostname')).toBe('harbour');
    expect(await machine.ok('getent hosts harbour')).toMatch(/harbour/);
  });

  test('applies kernel settings and loads modules of the cloud-config', async () => {
    expect(await machine.ok('cat /proc/sys/vm/swappiness')).toBe('7');
    expect(await machine.ok('ls -d /sys/module/dummy')).toBe('/sys/module/dummy');
  });

  test('loads a module that the kernel asks for', async () => {
    expect(await machine.ok('cat /proc/sys/kernel/modprobe')).toBe('/usr/bin/kernel-modprobe');
    expect(await machine.ok('sudo modprobe -r dummy && sudo ip link add asked type dummy && ls -d /sys/module/dummy && sudo ip link delete asked')).toBe('/sys/module/dummy');
  });

  test('runs the services of rancher.services, and lays its changes over the shipped ones', async () => {
    await machine.until('the service beacon', machine.limit(30_000), async () => (await services(machine)).some(({ name, state }) => name === 'beacon' && state === 'running'));
    expect(await machine.ok('sudo ros service logs beacon')).toContain('lit: ahoy');
    expect(await machine.ok('sudo system-docker inspect --format "{{.Config.Env}}" acpid')).toContain('BUOY=red');
    expect((await machine.ok('sudo ros service list')).split('\n')).toEqual(expect.arrayContaining([expect.stringMatching(/^enabled +beacon +running/)]));
  });

  test('has every system service running or healthy', async () => {
    expect((await services(machine)).filter(({ scope }) => scope === 'system').map(({ name }) => name)).toEqual(expect.arrayContaining([...systemServices]));
    expect(await notWell(machine)).toEqual([]);
    const table = await machine.ok('sudo ros service list');
    for (const name of systemServices) expect(table).toMatch(new RegExp(`\\b${name}\\b.*\\b(running|healthy)\\b`));
  });

  test('shows the system containers to root, and only to root', async () => {
    expect((await systemContainers(machine)).map(({ name }) => name)).toEqual(expect.arrayContaining([...systemServices]));
    expect((await machine.run('system-docker ps')).code).not.toBe(0);
  });

  test('tells the timeline of the boot in order', async () => {
    const { supervisor, systemDocker, ssh, systemHealthy, userDocker } = report.bootMs;
    expect(supervisor).toBeGreaterThan(0);
    expect(systemDocker).toBeGreaterThan(supervisor ?? NaN);
    expect(ssh).toBeGreaterThan(systemDocker ?? NaN);
    expect(userDocker).toBeGreaterThan(systemDocker ?? NaN);
    expect(systemHealthy).toBeGreaterThan(systemDocker ?? NaN);
    expect(report.entries.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(report.entries.map(({ name }) => name)).toEqual(expect.arrayContaining(['state', 'system-docker']));
    console.log('first boot, ms since kernel start:', report.bootMs);
  });

  test('prints that timeline and its own log', async () => {
    expect(await machine.ok('sudo ros boot')).toMatch(/system-docker/);
    expect(await machine.ok('sudo ros boot --svg /tmp/boot.svg && head -c 4000 /tmp/boot.svg')).toMatch(/<svg/);
    expect(await machine.ok('sudo ros logs')).toMatch(/phase system-docker/);
  });

  test('knows its version', async () => {
    const version = await machine.ok('sudo ros os version');
    expect(version).toMatch(/v\d+\.\d+\.\d+/);
    expect(await machine.ok('ros -v')).toContain(/v?(\d+\.\d+\.\d+)/.exec(version)?.[1]);
    expect(await machine.ok('. /etc/os-release; echo $ID')).not.toBe('');
  });

  test('greets at login with version, addresses, state and health', async () => {
    const motd = await machine.ssh.login();
    expect(motd).toMatch(/CorralOS v?\d/);
    expect(motd).toContain('10.0.2.15');
    expect(motd).toMatch(/state\s+on \/dev\/vdb/);
    expect(motd).toMatch(/all well/);
  });

  test('has the device nodes, the modules and the clock that udev, the kernel and chrony make', async () => {
    await machine.ok('test -c /dev/null && test -c /dev/kmsg && test -b /dev/vda && test -b /dev/vdb && test -e /dev/disk/by-label/RANCHER_STATE');
    await machine.ok('grep -q ^overlay /proc/modules && grep -q ^bridge /proc/modules');
    const drift = Math.abs(Number(await machine.ok('date +%s')) - Date.now() / 1000);
    expect(drift).toBeLessThan(60);
  });

  // A restricted network of QEMU gives an address, but neither a router nor a resolver.
  test('gets its address by DHCP', async () => {
    expect(await machine.ok('ip -4 -o addr show scope global')).toContain('10.0.2.15/24');
  });

  test('writes what programs and the kernel log to the syslog file', async () => {
    await machine.ok('logger -t corral-test hello-from-logger');
    await machine.until('logger\'s line in /var/log/syslog', machine.limit(10_000), async () =>
      (await machine.ok('sudo cat /var/log/syslog*')).includes('hello-from-logger'));
    expect(await machine.ok('sudo grep -h -m1 "Linux version" /var/log/syslog /var/log/kern.log 2> /dev/null || true')).toContain('Linux version');
  });

  test('keeps root and passwords out', async () => {
    const { stdout } = await machine.run('sudo sshd -T 2> /dev/null || sudo /usr/sbin/sshd -T');
    expect(stdout).toMatch(/^permitrootlogin no$/m);
    expect(stdout).toMatch(/^passwordauthentication no$/m);
    const asRoot = await machine.run('ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o PreferredAuthentications=password,none root@127.0.0.1 true');
    expect(asRoot.code).not.toBe(0);
    const shadow = await machine.ok('sudo cat /etc/shadow');
    for (const user of ['root', 'rancher', 'docker']) expect(shadow).toMatch(new RegExp(`^${user}:[!*]`, 'm'));
  });

  test('leaves no zombie and no failed process behind', async () => {
    expect((await processes(machine)).filter(({ state }) => state === 'Z')).toEqual([]);
  });
});

describe('User Docker', () => {
  beforeAll(async () => { await makeTinyImage(machine); });

  test('answers to rancher without sudo and sees no system container', async () => {
    expect(await machine.ok('docker info --format "{{.ServerVersion}} {{.Driver}} {{.CgroupVersion}}"')).toMatch(/^\d+\.\S+ overlay\S* 2$/);
    expect(await machine.ok('docker ps -aq')).toBe('');
    expect(await machine.ok('docker images -q | wc -l')).toBe('1');
  });

  test('runs a container', async () => {
    expect(await machine.ok('docker run --rm tiny echo hello-from-a-container', { timeoutMs: machine.limit(30_000) })).toBe('hello-from-a-container');
    expect((await machine.run('docker run --rm tiny sh -c "exit 7"')).code).toBe(7);
  });

  test('has random addresses, as has all that stays; not what is over in a moment, on an emulated processor', async () => {
    // ADDR_NO_RANDOMIZE, of each process that has it; one of those that are over in a moment may be at it.
    const without = 'for each in /proc/[0-9]*; do read -r flags 2>/dev/null <$each/personality || continue; case $flags in *4????) cat $each/comm ;; esac; done';
    await machine.until('no process without random addresses', machine.limit(10_000), async () => (await machine.ok(`sudo sh -c '${without}'`)) === '');
    expect(await machine.ok('docker run --rm tiny cat /proc/self/personality')).toBe('00000000');
    expect(await machine.ok('sudo nsenter -t 1 -m short-lived cat /proc/self/personality')).toBe(machine.vm.accel.kind === 'tcg' ? '00040000' : '00000000');
  });

  test('publishes a port to the console and to the outside', async () => {
    await machine.ok('docker run -d --name web -p 8080:80 --restart unless-stopped --stop-timeout 1 tiny busybox httpd -f -p 80 -h /www');
    const fetchInside = 'exec 3<>/dev/tcp/127.0.0.1/8080 && printf "GET /index.html HTTP/1.0\\r\\n\\r\\n" >&3 && cat <&3';
    await machine.until('the page at 127.0.0.1:8080 in the console', machine.limit(10_000), async () =>
      (await machine.run(`bash -c '${fetchInside}'`)).stdout.includes('tiny-says-hello'));
    await machine.until('the page from outside', machine.limit(10_000), async () => await pageFromOutside() === 'tiny-says-hello');
  });

  test('has nobody of the machine inside, even with every privilege', async () => {
    const seen = await machine.ok('docker run --rm --privileged --pid host --net host -v /:/host tiny ps');
    expect(seen).not.toMatch(/ros supervise|sshd|rsyslog/);
    expect((await machine.run('docker run --rm --privileged tiny sh -c "echo x > /proc/sys/kernel/core_pattern"')).code).not.toBe(0);
  });

  test('loses every container to docker rm and the machine loses nothing', async () => {
    const before = await systemContainers(machine);
    await machine.ok('docker rm -f $(docker ps -qa)', { timeoutMs: machine.limit(60_000) });
    expect(await machine.ok('docker ps -aq')).toBe('');
    expect(await systemContainers(machine)).toEqual(before);
    expect(await notWell(machine)).toEqual([]);
  });
});

describe('a full disk', () => {
  test('stops the user who filled it, not the system, and User Docker goes on when there is room again', async () => {
    // All at once as far as that goes (the file's own bookkeeping takes some), then to the last block.
    await machine.run('fallocate -l $(df --output=avail -B1 /home | tail -n 1) ~/fill');
    expect((await machine.run('dd if=/dev/zero of=$HOME/more bs=64k')).stderr).toMatch(/No space left/);
    expect(await machine.ssh.login()).toContain('CorralOS');
    await machine.ok('sudo ros service restart acpid');
    expect((await machine.run('docker run --name too-much tiny dd if=/dev/zero of=/big bs=1M count=100')).stderr).toMatch(/no space left/i);
    // dockerd makes files when it starts.
    await machine.ok('sudo pkill -KILL -u 100000 -x dockerd');
    await machine.until('User Docker on the full disk', machine.limit(60_000), async () => {
      const { code, stderr } = await machine.run('docker ps');
      return code === 0 || stderr;
    });
    await machine.ok('rm ~/fill ~/more; docker rm -f too-much 2> /dev/null || true');
    expect(await machine.ok('docker run --rm tiny echo again')).toBe('again');
    expect(await notWell(machine)).toEqual([]);
  });
});

describe('a reboot', () => {
  let before: { hostKeys: string; bootId: string };

  beforeAll(async () => {
    await machine.ok('echo still-here > ~/kept; docker run -d --name web -p 8080:80 --restart unless-stopped --stop-timeout 1 tiny busybox httpd -f -p 80 -h /www');
    before = { hostKeys: await hostKeys(), bootId: await machine.ok('cat /proc/sys/kernel/random/boot_id') };
    await machine.reboot('sudo ros reboot');
    report = await machine.waitForBoot();
    console.log('second boot, ms since kernel start:', report.bootMs);
  });

  test('is a new boot in which everything is well again', async () => {
    expect(await machine.ok('cat /proc/sys/kernel/random/boot_id')).not.toBe(before.bootId);
    // The system is; a service of the user's own may still be starting.
    await machine.until('every service to be well', machine.limit(30_000), async () => (await notWell(machine)).length === 0 || (await notWell(machine)).join(', '));
  });

  test('keeps the home directory, the host keys, the images and the containers', async () => {
    expect(await machine.ok('cat ~/kept')).toBe('still-here');
    expect(await hostKeys()).toBe(before.hostKeys);
    expect(await machine.ok('docker images --format "{{.Repository}}"')).toBe('tiny');
    await machine.until('the page of the container that restarts by itself', machine.limit(30_000), async () => await pageFromOutside() === 'tiny-says-hello');
  });

  test('does not attach or load the system images again', async () => {
    expect(await machine.ok('sudo ros logs')).not.toMatch(/system-images:/);
  });
});

describe('the power button', () => {
  test('ends the machine cleanly: nothing to recover on the disk', async () => {
    const began = Date.now();
    const { code } = await machine.powerOff();
    console.log(`off ${((Date.now() - began) / 1000).toFixed(1)} s after the button was pressed`);
    expect(code).toBe(0);
    expect(machine.console.text).toMatch(/reboot: Power down/);
    expect(diskProblems('boot')).toBe('');
  });

  test('has seen no crash on the console in the whole life of the machine', () => { expectCleanConsole(machine); });
});

async function hostKeys(): Promise<string> {
  return machine.ok('sudo sh -c "cat /var/lib/rancher/ssh/*.pub"');
}

async function pageFromOutside(): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${machine.port(8080)}/index.html`, { signal: AbortSignal.timeout(10_000) });
  return (await response.text()).trim();
}
