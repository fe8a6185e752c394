import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { PublishedPort } from '../../../src/engine/engine.ts';
import { conflicts, planeIsApart, PublishedPorts } from '../../../src/supervisor/published-ports.ts';
import type { Listener } from '../../../src/sys/listeners.ts';

const listener = (port: number, rest: Partial<Listener> = {}): Listener => ({ protocol: 'tcp', address: '0.0.0.0', port, inode: 1, ...rest });
const web = (port: number, rest: Partial<PublishedPort> = {}): PublishedPort => ({ container: 'web', address: '0.0.0.0', port, protocol: 'tcp', ...rest });
const none = { tcp: '', udp: '' };
const everybody = 'Container "web" publishes port 5000/tcp, which is the system\'s own: who connects to it does not reach the container';
const machineOnly = everybody.replace('connects to it', 'connects to it from the machine itself');

describe('a published port that is the system\'s', () => {
  it('is one that the system listens on, told once for both families', () => {
    expect(conflicts([web(5000), web(5000, { address: '::' }), web(80)], [listener(5000, { address: '::' }), listener(9100)], none)).toEqual([everybody]);
  });

  it('is none when only the number is the same', () => {
    expect(conflicts([web(5000)], [listener(5000, { protocol: 'udp' })], none)).toEqual([]);
    expect(conflicts([web(5000, { protocol: 'sctp' })], [listener(5000)], none)).toEqual([]);
  });

  it('is lost for the machine itself only, where either side is at a loopback address', () => {
    expect(conflicts([web(5000)], [listener(5000, { address: '127.0.0.1' })], none)).toEqual([machineOnly]);
    expect(conflicts([web(5000, { address: '127.0.0.1' })], [listener(5000)], none)).toEqual([machineOnly]);
    expect(conflicts([web(5000)], [listener(5000, { address: '127.0.0.1' }), listener(5000, { address: '192.0.2.1' })], none)).toEqual([everybody]);
  });

  it('is one that is kept for the system, where nothing listens', () => {
    const reserved = { tcp: '22', udp: '68, 500-510' };
    const found = conflicts([web(22), web(23), web(68, { protocol: 'udp' }), web(68), ...[499, 500, 510, 511].map((port) => web(port, { protocol: 'udp' }))], [], reserved);
    expect(found.map((sentence) => / port (\S+),/.exec(sentence)?.[1])).toEqual(['22/tcp', '68/udp', '500/udp', '510/udp']);
  });
});

describe('conflicts of published ports', () => {
  function machine(published: () => Promise<PublishedPort[]>, isApart = true) {
    const logged: string[] = [];
    let due: (() => void)[] = [];
    const warnings = new Map<string, string>([['state', 'in RAM']]);
    const refreshes = { count: 0 };
    const ports = new PublishedPorts({
      clock: { after: (_: number, work: () => void) => { due.push(work); return () => undefined; } } as never,
      log: pino({ level: 'info' }, { write: (line: string) => { logged.push((JSON.parse(line) as { msg: string }).msg); } }), warnings, refreshLogin: () => { refreshes.count += 1; },
    }, { published, reserved: () => none, system: () => Promise.resolve([listener(5000)]), isApart: () => Promise.resolve(isApart) });
    return { ports, logged, warnings, refreshes, due: () => due, run: () => { const now = due; due = []; for (const work of now) work(); } };
  }

  it('are logged once, shown as long as they last, and leave other warnings alone', async () => {
    let now = [web(5000)];
    const { ports, logged, warnings, refreshes } = machine(() => Promise.resolve(now));
    await ports.look();
    await ports.look();
    expect(logged).toEqual([`user-docker: ${everybody}`]);
    expect([...warnings.values()]).toEqual(['in RAM', `${everybody}.`]);
    now = [];
    await ports.look();
    expect([...warnings.values()]).toEqual(['in RAM']);
    expect(refreshes.count).toBe(2);
  });

  it('stay as they are while User Docker does not answer', async () => {
    let fails = false;
    const { ports, warnings } = machine(() => fails ? Promise.reject(new Error('no answer')) : Promise.resolve([web(5000)]));
    await ports.look();
    fails = true;
    await ports.look();
    expect(warnings.size).toBe(2);
  });

  it('do not exist where the plane has no network of its own', async () => {
    const { ports, warnings } = machine(() => Promise.resolve([web(5000)]), false);
    await ports.look();
    expect(warnings.size).toBe(1);
  });

  it('are looked for once for many changes', async () => {
    let asked = 0;
    const { ports, due, run } = machine(() => { asked += 1; return Promise.resolve([]); });
    for (let change = 0; change < 5; change += 1) ports.changed();
    expect(due()).toHaveLength(1);
    run();
    await new Promise(setImmediate);
    expect(asked).toBe(1);
    ports.changed();
    expect(due()).toHaveLength(1);
  });
});

describe('the user plane', () => {
  it('has a network of its own unless it is said otherwise', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'plane-mode-'));
    const file = join(directory, 'mode');
    expect(await planeIsApart(file)).toBe(true);
    writeFileSync(file, 'host\n');
    expect(await planeIsApart(file)).toBe(false);
    writeFileSync(file, 'plane\n');
    expect(await planeIsApart(file)).toBe(true);
    rmSync(directory, { recursive: true });
  });
});
