import { describe, expect, it, vi } from 'vitest';
import { FakeEngine } from './fake-engine.ts';
import { makeManager, planOf } from './managed.ts';

describe('the service manager', () => {
  it('starts by priority, in whatever order the engine answers', async () => {
    const engine = new FakeEngine();
    const text = ['late', 'later', 'first', 'second'].map((name) => `${name}: {image: "img-${name}", labels: {io.rancher.os.scope: system, io.corral.priority: ${{ first: 1, second: 2, late: 8, later: 9 }[name]}}}`).join('\n');
    engine.images = new Map(['late', 'later', 'first', 'second'].map((name) => [`img-${name}`, 'sha256:1']));
    const imageId = engine.imageId.bind(engine);
    const asked: string[] = [];
    engine.imageId = async (reference) => {
      asked.push(reference);
      if (!reference.includes('late')) await new Promise((resolve) => { setTimeout(resolve, 20); });
      return imageId(reference);
    };
    const create = engine.create.bind(engine);
    let askedBefore: string[] | undefined;
    engine.create = async (spec) => {
      askedBefore ??= [...new Set(asked)];
      return create(spec);
    };
    await makeManager(engine, text).engineUp();
    await vi.waitFor(() => { expect(engine.calls.filter((call) => call.startsWith('create'))).toHaveLength(4); });
    expect(askedBefore).toEqual(['img-first', 'img-second']);
    expect(engine.calls.find((call) => call.startsWith('create'))).toBe('create first');
  });

  describe('leaves the processors to User Docker first', () => {
    const label = (priority: number): string => `labels: {io.rancher.os.scope: system, io.corral.priority: ${priority}}`;
    const text = `docker: {image: img, ${label(10)}}\nlog: {image: img, ${label(60)}}\nclock: {image: img, ${label(60)}}\nplain: {image: img}\n`;

    it('until it answers', async () => {
      const { manager, states, engineUp } = makeManager(new FakeEngine(), text);
      await engineUp();
      await vi.waitFor(() => { expect(states()).toEqual({ docker: 'running', plain: 'running', log: 'waiting', clock: 'waiting' }); });
      expect(manager.runner('log', 'look at').status().detail).toBe('waiting for User Docker, which goes first');
      await manager.engineUp('user');
      await vi.waitFor(() => { expect(states()).toEqual({ docker: 'running', plain: 'running', log: 'running', clock: 'running' }); });
    });

    it('but not for longer than 20 s', async () => {
      const { clock, states, engineUp } = makeManager(new FakeEngine(), text);
      await engineUp();
      clock.pass(19_999);
      await vi.waitFor(() => { expect(states()).toMatchObject({ docker: 'running', log: 'waiting' }); });
      clock.pass(1);
      await vi.waitFor(() => { expect(states()).toMatchObject({ log: 'running', clock: 'running' }); });
    });

    it('and not where it does not come', async () => {
      const engine = new FakeEngine();
      engine.broken.add('docker');
      const { states, engineUp } = makeManager(engine, text);
      await engineUp();
      await vi.waitFor(() => { expect(states()).toEqual({ docker: 'backoff', plain: 'running', log: 'running', clock: 'running' }); });
      const without = makeManager(new FakeEngine(), `log: {image: img, ${label(60)}}`);
      await without.engineUp();
      await vi.waitFor(() => { expect(without.states()).toEqual({ log: 'running' }); });
    });

    it('and not where something that comes before waits for one of these', async () => {
      const { states, engineUp } = makeManager(new FakeEngine(), `docker: {image: img, depends_on: [vpn]}\nvpn: {image: img, depends_on: [log]}\nlog: {image: img, ${label(60)}}\nclock: {image: img, ${label(60)}}`);
      await engineUp();
      await vi.waitFor(() => { expect(states()).toEqual({ docker: 'running', vpn: 'running', log: 'running', clock: 'waiting' }); });
    });
  });

  it('says when the containers that are being started run', async () => {
    const engine = new FakeEngine();
    const { manager, engineUp } = makeManager(engine, 'check: {image: img, labels: {io.rancher.os.scope: system}}');
    const { promise, resolve } = Promise.withResolvers<void>();
    const start = engine.start.bind(engine);
    engine.start = async (id) => { await promise; return start(id); };
    await manager.entered(); // nothing is being started
    await engineUp();
    await vi.waitFor(() => { expect(engine.calls.some((call) => call.startsWith('create'))).toBe(true); });
    const entered = manager.entered().then(() => manager.runner('check', 'look at').started);
    resolve();
    expect(await entered).toBe(true);
  });

  it('finds out what the engine has not told: health, and an end', async () => {
    const engine = new FakeEngine();
    const { states, engineUp, clock } = makeManager(engine, 'check: {image: img, healthcheck: {test: "true"}, labels: {io.rancher.os.scope: system}}');
    await engineUp();
    await vi.waitFor(() => { expect(states()).toEqual({ check: 'running' }); });
    const lose = (change: object): void => { for (const container of engine.containers.values()) container.info = { ...container.info, ...change }; };
    lose({ health: 'healthy' });
    await vi.waitFor(() => { clock.pass(2000); expect(states()).toEqual({ check: 'healthy' }); });
    lose({ running: false, exitCode: 3 });
    await vi.waitFor(() => { if (states()['check'] === 'healthy') clock.pass(60_000); expect(states()).toEqual({ check: 'backoff' }); });
  });

  it('makes a container anew that the engine cannot look into', async () => {
    const engine = new FakeEngine();
    const only = 'db: {image: img, labels: {io.rancher.os.scope: system}}';
    await makeManager(engine, only).engineUp();
    await vi.waitFor(() => { expect(engine.calls).toContain('start db'); });
    const [before, container] = [...engine.containers].at(0) ?? [];
    if (container === undefined || before === undefined) throw new Error('no container');
    engine.end(before, 137);
    container.info = { ...container.info, isDamaged: true };
    const { states, engineUp } = makeManager(engine, only);
    await engineUp();
    await vi.waitFor(() => { expect(states()).toEqual({ db: 'running' }); });
    expect((await engine.inspect('db'))?.id).not.toBe(before);
  });

  it('makes a container of an earlier boot anew that does not start, and not one that has run in this boot', async () => {
    const engine = new FakeEngine();
    const only = 'db: {image: img, labels: {io.rancher.os.scope: system}}';
    await makeManager(engine, only).engineUp();
    await vi.waitFor(() => { expect(engine.calls).toContain('start db'); });
    const before = (await engine.inspect('db'))?.id ?? '';
    engine.end(before, 137); // the power goes, and empties its files
    engine.broken.add(before);

    const { states, engineUp, clock } = makeManager(engine, only);
    await engineUp();
    await vi.waitFor(() => { expect(states()).toEqual({ db: 'running' }); });
    const after = (await engine.inspect('db'))?.id ?? '';
    expect(after).not.toBe(before);

    engine.broken.add(after);
    engine.end(after, 1);
    await vi.waitFor(() => { expect(states()).toEqual({ db: 'backoff' }); });
    clock.pass(2000);
    await vi.waitFor(() => { expect(engine.calls.filter((call) => call === 'start db')).toHaveLength(4); });
    expect((await engine.inspect('db'))?.id).toBe(after);
  });

  it('starts what waits for nothing at once, and the rest when what it waits for is ready', async () => {
    const engine = new FakeEngine();
    const { manager, states, engineUp } = makeManager(engine);
    await engineUp();
    await vi.waitFor(() => { expect(states()).toEqual({ db: 'running', web: 'running', check: 'running', late: 'waiting' }); });
    expect(engine.calls.indexOf('start db')).toBeLessThan(engine.calls.indexOf('start web'));
    expect(manager.statuses().find(({ name }) => name === 'late')?.detail).toBe('waiting for check (running)');
    engine.health('check', 'healthy');
    await vi.waitFor(() => { expect(states()).toMatchObject({ check: 'healthy', late: 'running' }); });
  });

  it('touches nothing that runs as it should when a new manager takes over', async () => {
    const engine = new FakeEngine();
    const first = makeManager(engine);
    await first.engineUp();
    await vi.waitFor(() => { expect(first.states()['web']).toBe('running'); });
    engine.health('check', 'healthy');
    await vi.waitFor(() => { expect(first.states()['late']).toBe('running'); });
    engine.calls.length = 0;
    const second = makeManager(engine);
    await second.engineUp();
    expect(second.states()).toEqual({ db: 'running', web: 'running', check: 'healthy', late: 'running' });
    expect(engine.calls).toEqual([]);
  });

  it('replaces a container that was made from another definition, and removes one that is in no manifest', async () => {
    const engine = new FakeEngine();
    const first = makeManager(engine, 'a: {image: img}\nb: {image: img}\ngone: {image: img}\n');
    await first.engineUp();
    await vi.waitFor(() => { expect(first.states()).toEqual({ a: 'running', b: 'running', gone: 'running' }); });
    engine.calls.length = 0;
    const second = makeManager(engine, 'a: {image: img, privileged: true}\nb: {image: img}\n');
    await second.engineUp();
    await vi.waitFor(() => { expect(second.states()).toEqual({ a: 'running', b: 'running' }); });
    expect(engine.calls).toEqual(['remove gone', 'remove a', 'create a', 'start a']);
  });

  it('restarts a service that exits after its backoff, and only that one', async () => {
    const engine = new FakeEngine();
    const { manager, clock, states, engineUp } = makeManager(engine);
    await engineUp();
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
    await first.engineUp();
    await vi.waitFor(() => { expect(first.states()['web']).toBe('running'); });
    expect(await first.manager.stop('web')).toMatchObject({ state: 'stopped' });
    const second = makeManager(engine);
    await second.engineUp();
    expect(second.states()['web']).toBe('stopped');
    expect(await second.manager.start('web')).toMatchObject({ state: 'running' });
  });

  it('tells why a start failed, and keeps trying', async () => {
    const engine = new FakeEngine();
    engine.broken.add('db');
    const { manager, clock, states, engineUp } = makeManager(engine);
    await engineUp();
    await expect(manager.start('db')).rejects.toThrow(/cannot start service "db": .*broken.*restart in/);
    engine.broken.delete('db');
    clock.pass(60_000);
    await vi.waitFor(() => { expect(states()['db']).toBe('running'); });
  });

  it('says that the engine is lost when its event stream ends, and goes on when it is back', async () => {
    const engine = new FakeEngine();
    const { lost, clock, states, engineUp } = makeManager(engine);
    await engineUp();
    await vi.waitFor(() => { expect(states()['web']).toBe('running'); });
    engine.die();
    await vi.waitFor(() => { expect(lost).toHaveBeenCalledOnce(); });
    engine.end('db', 1); // nobody hears it
    await engineUp();
    expect(states()).toMatchObject({ db: 'backoff', web: 'running' });
    clock.pass(2000);
    await vi.waitFor(() => { expect(states()['db']).toBe('running'); });
  });

  it('stops dependants before what they depend on, and the last ones last', async () => {
    const engine = new FakeEngine();
    const { manager, states, engineUp } = makeManager(engine, 'db: {image: img}\nweb: {image: img, depends_on: [db]}\nsyslog: {image: img}\n');
    await engineUp();
    await vi.waitFor(() => { expect(states()).toEqual({ db: 'running', web: 'running', syslog: 'running' }); });
    engine.calls.length = 0;
    await manager.stopAll(['syslog']);
    expect(engine.calls).toEqual(['stop web', 'stop db', 'stop syslog']);
    await expect(manager.start('web')).rejects.toThrow('the machine is shutting down');
  });

  it('refuses an unknown name with a hint', async () => {
    await expect(makeManager(new FakeEngine()).manager.start('nope')).rejects.toMatchObject({ code: 'ERR_ROS_NO_SERVICE', message: 'cannot start service "nope": there is no such service' });
  });
});

it('what an update that was cut short has left is removed, and the service itself is taken up', async () => {
  const engine = new FakeEngine();
  const first = makeManager(engine, 'a: {image: img}');
  await first.engineUp();
  await vi.waitFor(() => { expect(first.states()).toEqual({ a: 'running' }); });
  const [own] = engine.containers.values();
  if (own === undefined) throw new Error('no container');
  await engine.start(await engine.create({ ...own.spec, name: 'a.new' }));
  engine.calls.length = 0;
  const second = makeManager(engine, 'a: {image: img}');
  await second.engineUp();
  expect(second.states()).toEqual({ a: 'running' });
  expect(engine.calls).toEqual(['remove a.new']);
});

it.each([
  ['"no"', 0, 'stopped'], ['"no"', 1, 'failed'], ['on-failure', 0, 'stopped'], ['on-failure', 1, 'backoff'], ['always', 0, 'backoff'],
])('restart: %s and an end with %i make it %s', async (restart, exitCode, state) => {
  const engine = new FakeEngine();
  const { states, engineUp } = makeManager(engine, `a: {image: img, restart: ${restart}}`);
  await engineUp();
  await vi.waitFor(() => { expect(states()['a']).toBe('running'); });
  engine.end('a', exitCode);
  expect(states()['a']).toBe(state);
});

it('restart: on-failure:1 gives it one more try', async () => {
  const engine = new FakeEngine();
  engine.endsAtOnce.add('img');
  const { clock, states, engineUp } = makeManager(engine, 'a: {image: img, restart: "on-failure:1"}');
  await engineUp();
  await vi.waitFor(() => { expect(states()['a']).toBe('backoff'); });
  clock.pass(2000);
  await vi.waitFor(() => { expect(states()['a']).toBe('failed'); });
});

describe('a changed plan', () => {
  it('stops and removes what is gone, does not start what is new, and leaves the others alone', async () => {
    const engine = new FakeEngine();
    const { manager, states, engineUp } = makeManager(engine, 'a: {image: img}\nb: {image: img}\n');
    await engineUp();
    await vi.waitFor(() => { expect(states()).toEqual({ a: 'running', b: 'running' }); });
    engine.calls.length = 0;
    await manager.setPlan(planOf('a: {image: img, tty: true}\nc: {image: img}\n'), () => false);
    expect(states()).toEqual({ a: 'running', c: 'stopped' });
    expect(engine.calls).toEqual(['stop b', 'remove b']);
    await manager.start('c');
    expect(states()).toEqual({ a: 'running', c: 'running' });
    // Nobody meant a: it stays what it was, also when it is started again.
    await manager.restart('a');
    expect(engine.calls.filter((call) => call.endsWith(' a'))).toEqual(['stop a', 'start a']);
  });

  it('counts for a service that is meant from its next start on', async () => {
    const engine = new FakeEngine();
    const { manager, states, engineUp } = makeManager(engine, 'a: {image: img}\n');
    await engineUp();
    await vi.waitFor(() => { expect(states()).toEqual({ a: 'running' }); });
    engine.calls.length = 0;
    await manager.setPlan(planOf('a: {image: img, tty: true}\n'));
    expect(engine.calls).toEqual([]);
    await manager.restart('a');
    expect(engine.calls).toEqual(['stop a', 'remove a', 'create a', 'start a']);
  });
});

it('a start brings up what it needs, too', async () => {
  const { manager, states, engineUp } = makeManager(new FakeEngine(), 'a: {image: img}\nb: {image: img, depends_on: [a]}\nc: {image: img, depends_on: [b]}\n');
  await engineUp();
  await vi.waitFor(() => { expect(states()).toEqual({ a: 'running', b: 'running', c: 'running' }); });
  for (const name of ['c', 'b', 'a']) await manager.stop(name);
  await manager.start('c');
  expect(states()).toEqual({ a: 'running', b: 'running', c: 'running' });
});

describe('services of the user scope', () => {
  const both = 'docker: {image: img}\nweb: {image: img, labels: {io.rancher.os.scope: user}}\n';

  it('wait for User Docker and run on it, and again when it is back', async () => {
    const [system, user] = [new FakeEngine(), new FakeEngine()];
    const { manager, states, lost, engineUp } = makeManager(system, both, user);
    await engineUp();
    await vi.waitFor(() => { expect(states()).toEqual({ docker: 'running', web: 'waiting' }); });
    expect(manager.statuses().find(({ name }) => name === 'web')?.detail).toBe('waiting for User Docker');
    await manager.engineUp('user');
    await vi.waitFor(() => { expect(states()['web']).toBe('running'); });
    expect(user.calls).toEqual(['create web', 'start web']);
    user.die();
    await vi.waitFor(() => { expect(lost).toHaveBeenCalledWith('user'); });
    user.end('web', 1);
    await manager.engineUp('user');
    expect(states()).toEqual({ docker: 'running', web: 'backoff' });
  });

  it('one that moves to the other engine leaves nothing behind', async () => {
    const [system, user] = [new FakeEngine(), new FakeEngine()];
    const { manager, states, engineUp } = makeManager(system, 'docker: {image: img}\nweb: {image: img}\n', user);
    await engineUp();
    await manager.engineUp('user');
    await vi.waitFor(() => { expect(states()).toEqual({ docker: 'running', web: 'running' }); });
    await manager.setPlan(planOf(both));
    await manager.start('web');
    expect([system, user].map((engine) => [...engine.containers.values()].map(({ info }) => info.name))).toEqual([['docker'], ['web']]);
  });
});

describe('images', () => {
  it('are pulled when they are not here, and why that failed is told', async () => {
    const engine = new FakeEngine();
    engine.registry.set('far', 'sha256:far');
    const { manager, clock, states, engineUp } = makeManager(engine, 'a: {image: far}\nb: {image: nowhere}\n');
    await engineUp();
    await vi.waitFor(() => { expect(states()).toEqual({ a: 'running', b: 'backoff' }); });
    expect(manager.statuses().find(({ name }) => name === 'b')?.detail).toContain('cannot pull image "nowhere": not found');
    engine.images.set('nowhere', 'sha256:preloaded');
    manager.imagesChanged();
    await vi.waitFor(() => { expect(states()['b']).toBe('running'); });
    expect(clock.uptimeMs()).toBe(0);
  });
});

it('tells an end once, with how long it ran', async () => {
  const engine = new FakeEngine();
  engine.endsAtOnce.add('img');
  const { manager, states, engineUp } = makeManager(engine, 'a: {image: img}');
  await engineUp();
  await vi.waitFor(() => { expect(states()['a']).toBe('backoff'); });
  await new Promise((resolve) => { setImmediate(resolve); });
  expect(manager.runner('a', 'explain').exits.map(({ reason }) => reason)).toEqual(['exited with code 3']);
});

describe('the events of services', () => {
  it('are told once to who comes back with a cursor, with a word on what is missing', async () => {
    const { manager, engineUp, states } = makeManager(new FakeEngine(), 'a: {image: img}');
    await engineUp();
    await vi.waitFor(() => { expect(states()['a']).toBe('running'); });
    const all = manager.events.tail();
    expect(all.map(({ service, from, to }) => `${service} ${from} ${to}`)).toEqual(['a stopped waiting', 'a waiting starting', 'a starting running']);
    expect(manager.events.since(all[0]?.cursor ?? '')).toEqual(all.slice(1));
    expect(manager.events.since('0000.5')).toEqual([{ gap: expect.stringContaining('replaced') as string }, ...all]);
  });
});

it('a service that is stopped in the middle of its start does not run afterwards', async () => {
  const engine = new FakeEngine();
  const { manager, states, engineUp } = makeManager(engine, 'a: {image: img}');
  let goOn: () => void = () => undefined;
  const start = engine.start.bind(engine);
  engine.start = async (id) => { await new Promise<void>((resolve) => { goOn = resolve; }); await start(id); };
  await engineUp();
  await vi.waitFor(() => { expect(states()).toEqual({ a: 'starting' }); });
  await vi.waitFor(() => { expect(engine.containers.size).toBe(1); });
  await manager.stop('a');
  goOn();
  await vi.waitFor(() => { expect(engine.calls).toContain('start a'); });
  await vi.waitFor(async () => { expect((await engine.inspect('a'))?.running).toBe(false); });
  expect(states()).toEqual({ a: 'stopped' });
});
