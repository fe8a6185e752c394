/** How the user plane keeps its dockerd running, and with what: plane-inner from where it has entered the plane, with programs in the place of the engine's. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatSet } from '../../src/supervisor/user-engine.ts';
import type { EngineSet } from '../../src/config/index.ts';
import { ImageRoot } from './services/image-root.ts';

const source = readFileSync(join(import.meta.dirname, '../../system-services/docker/root/usr/lib/corral/plane-inner'), 'utf8');
const outer = readFileSync(join(import.meta.dirname, '../../system-services/docker/root/usr/lib/corral/plane-outer'), 'utf8');
const inside = `set -u\nlog() { echo "$*" >&3; }\n${source.slice(source.indexOf('# A containerd beside'))}`;

/** Notes flags, file and environment; does not start with --bad, and ends in time with --short. */
const dockerd = `#!/bin/sh
echo "$*" >>/run/starts
cp /run/plane-daemon.json "/run/file.$(wc -l </run/starts)"
echo "\${HTTP_PROXY:-none}" >>/run/proxies
case "$*" in *--bad*) echo "failed to start daemon: bad"; exit 1 ;; *--short*) exit 3 ;; esac
trap 'exit 0' TERM
while :; do sleep 0.05; done
`;

const plain: EngineSet = { flags: [], bootFlags: [], environment: [], liveRestore: true, file: {} };

function plane(sets: Readonly<Record<string, Partial<EngineSet>>>): ImageRoot {
  const image = new ImageRoot('docker');
  image.write('/usr/sbin/dockerd', dockerd);
  image.write('/usr/bin/containerd', '#!/bin/sh\nexec sleep 1000\n');
  image.write('/usr/lib/corral/inside', inside);
  for (const [name, set] of Object.entries(sets)) image.write(`/run/engine/${name}`, formatSet({ id: `id-of-${name}`, set: { ...plain, ...set } }));
  return image;
}

/** Runs the script of a test beside the plane, then ends that. */
const beside = (script: string): string => `
  chmod 755 /usr/sbin/dockerd /usr/bin/containerd
  mkdir -p /run/user-docker
  sh /usr/lib/corral/inside 3>/run/log & plane=$!
  # plane COUNT: until dockerd has been started that often
  starts() { tries=0; until [ "$(cat /run/starts 2>/dev/null | wc -l)" -ge "$1" ]; do sleep 0.05; tries=$((tries + 1)); [ $tries -lt 600 ]; done; sleep 0.3; }
  ${script}
  kill -TERM $plane; wait $plane || true`;

const words = (image: ImageRoot): string[][] => image.read('/run/starts').trim().split('\n').map((line) => line.split(' ').filter((word) => /^--(?:label|bad|short|bip|add-runtime)/.test(word)));

describe('dockerd of the user plane', () => {
  test('starts with the flags, the file and the environment that were handed out', async () => {
    using image = plane({ configured: { flags: ['--label=a'], bootFlags: ['--bip=10.0.0.1/24'], environment: ['HTTP_PROXY=http://user:a b@proxy'], liveRestore: false, file: { features: { x: true } } }, good: {} });
    await image.run(beside('starts 1'));
    expect(words(image)).toEqual([['--add-runtime', '--label=a', '--bip=10.0.0.1/24']]);
    expect(image.read('/run/proxies')).toBe('http://user:a b@proxy\n');
    expect(JSON.parse(image.read('/run/file.1'))).toEqual({ 'live-restore': false, features: { x: true } });
    expect(image.read('/run/user-docker/flags')).toBe('configured id-of-configured\n');
  });

  test('starts without any of it', async () => {
    using image = plane({});
    await image.run(beside('starts 1'));
    expect(words(image)).toEqual([['--add-runtime']]);
    expect(JSON.parse(image.read('/run/file.1'))).toEqual({ 'live-restore': true });
    // The containers are to be stopped with it.
    expect(JSON.parse(image.read('/run/plane-daemon.json'))).toEqual({ 'live-restore': false });
  });

  test('is among the machine\'s control groups and files when it is to be the machine\'s', async () => {
    using image = plane({});
    image.write('/run/ros/user-engine/configured', formatSet({ id: 'id', set: { ...plain, flags: ['--label=host'] } }));
    await image.run(beside('starts 1'), { ISOLATION: 'host' });
    expect(words(image)).toEqual([['--add-runtime', '--label=host']]);
    expect(image.read('/run/starts')).toContain('--data-root /var/lib/docker ');
    expect(image.read('/run/starts')).toContain('--cgroup-parent /user/plane/docker ');
  });

  test('has its runtimes from one place', async () => {
    using image = plane({ configured: { file: { runtimes: { crun: { path: '/usr/bin/crun' } } } }, good: {} });
    await image.run(beside('starts 1'));
    expect(words(image)).toEqual([[]]);
  });

  test('takes new flags when it is told to, at once', async () => {
    using image = plane({ configured: { flags: ['--label=a'] }, good: { flags: ['--label=a'] }, next: { flags: ['--label=b'] } });
    await image.run(beside('starts 1; mv /run/engine/next /run/engine/configured; kill -HUP $plane; starts 2'));
    expect(words(image).map((flags) => flags.at(-1))).toEqual(['--label=a', '--label=b']);
    expect(image.read('/run/user-docker/flags')).toBe('configured id-of-next\n');
  });

  test('goes on with the last flags that worked when it does not start with others', async () => {
    using image = plane({ configured: { flags: ['--bad'] }, good: { flags: ['--label=good'] } });
    await image.run(beside('starts 2'));
    expect(words(image).map((flags) => flags.at(-1))).toEqual(['--bad', '--label=good']);
    expect(image.read('/run/user-docker/flags')).toBe('good id-of-good\n');
  });

  test('tries others again when it is told to, also while it waits', async () => {
    using image = plane({ configured: { flags: ['--bad'] }, good: { flags: ['--short'] }, next: { flags: ['--label=b'] } });
    // Neither works, so it waits longer and longer between two tries.
    await image.run(beside('starts 3; mv /run/engine/next /run/engine/configured; before=$(cut -d. -f1 /proc/uptime); kill -HUP $plane; starts 4; echo $(($(cut -d. -f1 /proc/uptime) - before)) >/run/took'));
    expect(words(image).map((flags) => flags.at(-1))).toEqual(['--bad', '--short', '--bad', '--label=b']);
    expect(Number(image.read('/run/took'))).toBeLessThan(4);
  });

  test('sets a damaged build cache aside, which makes dockerd panic, and not for being killed', async () => {
    using image = plane({ configured: {}, good: {} });
    image.write('/run/engine/good', image.read('/run/engine/configured'));
    image.write('/var/lib/docker/buildkit/cache.db', 'damaged');
    image.write('/usr/sbin/dockerd', '#!/bin/sh\necho "$*" >>/run/starts\n[ ! -e /run/killed ] || kill -9 $$\n[ ! -e /var/lib/docker/buildkit ] || exit 2\ntrap "exit 0" TERM\nwhile :; do sleep 0.05; done\n');
    await image.run(beside('touch /run/killed; starts 3; test -e /var/lib/docker/buildkit/cache.db; rm /run/killed; kill -HUP $plane; starts 6'));
    expect(image.read('/var/lib/docker/buildkit.damaged/cache.db')).toBe('damaged');
    expect(image.read('/run/log')).toMatch(/build cache set aside/);
  });

  test('keeps its flags when it merely dies', async () => {
    using image = plane({ configured: { flags: ['--short'] }, good: { flags: ['--short'] } });
    image.write('/run/engine/good', image.read('/run/engine/configured'));
    await image.run(beside('starts 2'));
    expect(image.read('/run/user-docker/flags')).toBe('configured id-of-configured\n');
  });
});

/** One function of plane-outer, to be called. */
function ofOuter(name: string): string {
  const begin = outer.indexOf(`\n${name}() {`);
  return outer.slice(begin, outer.indexOf('\n}\n', begin) + 3);
}

describe('the control groups of the plane', () => {
  const bound = async (limit: string, most: number): Promise<string> => {
    using image = plane({});
    image.write('/run/user/memory.max', `${limit}\n`);
    image.write('/run/user/plane/docker/memory.max', 'max\n');
    return (await image.run(`cgroup=/run/user/plane\n${ofOuter('bound_containers')}\nbound_containers memory.max ${most}; bound_containers pids.max 5; cat /run/user/plane/docker/memory.max`)).trim();
  };

  test('give containers a little less than the plane has', async () => {
    expect(await bound('805306368', 134_217_728)).toBe(String(805_306_368 * 7 / 8));
    expect(await bound('68719476736', 134_217_728)).toBe(String(68_719_476_736 - 134_217_728));
    expect(await bound('max', 1)).toBe('max');
  });
});

describe('the machine\'s network after a dockerd in it', () => {
  test('has nothing of Docker\'s, and what is others\' as it was', async () => {
    using image = plane({});
    image.write('/run/script', `
      mount -t sysfs sysfs /sys
      for bridge in docker0 br-0123456789ab br-lan br-my-own-lan-1; do ip link add $bridge type bridge; done
      iptables -t nat -N DOCKER
      iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      iptables -t nat -A DOCKER ! -i docker0 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
      iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
      iptables -t nat -A POSTROUTING -s 172.18.0.0/16 ! -o br-0123456789ab -j MASQUERADE
      iptables -N DOCKER-USER
      iptables -A FORWARD -j DOCKER-USER
      iptables -A INPUT -p tcp --dport 23 -j DROP
      iptables -t nat -A POSTROUTING -s 10.9.0.0/16 -o br-lan -j MASQUERADE
      ${ofOuter('forget_host_network')}
      forget_host_network
      ip -o link
      iptables-save`);
    const said = await image.run('unshare --net --mount sh -eu /run/script 2>&1');
    expect(said).not.toMatch(/DOCKER|docker0|br-0123456789ab|172\.1[78]/);
    expect(said).toContain('-A INPUT -p tcp -m tcp --dport 23 -j DROP');
    expect(said).toContain('-A POSTROUTING -s 10.9.0.0/16 -o br-lan -j MASQUERADE');
    expect(said).toMatch(/br-lan[\s\S]*br-my-own-lan-1/);
  });
});
