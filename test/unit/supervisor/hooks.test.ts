import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { settingsOf } from '../../../src/config/index.ts';
import type { ContainerSpec } from '../../../src/engine/engine.ts';
import { bootHooks, consoleHooks, HookRuns, type Hook } from '../../../src/supervisor/hooks.ts';
import type { HookResult, Machine } from '../../../src/supervisor/machine.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { FakeEngine } from '../services/fake-engine.ts';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'hooks-')); });
afterEach(() => { rmSync(folder, { recursive: true }); });

function makeRuns() {
  const machine = { clock: systemClock, log: pino({ enabled: false }), warnings: new Map<string, string>(), refreshLogin: () => undefined, hooks: [] as readonly HookResult[] };
  return { machine, runs: new HookRuns(machine, join(folder, 'hooks.json')) };
}
const ran: string[] = [];
const hook = (name: string, exitCode = 0, output = ''): Hook => ({ name, run: async () => { ran.push(name); return { exitCode, output }; } });
beforeEach(() => { ran.length = 0; });

describe('hooks', () => {
  it('run one after the other, and one that fails is told and stops none', async () => {
    const { machine, runs } = makeRuns();
    await runs.run('console', 'start 1', [hook('runcmd 1'), hook('runcmd 2', 3, 'it said secret'), { name: 'x', run: async () => { throw new Error('cannot run'); } }, hook('/etc/rc.local')]);
    expect(ran).toEqual(['runcmd 1', 'runcmd 2', '/etc/rc.local']);
    expect(machine.hooks.map(({ name, exitCode, output }) => [name, exitCode, output])).toEqual([['runcmd 1', 0, ''], ['runcmd 2', 3, 'it said secret'], ['x', -1, 'cannot run'], ['/etc/rc.local', 0, '']]);
    expect(machine.warnings.get('hook runcmd 2')).toBe('Configuration: runcmd 2 ended with exit code 3; "ros config status" shows what it said.');
    expect([...machine.warnings.values()].join()).not.toContain('secret');
    expect(statSync(join(folder, 'hooks.json')).mode & 0o777).toBe(0o600);
  });

  it('run once a start, also under another supervisor, and again at the next', async () => {
    const first = makeRuns();
    await first.runs.run('console', 'start 1', [hook('a'), hook('b', 1)]);
    const second = makeRuns();
    await second.runs.load();
    await second.runs.run('console', 'start 1', [hook('a'), hook('b')]);
    expect(ran).toEqual(['a', 'b']);
    expect(second.machine.hooks).toHaveLength(2);
    await second.runs.run('console', 'start 2', [hook('a'), hook('b')]);
    expect(ran).toEqual(['a', 'b', 'a', 'b']);
    expect(second.machine.hooks.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  });

  it('that were cut off by the end of a supervisor are not run twice, and the rest is', async () => {
    writeFileSync(join(folder, 'hooks.json'), JSON.stringify({ console: { id: 's', begun: ['a', 'b'], results: [{ name: 'a', exitCode: 0, at: '', tookMs: 1, output: '' }], doing: { name: 'b', at: '' } } }));
    const { runs, machine } = makeRuns();
    await runs.load();
    await runs.run('console', 's', [hook('a'), hook('b'), hook('c')]);
    expect(ran).toEqual(['c']);
    expect(machine.hooks.map(({ name, exitCode }) => [name, exitCode])).toEqual([['a', 0], ['b', -1], ['c', 0]]);
  });

  it('end when the console they run in is over, and those of a boot stay told', async () => {
    const { runs, machine } = makeRuns();
    await runs.run('boot', 'boot', [hook('bootcmd 1')]);
    await runs.run('console', 's', [hook('a'), hook('b')], () => ran.includes('a'));
    expect(ran).toEqual(['bootcmd 1', 'a']);
    expect(machine.hooks.map(({ name }) => name)).toEqual(['bootcmd 1']);
  });

  it('that come later in the same start run then, and only they', async () => {
    const { runs } = makeRuns();
    await runs.run('console', 's', [{ ...hook('runcmd 1'), key: 'x' }]);
    await Promise.all([runs.run('console', 's', [{ ...hook('runcmd 1'), key: 'y' }, { ...hook('runcmd 2'), key: 'x' }]), runs.run('console', 's', [{ ...hook('runcmd 1'), key: 'y' }])]);
    expect(ran).toEqual(['runcmd 1', 'runcmd 1']);
  });

  it('cost no file where there are none', async () => {
    const { runs } = makeRuns();
    await runs.run('boot', 'boot', []);
    expect(() => readFileSync(join(folder, 'hooks.json'))).toThrow('ENOENT');
  });
});

describe('the commands', () => {
  it('of the console are run there, scripts by what they begin with', async () => {
    const engine = new FakeEngine();
    const id = await engine.create({ name: 'console', labels: {} } as ContainerSpec);
    writeFileSync(join(folder, 'program'), '#!/bin/bash\n');
    writeFileSync(join(folder, 'text'), 'echo\n');
    const machine = { settings: { ...settingsOf({}), runcmd: ['echo $HOME', ['touch', '/a b']] }, applied: undefined, systemEngine: engine } as unknown as Machine;
    engine.calls.length = 0;
    for (const one of await consoleHooks(machine, id, 1, [join(folder, 'program'), join(folder, 'text'), join(folder, 'none'), folder])) await one.run();
    expect(engine.calls.map((call) => call.replace(/^exec console timeout -k 10 3600 /, ''))).toEqual(['sh -c echo $HOME', 'touch /a b', `sh -c chmod 755 "$0"; exec "$0" ${folder}/program`, `sh ${folder}/text`]);
  });

  it('of the boot run here, with the end of what they say', async () => {
    const [shell, program] = bootHooks(['echo "$SAID"; echo oops >&2; exit 4', ['printf', '%s|', 'a b', 'c']], { SAID: 'hi' }, folder);
    expect(await shell?.run()).toEqual({ exitCode: 4, output: expect.stringMatching(/hi\n[^]*oops|oops\n[^]*hi/) as string });
    expect(await program?.run()).toEqual({ exitCode: 0, output: 'a b|c|' });
  });
});
