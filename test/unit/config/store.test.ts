import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { History } from '../../../src/config/history.ts';
import { changeConfig, setConfigValue } from '../../../src/config/store.ts';

let conf = '';
beforeEach(() => { conf = join(mkdtempSync(join(tmpdir(), 'ros-conf-')), 'conf'); });
afterEach(() => { rmSync(join(conf, '..'), { recursive: true, force: true }); });

const file = (): string => join(conf, 'cloud-config.yml');
const text = (): string => readFileSync(file(), 'utf8');
const write = (content: string): void => { mkdirSync(conf, { recursive: true }); writeFileSync(file(), content); };
const said = async (): Promise<string[]> => (await new History(conf).all()).map(({ n, why, sameAs }) => `${n} ${why}${sameAs === undefined ? '' : ` = ${sameAs}`}`);

describe('changing cloud-config.yml', () => {
  it('writes it for its owner only, and makes the directory', async () => {
    expect(await setConfigValue(conf, ['hostname'], 'kitchen')).toMatchObject({ written: true, valid: true, version: 1 });
    expect(text()).toBe('#cloud-config\nhostname: kitchen\n');
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(statSync(conf).mode & 0o777).toBe(0o700);
  });

  it('writes nothing that would have errors, and says what they are without the value', async () => {
    write('hostname: a\n');
    await expect(setConfigValue(conf, ['rancher', 'ssh', 'port'], 'hunter2')).rejects.toThrow(/^cannot change configuration ".*cloud-config.yml": ".*", line 4, column 5: rancher.ssh.port: expected (?!.*hunter2)/);
    expect(await changeConfig(conf, () => 'hostname: [', { why: 'edit' })).toMatchObject({ written: false, valid: false, problems: [{ severity: 'error', line: 1 }] });
    expect(text()).toBe('hostname: a\n');
    expect(existsSync(join(conf, 'history'))).toBe(false);
  });

  it('changes nothing in the middle of a file that is broken', async () => {
    write('hostname: [\n');
    await expect(setConfigValue(conf, ['rancher', 'debug'], true)).rejects.toMatchObject({ hint: 'mend it first (`ros config edit`): nothing was changed' });
    expect(text()).toBe('hostname: [\n');
  });

  it('lets nobody change it while another text is on trial, but for the trial', async () => {
    write('hostname: a\n');
    writeFileSync(join(conf, '.trial.json'), '{}');
    await expect(setConfigValue(conf, ['hostname'], 'b')).rejects.toThrow(/another one is on trial$/);
    expect(await changeConfig(conf, () => 'hostname: c\n', { why: 'apply', inTrial: true })).toMatchObject({ written: true });
  });

  it('goes on when many change it at once', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, index) => setConfigValue(conf, ['rancher', 'environment', `N${index}`], String(index))));
    expect(text().match(/N\d+:/g)).toHaveLength(20);
  });
});

describe('the history', () => {
  it('keeps every version with the reason, the first one and what was edited by hand, too', async () => {
    write('hostname: a\n');
    await setConfigValue(conf, ['hostname'], 'b');
    await setConfigValue(conf, ['hostname'], 'b');
    write('hostname: by-hand\n');
    await setConfigValue(conf, ['hostname'], 'c', 'service enable x');
    await changeConfig(conf, () => 'hostname: b\n', { why: 'undo', sameAs: 2 });
    expect(await said()).toEqual(['1 as it was', '2 set hostname', '3 edited by hand', '4 service enable x', '5 undo = 2']);
    expect((await new History(conf).version(3)).text).toBe('hostname: by-hand\n');
    expect(statSync(join(conf, 'history')).mode & 0o777).toBe(0o700);
    expect(statSync(join(conf, 'history/1.yml')).mode & 0o777).toBe(0o600);
  });

  it('knows the file that a power cut left behind its last version', async () => {
    write('hostname: a\n');
    await setConfigValue(conf, ['hostname'], 'b');
    await new History(conf).add('hostname: b\n', { at: '2026-01-01T00:00:00Z', why: 'set hostname', text: 'hostname: never\n' });
    await setConfigValue(conf, ['hostname'], 'd');
    expect(await said()).toEqual(['1 as it was', '2 set hostname', '3 set hostname', '4 set hostname']);
  });

  it('keeps fifty, and less of large ones, but always the one to go back to', async () => {
    for (let n = 0; n < 60; n++) await setConfigValue(conf, ['hostname'], `h${n}`);
    expect(readdirSync(join(conf, 'history'))).toHaveLength(50);
    expect((await new History(conf).all()).map(({ n }) => n)).toEqual(Array.from({ length: 50 }, (_, index) => index + 11));
    for (let n = 0; n < 12; n++) await changeConfig(conf, () => `# ${'x'.repeat(1_000_000)}\nhostname: h${n}\n`, { why: 'large' });
    const total = (await new History(conf).all()).reduce((sum, version) => sum + version.text.length, 0);
    expect(total).toBeLessThan(9_000_000);
  });

  it('leaves out files that are no versions', async () => {
    await setConfigValue(conf, ['hostname'], 'a');
    for (const [name, content] of [['2.yml', 'hostname: no head\n'], ['3.yml', '# version: {broken\nx: 1\n'], ['notes.txt', 'x'], ['0.yml', '# version: {}\n']] as const) writeFileSync(join(conf, 'history', name), content);
    expect(await said()).toEqual(['1 set hostname']);
    await expect(new History(conf).version(2)).rejects.toMatchObject({ code: 'ERR_ROS_NO_VERSION' });
  });
});
