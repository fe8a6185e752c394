/** A service manager on engines that are none, with time that only the test moves. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, vi } from 'vitest';
import type { Clock } from '../../../src/lib/clock.ts';
import { Images } from '../../../src/services/images.ts';
import { ServiceManager } from '../../../src/services/manager.ts';
import { readManifest } from '../../../src/services/manifest.ts';
import { combineLayers, type Plan } from '../../../src/services/plan.ts';
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

const log = pino({ enabled: false });

/** Services are of the system scope unless they say so. */
export function planOf(text: string): Plan {
  const fragments = readManifest(text, 'test', {});
  return combineLayers([{ name: 'test', services: fragments.map((one) => ({ ...one, raw: { ...one.raw, labels: { 'io.rancher.os.scope': 'system', ...one.raw.labels } } })) }]);
}

export function makeManager(engine: FakeEngine, text = manifest, userEngine = new FakeEngine()) {
  const clock = manualClock();
  const lost = vi.fn();
  const images = new Images({ clock, log, auths: () => ({}) });
  const manager = new ServiceManager({
    planes: { system: { engine, cgroupParent: '/system', seesPids: false }, user: { engine: userEngine, cgroupParent: '', seesPids: false } }, images,
    clock, log, stoppedDir, onEngineLost: lost, onChange: () => undefined, onReady: () => undefined,
  });
  const ready = manager.setPlan(planOf(text));
  const engineUp = async (): Promise<void> => { await ready; await manager.engineUp('system'); };
  const states = (): Record<string, string> => Object.fromEntries(manager.statuses().map(({ name, state }) => [name, state]));
  return { manager, clock, lost, states, engineUp, images };
}
