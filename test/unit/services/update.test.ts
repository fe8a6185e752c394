import { describe, expect, it, vi } from 'vitest';
import { updateService } from '../../../src/services/update.ts';
import { FakeEngine } from './fake-engine.ts';
import { makeManager } from './managed.ts';

describe('an update', () => {
  async function ready(text: string) {
    const engine = new FakeEngine();
    engine.registry.set('new', 'sha256:new');
    const made = makeManager(engine, text);
    await made.engineUp();
    await vi.waitFor(() => { expect(made.states()['a']).toBe('running'); });
    engine.calls.length = 0;
    const remember = vi.fn(async () => undefined);
    const update = (image: string) => updateService({ ...made, remember }, 'a', image, () => undefined);
    /** Lets time go by until it has ended. */
    const finish = async <T>(work: Promise<T>): Promise<T> => {
      const timer = setInterval(() => { made.clock.pass(1000); }, 5);
      try { return await work; } finally { clearInterval(timer); }
    };
    return { engine, ...made, remember, update, finish };
  }

  it('changes over to the new image, and remembers it when it has proven itself', async () => {
    const { engine, manager, remember, update, finish } = await ready('a: {image: img, network_mode: host}');
    expect(await finish(update('new'))).toMatchObject({ state: 'running', image: 'new' });
    expect(engine.calls).toEqual(['pull new', 'stop a', 'remove a', 'create a', 'start a']);
    expect(remember).toHaveBeenCalledExactlyOnceWith('new');
    expect(manager.statuses()[0]?.image).toBe('new');
  });

  it('puts the old container back when the new one ends, and says so', async () => {
    const { engine, states, remember, update, finish, manager } = await ready('a: {image: img, network_mode: host}');
    engine.endsAtOnce.add('new');
    await expect(finish(update('new'))).rejects.toThrow(/cannot update service "a" to image "new": .*exited with code 3.*it is as before, running from "img"/);
    expect(states()).toEqual({ a: 'running' });
    expect(manager.statuses()[0]?.image).toBe('img');
    expect(engine.inspectImage('a')).toBe('img');
    expect(remember).not.toHaveBeenCalled();
  });

  it('tries beside the old one where nothing keeps the two apart, and never stops that for one that fails', async () => {
    const { engine, states, update, finish } = await ready('a: {image: img, network_mode: none}');
    engine.endsAtOnce.add('new');
    await expect(finish(update('new'))).rejects.toThrow(/the new container has ended with code 3/);
    expect(engine.calls).toEqual(['pull new', 'create a.new', 'start a.new', 'remove a.new']);
    expect(states()).toEqual({ a: 'running' });
    engine.endsAtOnce.clear();
    expect(await finish(update('new'))).toMatchObject({ state: 'running', image: 'new' });
    expect(engine.calls.slice(4)).toEqual(['create a.new', 'start a.new', 'stop a', 'remove a']);
    expect([...engine.containers.values()].map(({ info }) => info.name)).toEqual(['a']);
  });

  it('leaves no container on trial behind when the change-over fails', async () => {
    const { engine, states, update, finish } = await ready('a: {image: img, network_mode: none}');
    engine.rename = async () => { throw new Error('name in use'); };
    await expect(finish(update('new'))).rejects.toThrow(/name in use.*as before, running from "img"/);
    expect(states()).toEqual({ a: 'running' });
    expect([...engine.containers.values()].map(({ info, spec }) => `${info.name} ${spec.image}`)).toEqual(['a img']);
  });

  it('leaves everything as it was when the image cannot be had, or cannot be remembered', async () => {
    const { engine, states, remember, update, finish } = await ready('a: {image: img, network_mode: host}');
    await expect(finish(update('nowhere'))).rejects.toThrow('cannot pull image "nowhere": not found');
    expect(engine.calls).toEqual(['pull nowhere']);
    remember.mockRejectedValueOnce(new Error('no space left on device'));
    await expect(finish(update('new'))).rejects.toThrow(/no space left.*as before, running from "img"/);
    expect(states()).toEqual({ a: 'running' });
    expect(engine.inspectImage('a')).toBe('img');
  });
});
