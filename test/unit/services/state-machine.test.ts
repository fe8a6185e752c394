import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs, initialLife, isReady, parkAfter, step, type Life, type LifeEvent, type LifeRules } from '../../../src/services/state-machine.ts';

const rules: LifeRules = { oneshot: false, hasHealthcheck: false, restart: { when: 'always' }, jitter: 0 };

function after(events: readonly LifeEvent[], withRules: LifeRules = rules): Life {
  return events.reduce((life, event) => step(life, event, withRules).life, initialLife);
}

const up: readonly LifeEvent[] = [{ kind: 'want-up' }, { kind: 'ready-to-start' }, { kind: 'started', health: 'none' }];
const crash: LifeEvent = { kind: 'exited', exitCode: 1, reason: 'exited with code 1' };

describe('the life of a service', () => {
  it('goes from stopped over waiting and starting to running', () => {
    expect(after([])).toMatchObject({ state: 'stopped' });
    expect(after(up.slice(0, 1))).toMatchObject({ state: 'waiting' });
    expect(after(up.slice(0, 2))).toMatchObject({ state: 'starting' });
    expect(after(up)).toMatchObject({ state: 'running' });
  });

  it('is ready when it runs, but with a health check only when that passes', () => {
    expect(isReady(after(up), rules)).toBe(true);
    const checked = { ...rules, hasHealthcheck: true };
    expect(isReady(after(up, checked), checked)).toBe(false);
    expect(isReady(after([...up, { kind: 'health', healthy: true }], checked), checked)).toBe(true);
  });

  it('backs off after an exit and starts again when the retry is due', () => {
    const { life, effects } = step(after(up), crash, rules);
    expect(life).toMatchObject({ state: 'backoff', failures: 1, lastExit: { exitCode: 1 } });
    expect(effects).toEqual([{ kind: 'retry-after', delayMs: 1000 }]);
    expect(step(life, { kind: 'retry-due' }, rules).life).toMatchObject({ state: 'waiting', restarts: 1 });
  });

  it('stops a service whose health check fails, and restarts it', () => {
    const unhealthy = step(after([...up, { kind: 'health', healthy: true }]), { kind: 'health', healthy: false }, rules);
    expect(unhealthy.life.state).toBe('unhealthy');
    expect(unhealthy.effects).toEqual([{ kind: 'stop' }]);
    expect(step(unhealthy.life, crash, rules).life).toMatchObject({ state: 'backoff' });
  });

  it('stays stopped after a stop, whatever the container exits with', () => {
    expect(after([...up, { kind: 'want-down' }])).toMatchObject({ state: 'stopping' });
    expect(after([...up, { kind: 'want-down' }, crash])).toMatchObject({ state: 'stopped' });
  });

  it('starts again after a stop when it was told to start in between', () => {
    expect(after([...up, { kind: 'want-down' }, { kind: 'want-up' }, crash])).toMatchObject({ state: 'waiting' });
  });

  it('forgets its failures after ten minutes up', () => {
    expect(after([...up, crash, { kind: 'retry-due' }, ...up.slice(1), { kind: 'stable' }])).toMatchObject({ failures: 0 });
  });

  it('is parked when it keeps failing, and tries again when somebody starts it', () => {
    const round: LifeEvent[] = [{ kind: 'ready-to-start' }, { kind: 'start-failed', reason: 'no image' }, { kind: 'retry-due' }];
    const parked = after([{ kind: 'want-up' }, ...Array.from({ length: parkAfter }, () => round).flat()]);
    expect(parked).toMatchObject({ state: 'parked', failures: parkAfter, lastExit: { reason: 'no image' } });
    expect(step(parked, { kind: 'want-up' }, rules).life).toMatchObject({ state: 'waiting', failures: 0 });
  });

  it('completes a oneshot that exits with 0 and fails one that does not', () => {
    const oneshot = { ...rules, oneshot: true };
    expect(after([...up, { kind: 'exited', exitCode: 0, reason: '' }], oneshot)).toMatchObject({ state: 'stopped', completed: true });
    expect(after([...up, crash], oneshot)).toMatchObject({ state: 'failed', completed: false });
  });

  it('ignores an answer to a start that came after the exit', () => {
    expect(after([...up.slice(0, 2), crash, { kind: 'started', health: 'none' }])).toMatchObject({ state: 'backoff' });
  });

  it('always comes up again from any history, when what it starts runs', () => {
    const event = fc.constantFrom<LifeEvent>(...up, crash, { kind: 'want-down' }, { kind: 'retry-due' }, { kind: 'stable' }, { kind: 'health', healthy: true }, { kind: 'health', healthy: false }, { kind: 'start-failed', reason: 'x' }, { kind: 'adopted', health: 'none' });
    fc.assert(fc.property(fc.array(event, { maxLength: 60 }), (history) => {
      // Whatever it was doing ends (its container exits), it is wanted, and nothing goes wrong from here on.
      const life = [...history, { kind: 'want-up' } as const, crash, { kind: 'want-up' } as const, { kind: 'ready-to-start' } as const, { kind: 'started', health: 'none' } as const]
        .reduce((before, next) => step(before, next, rules).life, initialLife);
      expect(isReady(life, rules)).toBe(true);
    }));
  });
});

describe('backoff', () => {
  it('doubles from 1 s to 60 s, with at most a quarter of jitter', () => {
    expect([1, 2, 3, 7, 20].map((failures) => backoffMs(failures, 0))).toEqual([1000, 2000, 4000, 60_000, 60_000]);
    expect(backoffMs(1, 0.999)).toBeLessThanOrEqual(1250);
  });
});
