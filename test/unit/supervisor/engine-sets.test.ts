import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { EngineSet } from '../../../src/config/index.ts';
import { keepAsGood, lastGood, shortCause, tellEngine, trySet, unusedOptions, type Validate } from '../../../src/supervisor/engine-sets.ts';
import { formatSet, parseSet } from '../../../src/supervisor/user-engine.ts';

const plain: EngineSet = { flags: [], bootFlags: [], environment: [], liveRestore: true, file: {} };
const good: EngineSet = { ...plain, flags: ['--registry-mirror=https://good'] };
const wanted = (...flags: string[]) => ({ set: { ...plain, flags }, refused: [], cautions: [] });
const unasked: Validate = () => { throw new Error('the engine was asked'); };

const directory = mkdtempSync(join(tmpdir(), 'engine-sets-'));
afterEach(() => { for (const name of readdirSync(directory)) rmSync(join(directory, name)); });

describe('the trying of an engine\'s options', () => {
  it('starts no program when nothing is configured, or nothing new', async () => {
    expect(await trySet(wanted(), good, plain, unasked)).toEqual({ set: plain, refused: [] });
    expect(await trySet({ ...wanted(), set: good }, good, plain, unasked)).toEqual({ set: good, refused: [] });
  });

  it('takes what the engine takes', async () => {
    expect(await trySet(wanted('--debug'), good, plain, () => Promise.resolve(undefined))).toEqual({ set: { ...plain, flags: ['--debug'] }, refused: [] });
  });

  it('leaves out, one by one, what this version of the engine does not know', async () => {
    const asked: EngineSet[] = [];
    const validate: Validate = (set) => {
      asked.push(set);
      const unknown = set.flags.find((flag) => /^--(?:old|older)\b/.test(flag));
      if (unknown !== undefined) return Promise.resolve(`Status: unknown flag: ${unknown.split('=')[0] ?? ''}\nSee 'dockerd --help'., Code: 125\n`);
      return Promise.resolve('gone' in set.file ? 'unable to configure: the following directives don\'t match any configuration option: gone, lost' : undefined);
    };
    const choice = { ...wanted('--debug', '--old=1', '--older', '--older=2'), refused: [{ what: 'x', why: 'y' }] };
    const tried = await trySet({ ...choice, set: { ...choice.set, file: { gone: 1, lost: 2, features: {} } } }, good, plain, validate);
    expect(tried.set).toEqual({ ...plain, flags: ['--debug'], file: { features: {} } });
    expect(tried.refused.map(({ what }) => what)).toEqual(['x', '--old', '--older', '--gone', '--lost']);
    expect(tried.problem).toBeUndefined();
    expect(asked).toHaveLength(4);
    expect(unusedOptions(choice, { ...tried, refused: tried.refused.slice(0, 2) })).toBe('Option "--old" is not used: this version of the engine does not know it');
    expect(unusedOptions(choice, { ...tried, refused: choice.refused })).toBeUndefined();
  });

  it('stays with the last that worked when the engine refuses, or cannot be asked', async () => {
    const refused = await trySet(wanted('--mtu=-5'), good, plain, () => Promise.resolve('unable to configure the Docker daemon with file /dev/null: merged configuration validation from file and command line flags failed: invalid default MTU: -5\n'));
    expect(refused).toEqual({ set: good, refused: [], problem: 'invalid default MTU: -5' });
    expect((await trySet(wanted('--x'), good, plain, () => Promise.reject(new Error('not done after 60 s')))).set).toBe(good);
  });

  it('ends with an engine that calls the same flag unknown for ever', async () => {
    expect((await trySet(wanted('--a'), good, plain, () => Promise.resolve('unknown flag: --b'))).set).toBe(good);
  });
});

describe('what an engine says', () => {
  it('is told without the values of the configuration', () => {
    const set = { ...plain, flags: ['--http-proxy=http://user:hunter2@proxy'], environment: ['TOKEN=topsecret'], file: { proxies: { a: 'alsosecret' } } };
    const said = shortCause('time="x" level=info\nfailed to start daemon: bad "http://user:hunter2@proxy", hunter2, topsecret, alsosecret\nSee \'dockerd --help\'.', set);
    expect(said).toBe('bad "…", …, …, …');
  });

  it('is printable and short, and something', () => {
    expect(shortCause(`failed: \u001b[31m${'x'.repeat(1000)}`, plain)).toMatch(/^failed: \?\[31mx+$/);
    expect(shortCause('x'.repeat(1000), plain)).toHaveLength(300);
    expect(shortCause('', plain)).toBe('it says nothing');
  });
});

describe('the set that worked last', () => {
  it('is kept, for root only, and only when it is worth it', async () => {
    await keepAsGood('docker', plain, plain, directory);
    expect(readdirSync(directory)).toEqual([]);
    await keepAsGood('docker', good, plain, directory);
    expect(statSync(join(directory, 'docker.json')).mode & 0o777).toBe(0o600);
    expect(await lastGood('docker', directory)).toEqual(good);
    expect(await lastGood('system-docker', directory)).toBeUndefined();
    await keepAsGood('docker', plain, plain, directory);
    expect(readdirSync(directory)).toEqual([]);
  });

  it.each(['', '{', 'null', '[]', '{"flags":[1]}', '{"flags":["--a"]}'])('is none when the file is damaged: %j', async (text) => {
    writeFileSync(join(directory, 'docker.json'), text);
    expect(await lastGood('docker', directory)).toBeUndefined();
  });
});

describe('what is told at login', () => {
  it('is replaced by what is told later, and logged once', () => {
    const lines: string[] = [];
    const machine = { warnings: new Map([['other', 'x']]), log: pino({}, { write: (line: string) => { lines.push((JSON.parse(line) as { msg: string }).msg); } }), refreshLogin: vi.fn() };
    tellEngine(machine, 'docker', { refused: [{ what: 'rancher.docker.graph', why: 'it is set by the system' }], problem: 'invalid default MTU' });
    tellEngine(machine, 'docker', { refused: [{ what: 'rancher.docker.graph', why: 'it is set by the system' }] });
    tellEngine(machine, 'system-docker', { refused: [] });
    expect([...machine.warnings.values()]).toEqual(['x', 'Option "rancher.docker.graph" is not used: it is set by the system.']);
    expect(lines).toEqual([
      'engine[docker]: Option "rancher.docker.graph" is not used: it is set by the system',
      'engine[docker]: The options of rancher.docker are not used, the engine goes on with the last ones that worked: invalid default MTU',
    ]);
    tellEngine(machine, 'docker', { refused: [] });
    expect([...machine.warnings.values()]).toEqual(['x']);
  });
});

describe('what is handed to the user plane', () => {
  it('is read back as it was', () => {
    const set: EngineSet = { flags: ['--label=a b=c', '--debug'], bootFlags: ['--bip=1.2.3.4/24'], environment: ['A=', 'B=x y'], liveRestore: false, file: { features: { x: true } } };
    expect(parseSet(formatSet({ id: 'x1', set }))).toEqual({ id: 'x1', set });
    expect(formatSet({ id: 'x1', set })).toBe('set x1\narg --label=a b=c\narg --debug\nboot --bip=1.2.3.4/24\nenv A=\nenv B=x y\nlive false\njson {"features":{"x":true}}\n');
    expect(parseSet('set x1\narg --debug\n')).toBeUndefined();
  });
});
