/** The default service repository and its services, run in the images that were built. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { ImageRoot } from './image-root.ts';

const source = join(import.meta.dirname, '../../..');
const folder = join(source, 'system-services');
const root = join(source, 'build/work/root');
const share = join(root, 'usr/share/ros');
const services = readdirSync(folder).filter((name) => !name.startsWith('_'));

describe('the repository', () => {
  const os = load(readFileSync(join(source, 'image/os.yml'), 'utf8')) as { services: string[]; repository: string[]; addons: string[] };
  const offered = [...os.repository, ...os.addons];

  test('every service is either shipped or in the repository', () => {
    expect([...os.services, ...offered].sort()).toEqual([...services].sort());
  });

  test('its index lists what is not shipped, and beside it lie exactly these files, as RancherOS lays them out', () => {
    const names = [...offered].sort();
    expect(load(readFileSync(join(share, 'repository/index.yml'), 'utf8'))).toEqual({ services: names, consoles: [], engines: [] });
    const files = readdirSync(join(share, 'repository'), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.yml') && path !== 'index.yml');
    expect(files.sort()).toEqual(names.map((name) => `${name.slice(0, 1)}/${name}.yml`));
    for (const name of names) expect(readFileSync(join(share, `repository/${name.slice(0, 1)}/${name}.yml`), 'utf8')).toBe(readFileSync(join(folder, name, 'service.yml'), 'utf8'));
    expect(readdirSync(join(share, 'services')).sort()).toEqual([...os.services].sort());
  });

  test('their images are in the root, those of add-ons excepted: enabling one needs no network', () => {
    const { images } = JSON.parse(readFileSync(join(share, 'images/system.json'), 'utf8')) as { images: Record<string, unknown> };
    expect(Object.keys(images).map((reference) => /^corralos\/(.*):/.exec(reference)?.[1]).sort()).toEqual(services.filter((name) => !os.addons.includes(name)).sort());
  });
});

describe('cron-example', () => {
  test('says the date and the load', async () => {
    using image = new ImageRoot('cron-example');
    expect(await image.run('exec /usr/lib/corral/say-load')).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d load [\d.]+ [\d.]+ [\d.]+\n$/);
  });
});

/** Starts a daemon in the image and runs `script` when it listens. */
const whenItListens = (address: string, daemon: string, script: string): string => `
  ${daemon} >/run/said 2>&1 & daemon=$!
  tries=100; until /usr/lib/corral/listens ${address}; do tries=$((tries - 1)); [ $tries -gt 0 ] || { cat /run/said >&2; exit 1; }; sleep 0.1; done
  ${script}
  kill $daemon; wait $daemon || true
`;

describe('node-exporter', () => {
  test('tells the machine\'s figures, and complains of nothing', async () => {
    using image = new ImageRoot('node-exporter');
    const metrics = await image.run(`mkdir -p /host/run/udev/data\n${whenItListens('127.0.0.1:19100', 'su -s /bin/sh nobody -c "exec /usr/lib/corral/node-exporter --collector.processes"', 'wget -qO- http://127.0.0.1:19100/metrics')}`, { NODE_EXPORTER_LISTEN: '127.0.0.1:19100' });
    expect(metrics).toMatch(/^node_memory_MemTotal_bytes \d/m);
    expect(metrics).toMatch(/^node_load1 /m);
    expect(metrics).toMatch(/^node_uname_info\{.*sysname="Linux"/m);
    expect(metrics).toMatch(/^node_scrape_collector_success\{collector="filesystem"\} 1$/m);
    expect(image.read('/run/said')).not.toMatch(/level=(error|warn)/i);
  });
});

describe('registry-mirror', () => {
  const address = '127.0.0.1:15000';
  const serve = (script: string): string => whenItListens(address, '/usr/lib/corral/registry-mirror', script);

  test('with no remote it is a registry', async () => {
    using image = new ImageRoot('registry-mirror');
    expect(await image.run(serve(`wget -qO- http://${address}/v2/`), { REGISTRY_HTTP_ADDR: address, REGISTRY_PROXY_REMOTEURL: '' })).toBe('{}');
  });

  test('with nothing said it ends, and says what to set', async () => {
    using image = new ImageRoot('registry-mirror');
    expect(await image.run(`/usr/lib/corral/registry-mirror 2>&1 || echo "ended with $?"`, { REGISTRY_HTTP_ADDR: address })).toMatch(/cannot mirror: set REGISTRY_PROXY_REMOTEURL .*\nended with 1/);
  });

  test('with a remote it fetches a layer, and gives it from the disk when the remote is gone', async () => {
    const layer = 'a layer of an image';
    const digest = `sha256:${createHash('sha256').update(layer).digest('hex')}`;
    const remote = createServer((request, response) => {
      if (request.url === '/v2/') response.end('{}');
      else if (request.url === `/v2/lib/x/blobs/${digest}`) {
        response.writeHead(200, { 'content-length': layer.length, 'docker-content-digest': digest, 'content-type': 'application/octet-stream' });
        response.end(request.method === 'HEAD' ? undefined : layer);
      } else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => { remote.listen(0, '127.0.0.1', resolve); });
    const url = `http://127.0.0.1:${(remote.address() as AddressInfo).port}`;
    using image = new ImageRoot('registry-mirror');
    const environment = { REGISTRY_HTTP_ADDR: address, REGISTRY_PROXY_REMOTEURL: url };
    const pull = `wget -qO- http://${address}/v2/lib/x/blobs/${digest}`;
    const pulled = image.run(serve(`
      ${pull}
      until [ -e /var/lib/registry/docker/registry/v2/blobs/sha256/*/*/data ]; do sleep 0.1; done
      : >/run/pulled; until [ -e /run/gone ]; do sleep 0.1; done
      ${pull}`), environment);
    await expect.poll(() => image.has('/run/pulled'), { timeout: 20_000 }).toBe(true);
    remote.closeAllConnections();
    await new Promise((resolve) => { remote.close(resolve); });
    image.write('/run/gone', '');
    expect(await pulled).toBe(layer + layer);
    expect(image.read('/run/said')).toContain(`mirror of ${url}`);
  });
});

describe('qemu-guest-agent', () => {
  const { config: { entrypoint } } = load(readFileSync(join(folder, 'qemu-guest-agent/image.yml'), 'utf8')) as { config: { entrypoint: string[] } };

  test('answers the host, and refuses what it is not to do', async () => {
    using image = new ImageRoot('qemu-guest-agent');
    const words = entrypoint.map((word) => word.replace(/^--method=.*/, '--method=unix-listen').replace(/^--path=.*/, '--path=/run/agent'));
    const running = image.run(`${words.join(' ')} & until [ -e /run/done ]; do sleep 0.1; done`);
    const ask = async (execute: string): Promise<{ return?: unknown; error?: { class: string; desc: string } }> => new Promise((resolve, reject) => {
      const socket = connect(image.place('/run/agent'), () => { socket.write(`${JSON.stringify({ execute })}\n`); });
      socket.once('error', reject);
      let answer = '';
      socket.on('data', (piece) => {
        answer += String(piece);
        if (!answer.endsWith('\n')) return;
        socket.destroy();
        resolve(JSON.parse(answer) as { return?: unknown });
      });
    });
    await expect.poll(() => existsSync(image.place('/run/agent')), { timeout: 20_000 }).toBe(true);
    expect(await ask('guest-ping')).toEqual({ return: {} });
    const info = await ask('guest-info') as { return: { supported_commands: { name: string; enabled: boolean }[] } };
    const enabled = info.return.supported_commands.filter((one) => one.enabled).map(({ name }) => name);
    expect(enabled).toEqual(expect.arrayContaining(['guest-shutdown', 'guest-network-get-interfaces', 'guest-fsfreeze-freeze', 'guest-fstrim', 'guest-get-osinfo']));
    expect(enabled.filter((name) => /exec|file-|password|ssh|suspend|set-time/.test(name))).toEqual([]);
    expect((await ask('guest-exec')).error).toBeDefined();
    image.write('/run/done', '');
    await running;
  });

  test.each([['-P', 'USR2'], ['-H', 'USR1'], ['-r', 'TERM']])('a shutdown with %s is SIG%s to process 1', async (flag, signal) => {
    using image = new ImageRoot('qemu-guest-agent');
    expect(await image.run(`trap 'echo got ${signal}' ${signal}; /sbin/shutdown -h ${flag} +0 'hypervisor initiated shutdown'`)).toBe(`got ${signal}\n`);
  });
});

describe('open-iscsi', () => {
  /** There is no such kernel module here: what would speak to the kernel is made to do nothing. */
  const start = async (image: ImageRoot, environment: Readonly<Record<string, string>> = {}): Promise<string> => image.run(`
    mkdir -p /stubs; for name in modprobe iscsid; do printf '#!/bin/sh\necho "$0 $*"\n' >/stubs/$name; chmod 755 /stubs/$name; done
    PATH=/stubs:$PATH /usr/lib/corral/iscsi-init
  `, environment);
  const name = (image: ImageRoot): string => image.read('/etc/iscsi/initiatorname.iscsi');

  test('its programs run', async () => {
    using image = new ImageRoot('open-iscsi');
    expect(await image.run('iscsid --version; iscsiadm --version')).toMatch(/^iscsid version 2\..*\niscsiadm version 2\./);
  });

  test('makes itself a name once, and settings that only root reads', async () => {
    using image = new ImageRoot('open-iscsi');
    expect(await start(image)).toBe('/stubs/modprobe iscsi_tcp\n/stubs/iscsid --foreground --no-pid-file\n');
    const first = name(image);
    expect(first).toMatch(/^InitiatorName=iqn\.1993-08\.org\.debian:01:[0-9a-f]+\n$/);
    expect(image.stat('/etc/iscsi/iscsid.conf').mode).toBe(0o600);
    image.write('/etc/iscsi/iscsid.conf', 'node.startup = automatic\n');
    await start(image);
    expect(name(image)).toBe(first);
    expect(image.read('/etc/iscsi/iscsid.conf')).toBe('node.startup = automatic\n');
  });

  test('takes the name that it is given', async () => {
    using image = new ImageRoot('open-iscsi');
    await start(image, { ISCSI_INITIATOR: 'iqn.2001-04.com.example:me' });
    await start(image);
    expect(name(image)).toBe('InitiatorName=iqn.2001-04.com.example:me\n');
  });

  test('iscsiadm takes the settings', async () => {
    using image = new ImageRoot('open-iscsi');
    await start(image);
    await image.run('iscsiadm -m node -o new -T iqn.2001-04.com.example:disk1 -p 192.0.2.1:3260 >/dev/null');
    expect(await image.run('iscsiadm -m node -T iqn.2001-04.com.example:disk1')).toContain('node.conn[0].timeo.noop_out_interval = 5');
  });
});

describe('nfs-client', () => {
  test('mounts nothing without a server, and says so', async () => {
    using image = new ImageRoot('nfs-client');
    expect(await image.run('mount.nfs -V')).toContain('nfs-utils');
    await expect(image.run('mkdir /mnt/x; mount.nfs 127.0.0.1:/x /mnt/x -o vers=4,retry=0')).rejects.toThrow(/mount\.nfs: /);
  });

  test('rpcbind and statd run without root, the kernel is answered, and nobody else unless it is named', async () => {
    using image = new ImageRoot('nfs-client');
    const script = (name: string): string => `
      ip link set lo up; ip addr add 192.0.2.9/32 dev lo
      /usr/lib/corral/nfs-init >/dev/null 2>&1 &
      tries=100; until rpcinfo -p 127.0.0.1 2>/dev/null | grep -q status; do tries=$((tries - 1)); [ $tries -gt 0 ] || exit 1; sleep 0.1; done
      ${name}`;
    const inside = async (body: string, environment = {}): Promise<string> => image.run('exec unshare -n sh -eu -c "$BODY"', { BODY: script(body), ...environment });
    expect(await inside(`for name in rpcbind rpc.statd; do awk '$1 == "Uid:" { print $2 }' /proc/$(pidof $name)/status; done; rpcinfo -p 127.0.0.1 | awk '/status/ { print $3, $4 }'`)).toBe('103\n104\nudp 662\ntcp 662\n');
    expect(await inside('rpcinfo -p 192.0.2.9 >/dev/null 2>&1 && echo answered || echo silent')).toBe('silent\n');
    expect(await inside('rpcinfo -p 192.0.2.9 >/dev/null 2>&1 && echo answered || echo silent', { NFS_SERVERS: '192.0.2.9' })).toBe('answered\n');
  });

  test('when one of the two ends, the container ends', async () => {
    using image = new ImageRoot('nfs-client');
    const body = 'ip link set lo up; /usr/lib/corral/nfs-init 2>&1 & init=$!; until pidof rpc.statd >/dev/null; do sleep 0.1; done; kill -9 $(pidof rpcbind); wait $init || echo ended with $?';
    expect(await image.run('exec unshare -n sh -eu -c "$BODY"', { BODY: body })).toMatch(/rpcbind has ended\nended with 1\n$/);
  });
});

describe('the programs whose exports were dropped', () => {
  test.each([['dockerd', 'usr/sbin/dockerd', '--version', /^Docker version /], ['containerd', 'usr/bin/containerd', '--version', /^containerd /], ['the shim', 'usr/bin/containerd-shim-runc-v2', '-v', /Version:/], ['ros', 'usr/bin/ros', '--version', /^version v/]])('%s starts', async (_, path, flag, expected) => {
    const libraries = join(root, 'usr/lib/x86_64-linux-gnu');
    const { stdout } = await promisify(execFile)(join(libraries, 'ld-linux-x86-64.so.2'), ['--library-path', libraries, join(root, path), flag]);
    expect(stdout).toMatch(expected);
  });
});
