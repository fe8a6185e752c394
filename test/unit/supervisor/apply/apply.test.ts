import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { settingsOf, type CloudConfig, type Settings } from '../../../../src/config/index.ts';
import { applyConfig } from '../../../../src/supervisor/apply/apply.ts';
import { note } from '../../../../src/supervisor/apply/applied.ts';
import type { ApplyResult, Part } from '../../../../src/supervisor/apply/part.ts';
import { planChanges } from '../../../../src/supervisor/apply/parts.ts';
import type { Machine } from '../../../../src/supervisor/machine.ts';

const config = (value: CloudConfig): Settings => settingsOf(value);

function bench(before: CloudConfig) {
  const done: string[] = [];
  const broken = new Set<string>();
  const saved: string[] = [];
  const part = (name: string, of: Part['of'], effect: Part['effect'] = 'now'): Part => ({
    name, keys: [name], of, effect,
    async apply(_machine, _old, after) { done.push(`${name} ${JSON.stringify(of(after))}`); if (broken.has(name)) throw new Error(`cannot do ${name}: broken`); },
  });
  const table = [part('hostname', ({ hostname }) => hostname), part('modules', ({ modules }) => modules), part('state', ({ state }) => state.device, 'reboot')];
  const restarted: string[] = [];
  const machine = {
    settings: config(before), applied: config(before), unfinished: {}, warnings: new Map<string, string>(), log: pino({ enabled: false }), refreshLogin: () => undefined,
    services: { entered: async () => undefined, has: (name: string) => name !== 'gone', runner: () => ({ started: true }), restart: async (name: string) => { restarted.push(name); if (name === 'gone') throw new Error('there is no such service'); } },
  } as unknown as Machine;
  const apply = (after: CloudConfig): Promise<ApplyResult> => applyConfig(machine, undefined, {
    table, read: async () => { machine.settings = config(after); }, save: async () => { saved.push(Object.keys(machine.unfinished).join()); },
  });
  return { machine, apply, done, broken, restarted, saved, plan: (after: CloudConfig) => planChanges(machine.applied ?? machine.settings, config(after), machine.unfinished, table).map(({ part: name }) => name) };
}

describe('applying a configuration', () => {
  it('does what differs and nothing else', async () => {
    const { apply, done, plan } = bench({ hostname: 'a', rancher: { modules: ['x'] } });
    expect(plan({ hostname: 'b', rancher: { modules: ['x'] } })).toEqual(['hostname']);
    expect(await apply({ hostname: 'b', rancher: { modules: ['x'] } })).toEqual({ changes: [{ part: 'hostname', ok: true, detail: 'hostname' }], needsReboot: [] });
    expect(done).toEqual(['hostname "b"']);
    expect(await apply({ hostname: 'b', rancher: { modules: ['x'] } })).toEqual({ changes: [], needsReboot: [] });
    expect(done).toHaveLength(1);
  });

  it('waits for containers that are being started with what was in effect before; later ones get the new', async () => {
    const { apply, done, machine } = bench({ hostname: 'a' });
    const { promise, resolve } = Promise.withResolvers<void>();
    let inEffect: string | undefined;
    machine.services.entered = () => { inEffect = machine.applied?.hostname; return promise; };
    const applied = apply({ hostname: 'b' });
    await new Promise((next) => { setImmediate(next); });
    expect({ done, inEffect }).toEqual({ done: [], inEffect: 'b' });
    resolve();
    await applied;
    expect(done).toEqual(['hostname "b"']);
  });

  it('goes on after a part that fails, tells it, and tries it again the next time', async () => {
    const { apply, broken, done, machine, plan } = bench({});
    broken.add('hostname');
    const wanted: CloudConfig = { hostname: 'b', rancher: { modules: ['x'] } };
    expect((await apply(wanted)).changes).toEqual([{ part: 'hostname', ok: false, detail: 'cannot do hostname: broken' }, { part: 'modules', ok: true, detail: 'modules' }]);
    expect(machine.warnings.get('apply hostname')).toBe('Configuration: cannot do hostname: broken.');
    expect(plan(wanted)).toEqual(['hostname']);
    broken.clear();
    expect((await apply(wanted)).changes).toEqual([{ part: 'hostname', ok: true, detail: 'hostname' }]);
    expect(machine.warnings.size).toBe(0);
    expect(plan(wanted)).toEqual([]);
    expect(done).toEqual(['hostname "b"', 'modules ["x"]', 'hostname "b"']);
  });

  it('leaves to the next boot what only that can do, says so until then, and forgets it when it is taken back', async () => {
    const { apply, done, plan } = bench({ rancher: { state: { dev: '/dev/a' } } });
    const wanted: CloudConfig = { rancher: { state: { dev: '/dev/b' } } };
    expect(await apply(wanted)).toEqual({ changes: [], needsReboot: ['state'] });
    expect(await apply({ ...wanted, hostname: 'x' })).toMatchObject({ changes: [{ part: 'hostname' }], needsReboot: ['state'] });
    expect(plan({ rancher: { state: { dev: '/dev/a' } } })).toEqual(['hostname']);
    expect(await apply({ rancher: { state: { dev: '/dev/a' } } })).toMatchObject({ needsReboot: [] });
    expect(done).toEqual(['hostname "x"', 'hostname "rancher"']);
  });

  it('restarts the services that are to be, when anything has changed', async () => {
    const { apply, restarted } = bench({});
    const wanted: CloudConfig = { hostname: 'x', rancher: { restart_services: ['ntp', 'gone'] } };
    expect((await apply(wanted)).changes.at(-1)).toEqual({ part: 'restart_services', ok: false, detail: 'restart_services: there is no such service' });
    expect(restarted).toEqual(['ntp', 'gone']);
    await apply(wanted);
    expect(restarted).toHaveLength(2);
  });

  it('is one at a time, and not before the boot has come so far', async () => {
    const { apply, machine, done } = bench({});
    await Promise.all([apply({ hostname: 'a' }), apply({ hostname: 'b' }), apply({ hostname: 'b' })]);
    expect(done).toEqual(['hostname "a"', 'hostname "b"']);
    machine.applied = undefined;
    await expect(apply({})).rejects.toThrow('cannot apply the configuration: the machine is still booting');
  });

  it('tells no values of the real parts', () => {
    const secret = 'Geheim-77';
    const { machine } = bench({});
    const changes = planChanges(machine.settings, config({
      ssh_authorized_keys: [secret], write_files: [{ path: '/etc/x', content: secret }], runcmd: [secret], bootcmd: [secret],
      rancher: { password: secret, environment: { NAME: secret }, ssh: { keys: { rsa: secret } }, network: { http_proxy: `http://u:${secret}@h` }, registry_auths: { h: { password: secret } }, docker: { ca_key: secret, environment: [`A=${secret}`] } },
    } as CloudConfig));
    expect(changes.length).toBeGreaterThan(5);
    expect(JSON.stringify(changes)).not.toContain(secret);
  });

  it('has something to tell of each real part', () => {
    const names = planChanges(config({}), config({ hostname: 'x', rancher: { modules: ['m'], sysctl: { 'a.b': '1' }, state: { dev: '/dev/x' } } } as CloudConfig));
    expect(names.map(({ part, what, effect }) => [part, what, effect])).toEqual([
      ['hostname', 'hostname: "rancher" becomes "x"', 'now'], ['modules', 'rancher.modules: load m', 'now'], ['sysctl', 'rancher.sysctl: a.b', 'now'], ['state', 'rancher.state', 'reboot'],
    ]);
  });
});

describe('a part that failed', () => {
  it('is told once, and no more when it is mended', () => {
    const { machine } = bench({});
    note(machine, 'mounts', ['cannot mount "a" on "b": no']);
    expect([...machine.warnings.values()]).toEqual(['Configuration: cannot mount "a" on "b": no.']);
    note(machine, 'mounts', []);
    expect(machine.warnings.size).toBe(0);
    expect(machine.unfinished).toEqual({});
  });
});
