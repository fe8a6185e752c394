import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { groupsBelow } from '../../../src/sys/cgroups.ts';
import { capabilitiesOf, confinementOf, parseStatus, sharedNamespaces } from '../../../src/sys/confinement.ts';
import { isLoopback, listeners, parseListeners, socketOwners } from '../../../src/sys/listeners.ts';
import { isBelow, mountAt, parseMountinfo, placeOf } from '../../../src/sys/mountinfo.ts';

describe('what a process may do', () => {
  it('is read from its status', () => {
    expect(parseStatus('Name:\tsh\nUid:\t1\t65534\t1\t1\nCapEff:\t0000000000000000\nCapBnd:\t0000000400001000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n'))
      .toEqual({ uid: 65_534, capabilities: ['NET_ADMIN', 'SYSLOG'], noNewPrivileges: true, seccomp: true });
    expect(parseStatus('Uid:\t0\t0\t0\t0\nCapBnd:\t000001ffffffffff\nNoNewPrivs:\t0\nSeccomp:\t0\n')).toMatchObject({ noNewPrivileges: false, seccomp: false });
  });

  it('counts every capability, also one that has no name yet', () => {
    expect(capabilitiesOf('000001ffffffffff')).toHaveLength(41);
    expect(capabilitiesOf('0000020000000000')).toEqual(['41']);
    expect(capabilitiesOf('0')).toEqual([]);
  });

  it('is told of a process that there is, and of none that is not', async () => {
    const own = await confinementOf(process.pid);
    expect(own?.uid).toBe(process.geteuid?.());
    expect(own?.mounts.some(({ point }) => point === '/proc')).toBe(true);
    expect(await confinementOf(2 ** 22 + 1)).toBeUndefined();
    expect(await sharedNamespaces(2 ** 22 + 1)).toBeUndefined();
  });
});

describe('mounts', () => {
  const mounts = parseMountinfo('1 0 7:0 / / ro - squashfs /dev/vda ro\n2 1 0:24 / /run rw,nosuid shared:2 master:1 - tmpfs tmpfs rw\n3 1 254:16 /home /home rw - ext4 /dev/vdb rw\n4 1 254:16 /a\\040b /mnt/a\\040b rw - ext4 /dev/vdb rw\n5 1 0:30 / /home rw,nodev - tmpfs tmpfs rw\n');

  it('are parsed with any number of tags, and blanks in names', () => {
    expect(mounts[1]).toEqual({ device: '0:24', root: '/', point: '/run', options: ['rw', 'nosuid'], type: 'tmpfs' });
    expect(mounts[3]).toMatchObject({ root: '/a b', point: '/mnt/a b' });
  });

  it('cover a path: the nearest, and of two at one place the later', () => {
    expect(mountAt('/run/ros', mounts)?.device).toBe('0:24');
    expect(mountAt('/running', mounts)?.device).toBe('7:0');
    expect(mountAt('/home/x', mounts)?.device).toBe('0:30');
    expect(mountAt('/', [])).toBeUndefined();
  });

  it('say where a path lies in its file system', () => {
    expect(placeOf('/mnt/a b/c', mounts)).toEqual({ device: '254:16', path: '/a b/c' });
    expect(placeOf('/etc', mounts)).toEqual({ device: '7:0', path: '/etc' });
    expect(placeOf('/run', mounts)).toEqual({ device: '0:24', path: '/' });
    expect(isBelow('/a/b', '/a')).toBe(true);
    expect(isBelow('/ab', '/a')).toBe(false);
    expect(isBelow('/ab', '/')).toBe(true);
  });
});

describe('listeners', () => {
  let server: Server;
  beforeAll(async () => { server = createServer(); await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); }); });
  afterAll(() => { server.close(); });

  it('are those in that state, with address, port and socket', () => {
    const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
    const rest = '00000000:00000000 00:00000000 00000000     0        0 6611 1 0000000000000000 100 0 0 10 0\n';
    expect(parseListeners(`${head}   0: 0F02000A:0016 00000000:0000 0A ${rest}   1: 0100007F:1F95 0100007F:C350 01 ${rest}`, 'tcp', '0A')).toEqual([{ protocol: 'tcp', address: '10.0.2.15', port: 22, inode: 6611 }]);
    const six = (hex: string): string | undefined => parseListeners(`${head}   0: ${hex}:0016 ${'0'.repeat(32)}:0000 0A ${rest}`, 'tcp', '0A')[0]?.address;
    expect(six('0'.repeat(32))).toBe('::');
    expect(six('00000000000000000000000001000000')).toBe('::1');
    expect(six('0000000000000000FFFF00000100007F')).toBe('::ffff:127.0.0.1');
    expect(six('000080FE000000000000000001000000')).toBe('fe80::1');
  });

  it('have an owner, who is found by the socket', async () => {
    const port = (server.address() as { port: number }).port;
    const own = (await listeners(process.pid)).find((one) => one.port === port);
    expect(own).toMatchObject({ protocol: 'tcp', address: '127.0.0.1' });
    expect((await socketOwners(new Set([own?.inode ?? 0]), [2 ** 22 + 1, process.pid])).get(own?.inode ?? 0)).toBe(process.pid);
  });

  it('are the machine\'s own business on its loopback addresses', () => {
    expect(['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1', '0.0.0.0', '::', '10.0.0.127'].map(isLoopback)).toEqual([true, true, true, true, false, false, false]);
  });
});

describe('control groups', () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'groups-'));
    for (const [path, pids] of [['/', '1\n'], ['/system', ''], ['/system/a', '5\n0\n7\n'], ['/user/plane', '9\n']] as const) { mkdirSync(join(root, path), { recursive: true }); writeFileSync(join(root, path, 'cgroup.procs'), pids); }
  });
  afterAll(() => { rmSync(root, { recursive: true }); });

  it('are found with their processes, except where nobody is to look', async () => {
    const found = await groupsBelow('/', { root, skip: ['/user/plane'] });
    expect(found.sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([{ path: '/', pids: [1] }, { path: '/system', pids: [] }, { path: '/system/a', pids: [5, 7] }, { path: '/user', pids: [] }]);
    expect(await groupsBelow('/', { root, maxGroups: 2 })).toHaveLength(2);
    expect(await groupsBelow('/nowhere', { root })).toEqual([{ path: '/nowhere', pids: [] }]);
  });
});
