import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Clock } from '../../../src/lib/clock.ts';
import { ServiceManager } from '../../../src/services/manager.ts';
import { readManifest } from '../../../src/services/manifest.ts';
import { combineLayers } from '../../../src/services/plan.ts';
import { FakeEngine } from './fake-engine.ts';

/** Time that only `pass` moves. */
function manualClock(): Clock & { pass(ms: number): void } {
  let nowMs = 0;
  const timers = new Set<{ at: number; call: () => void }>();
  const after = (delayMs: number, call: () => void): (() => void) => {
    const timer = { at: nowMs + delayMs, call };
    timers.add(timer);
    return () => { timers.delete(timer); };
  };
  return {
    uptimeMs: () => nowMs, now: () => new Date(nowMs), after,
    sleep: (delayMs) => new Promise((resolve) => { after(delayMs, resolve); }),
    pass(ms) {
      nowMs += ms;
      for (const timer of [...timers].filter(({ at }) => at <= nowMs)) { timers.delete(timer); timer.call(); }
    },
  };
}

const manifest = `
db: {image: img, labels: {io.rancher.os.scope: system}}
web: {image: img, depends_on: [db]}
check: {image: img, healthcheck: {test: "true"}}
late: {image: img, labels: {io.rancher.os.after: check}}
`;

let stoppedDir: string;
beforeEach(async () => { stoppedDir = await mkdtemp(join(tmpdir(), 'manager-')); });
afterEach(async () => { await rm(stoppedDir, { recursive: true }); });

function makeManager(engine: FakeEngine, text = manifest) {
  const clock = manualClock();
  const lost = vi.fn();
  const manager = new ServiceManager({
    engine, clock, log: pino({ enabled: false }), cgroupParent: '/system', stoppedDir,
    onEngineLost: lost, onChange: () => undefined, onReady: () => undefined,
  });
  manager.setPlan(combineLayers([{ name: 'test', services: readManifest(text, 'test', {}) }]));
  const states = (): Record<string, string> => Object.fromEntries(manager.statuses().map(({ name, state }) => [name, state]));
  return { manager, clock, lost, states };
}

describe('the service manager', () => {
  it('starts what waits for nothing at once, and the rest when what it waits for is ready', async () => {
    const engine = new FakeEngine();
    const { manager, states } = makeManager(engine);
    await manager.engineUp();
    await vi.waitFor(() => { expect(states()).toEqual({ db: 'running', web: 'running', check: 'running', late: 'waiting' }); });
    expect(engine.calls.indexOf('start db')).toBeLessThan(engine.calls.indexOf('start web'));
    expect(manager.statuses().find(({ name }) => name === 'late')?.detail).toBe('waiting for check (running)');
    engine.health('check', 'healthy');
    await vi.waitFor(() => { expect(states()).toMatchObject({ check: 'healthy', late: 'running' }); });
  });

  it('touches nothing that runs as it should when a new manager takes over', async () => {
    const engine = new FakeEngine();
    const first = makeManager(engine);
    await first.manager.engineUp();
    await vi.waitFor(() => { expect(first.states()['web']).toBe('running'); });
    engine.health('check', 'healthy');
    await vi.waitFor(() => { expect(first.states()['late']).toBe('running'); });
    engine.calls.length = 0;
    const second = makeManager(engine);
    await second.manager.engineUp();
    expect(second.states()).toEqual({ db: 'running', web: 'running', check: 'healthy', late: 'running' });
    expect(engine.calls).toEqual([]);
  });

  it('replaces a container that was made from another definition, and removes one that is in no manifest', async () => {
    const engine = new FakeEngine();
    const first = makeManager(engine, 'a: {image: img}\nb: {image: img}\ngone: {image: img}\n');
    await first.manager.engineUp();
    await vi.waitFor(() => { expect(first.states()).toEqual({ a: 'running', b: 'running', gone: 'running' }); });
    engine.calls.length = 0;
    const second = makeManager(engine, 'a: {image: img, privileged: true}\nb: {image: img}\n');
    await second.manager.engineUp();
    await vi.waitFor(() => { expect(second.states()).toEqual({ a: 'running', b: 'running' }); });
    expect(engine.calls).toEqual(['remove gone', 'remove a', 'create a', 'start a']);
  });

  it('restarts a service that exits after its backoff, and only that one', async () => {
    const engine = new FakeEngine();
    const { manager, clock, states } = makeManager(engine);
    await manager.engineUp();
    await vi.waitFor(() => { expect(states()['web']).toBe('running'); });
    engine.calls.length = 0;
    engine.end('db', 137);
    expect(manager.statuses().find(({ name }) => name === 'db')).toMatchObject({ state: 'backoff', exitCode: 137, detail: expect.stringContaining('killed by signal 9') as string });
    clock.pass(1300);
    await vi.waitFor(() => { expect(states()['db']).toBe('running'); });
    expect(engine.calls).toEqual(['start db']);
    expect(states()['web']).toBe('running');
  });

  it('keeps a service that was stopped by hand stopped, also under a new manager, until it is started', async () => {
    const engine = new FakeEngine();
    const first = makeManager(engine);
    await first.manager.engineUp();
    await vi.waitFor(() => { expect(first.states()['web']).toBe('running'); });
    expect(await first.manager.stop('web')).toMatchObject({ state: 'stopped' });
    const second = makeManager(engine);
    await second.manager.engineUp();
    expect(second.states()['web']).toBe('stopped');
    expect(await second.manager.start('web')).toMatchObject({ state: 'running' });
  });

  it('tells why a start failed, and keeps trying', async () => {
    const engine = new FakeEngine();
    engine.broken.add('db');
    const { manager, clock, states } = makeManager(engine);
    await manager.engineUp();
    await expect(manager.start('db')).rejects.toThrow(/cannot start service "db": .*broken.*restart in/);
    engine.broken.delete('db');
    clock.pass(60_000);
    await vi.waitFor(() => { expect(states()['db']).toBe('running'); });
  });

  it('says that the engine is lost when its event stream ends, and goes on when it is back', async () => {
    const engine = new FakeEngine();
    const { manager, lost, clock, states } = makeManager(engine);
    await manager.engineUp();
    await vi.waitFor(() => { expect(states()['web']).toBe('running'); });
    engine.die();
    await vi.waitFor(() => { expect(lost).toHaveBeenCalledOnce(); });
    engine.end('db', 1); // nobody hears it
    await manager.engineUp();
    expect(states()).toMatchObject({ db: 'backoff', web: 'running' });
    clock.pass(2000);
    await vi.waitFor(() => { expect(states()['db']).toBe('running'); });
  });

  it('stops dependants before what they depend on, and the last ones last', async () => {
    const engine = new FakeEngine();
    const { manager, states } = makeManager(engine, 'db: {image: img}\nweb: {image: img, depends_on: [db]}\nsyslog: {image: img}\n');
    await manager.engineUp();
    await vi.waitFor(() => { expect(states()).toEqual({ db: 'running', web: 'running', syslog: 'running' }); });
    engine.calls.length = 0;
    await manager.stopAll(['syslog']);
    expect(engine.calls).toEqual(['stop web', 'stop db', 'stop syslog']);
  });

  it('refuses an unknown name with a hint', async () => {
    await expect(makeManager(new FakeEngine()).manager.start('nope')).rejects.toMatchObject({ code: 'ERR_ROS_NO_SERVICE', message: 'cannot start service "nope": there is no such service' });
  });
});
