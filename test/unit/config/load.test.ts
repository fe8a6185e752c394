import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';

let conf = '';
beforeEach(() => {
  conf = mkdtempSync(join(tmpdir(), 'ros-conf-'));
  mkdirSync(join(conf, 'cloud-config.d'));
});
afterEach(() => { rmSync(conf, { recursive: true, force: true }); });

const write = (name: string, text: string | Uint8Array): void => { writeFileSync(join(conf, name), text); };
const load = (cmdline?: string) => loadConfig({ confDirectory: conf, builtIn: {}, ...(cmdline === undefined ? {} : { cmdline }) });

describe('loading', () => {
  it('lays files by name, then cloud-config.yml, then kernel parameters over the built-in defaults', async () => {
    write('cloud-config.d/20-b.yml', 'hostname: b\nrancher: { debug: true, ssh: { port: 2 } }\n');
    write('cloud-config.d/10-a.yml', 'hostname: a\nrancher: { ssh: { port: 1, daemon: false }, modules: [x, y] }\n');
    write('cloud-config.d/.hidden.yml', 'hostname: hidden\n');
    write('cloud-config.d/notes.txt', 'hostname: notes\n');
    write('cloud-config.yml', 'rancher: { modules: [z] }\n');
    const { config, layers, problems } = await loadConfig({ confDirectory: conf, cmdline: 'rancher.ssh.port=3' });
    expect(problems).toEqual([]);
    expect(config).toMatchObject({ hostname: 'b', rancher: { debug: true, ssh: { port: 3, daemon: false }, modules: ['z'], defaults: { hostname: 'rancher' } } });
    expect(layers.map(({ name, origin }) => `${origin} ${name}`)).toEqual([
      'built-in built-in', 'file cloud-config.d/10-a.yml', 'file cloud-config.d/20-b.yml', 'file cloud-config.yml', 'cmdline kernel parameters',
    ]);
  });

  it('does without any file and without the directory', async () => {
    rmSync(conf, { recursive: true });
    expect(await load()).toMatchObject({ config: {}, problems: [] });
  });

  it('keeps a copy of what was good, for its owner only, and does not write it twice', async () => {
    write('cloud-config.yml', 'hostname: good\n');
    write('cloud-config.d/boot.yml', 'hostname: boot\n');
    await load();
    const copy = join(conf, '.last-good/cloud-config.yml');
    expect(readFileSync(copy, 'utf8')).toBe('hostname: good\n');
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    expect(statSync(join(conf, '.last-good')).mode & 0o777).toBe(0o700);
    const { ino } = statSync(copy);
    await load();
    expect(statSync(copy).ino).toBe(ino);
  });

  it.each([
    ['broken YAML', 'hostname: [\n'], ['a wrong type', 'hostname: {}\n'], ['binary rubbish', new Uint8Array([0xff, 0xfe, 0, 1])], ['size', 'x'.repeat(2_000_000)],
  ])('uses the last good copy of a file for %s, and says so', async (_name, broken) => {
    write('cloud-config.yml', 'hostname: good\n');
    await load();
    write('cloud-config.yml', broken);
    const { config, layers, problems } = await load();
    expect(config.hostname).toBe('good');
    expect(layers.at(-1)).toMatchObject({ name: 'cloud-config.yml', usedLastGood: true });
    expect(problems.at(-1)?.message).toBe('the last good copy of this file stays in force');
    expect(problems.length).toBeGreaterThan(1);
    expect((await load()).config.hostname).toBe('good');
  });

  it('uses what is right in a file that never was good', async () => {
    write('cloud-config.yml', 'hostname: {}\nssh_authorized_keys: [ssh-rsa A]\n');
    expect((await load()).config).toEqual({ ssh_authorized_keys: ['ssh-rsa A'] });
    expect(readdirSync(conf)).toEqual(['cloud-config.d', 'cloud-config.yml']);
  });

  it('does not let one broken file touch the others', async () => {
    write('cloud-config.d/a.yml', '}{');
    write('cloud-config.d/b.yml', 'hostname: b\n');
    expect((await load()).config).toEqual({ hostname: 'b' });
  });

  it('forgets the copy of a file that was deleted', async () => {
    write('cloud-config.d/boot.yml', 'hostname: old\n');
    await load();
    unlinkSync(join(conf, 'cloud-config.d/boot.yml'));
    expect((await load()).config).toEqual({});
    write('cloud-config.d/boot.yml', '}{');
    expect((await load()).config).toEqual({});
  });

  it('goes on when copies cannot be kept', async () => {
    write('cloud-config.yml', 'hostname: good\n');
    write('.last-good', 'a file where the folder should be');
    const { config, problems } = await load();
    expect(config.hostname).toBe('good');
    expect(problems.every(({ severity }) => severity === 'warning')).toBe(true);
  });

  it('is not stopped by a folder or a pipe of the name of a file', async () => {
    mkdirSync(join(conf, 'cloud-config.d/a.yml'));
    mkdirSync(join(conf, 'cloud-config.yml'));
    const { config, problems } = await load('cc.hostname=x');
    expect(config).toEqual({ hostname: 'x' });
    expect(problems).toHaveLength(2);
  });

  it('fills in from metadata: the keys are added, the host name counts when nobody set one', async () => {
    write('metadata', JSON.stringify({ hostname: 'meta', sshPublicKeys: { b: 'ssh-rsa B', a: 'ssh-rsa A', own: 'ssh-rsa OWN' } }));
    write('cloud-config.yml', 'ssh_authorized_keys: [ssh-rsa OWN]\n');
    expect((await load()).config).toEqual({ hostname: 'meta', ssh_authorized_keys: ['ssh-rsa OWN', 'ssh-rsa A', 'ssh-rsa B'] });
    expect((await load('cc.hostname=set')).config.hostname).toBe('set');
    write('metadata', '][');
    expect(await load()).toMatchObject({ config: { ssh_authorized_keys: ['ssh-rsa OWN'] }, problems: [{ severity: 'warning' }] });
  });

  it('never throws, whatever the files hold', async () => {
    const pieces = fc.array(fc.constantFrom('hostname', 'rancher', ': ', '\n', '  ', '- ', '[', ']', '{', '}', '*a', '&a ', '!!binary ', '!!set ', '"', '|\n', '~', '0x', '<<', '__proto__', '#', '---\n', 'ssh_authorized_keys'), { maxLength: 40 });
    await fc.assert(fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 200 }), pieces.map((parts) => Buffer.from(parts.join('')))), async (bytes) => {
      write('cloud-config.yml', bytes);
      write('metadata', bytes);
      expect((await load()).config).toBeTypeOf('object');
    }), { numRuns: 300 });
  });
});
