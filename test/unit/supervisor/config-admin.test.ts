import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import * as schemas from '../../../src/api/schemas.ts';
import { bench } from './config-support.ts';

const secretive = 'hostname: a\nssh_authorized_keys: [ssh-ed25519 AAAA me]\nrancher:\n  password: hunter2\n  environment: {API_TOKEN: hunter2, MODE: fast}\n  docker: {ca_key: hunter2, tls: true}\n';

describe('looking at the configuration', () => {
  it('tells every value, and the layer that said it last', async () => {
    const { admin, write } = await bench('hostname: a\nrancher: {ssh: {port: 2222}}\n', 'rancher.debug');
    write('cloud-config.d/10.yml', 'hostname: b\nrancher: {ssh: {port: 1, daemon: false}}\n');
    const view = await admin.view(false);
    expect(z.parse(schemas.configView, view)).toEqual(view);
    const by = Object.fromEntries(view.origins.map(({ path, origin }) => [path.join('.'), origin]));
    expect(by).toMatchObject({
      'hostname': 'cloud-config.yml', 'rancher.ssh.port': 'cloud-config.yml', 'rancher.ssh.daemon': 'cloud-config.d/10.yml', 'rancher.debug': 'kernel parameters', 'rancher.shutdown_timeout': 'built-in',
    });
  });

  it('names both layers of the keys that metadata has added to', async () => {
    const { admin, write } = await bench('ssh_authorized_keys: [ssh-ed25519 AAAA me]\n');
    write('metadata', JSON.stringify({ sshPublicKeys: { a: 'ssh-ed25519 BBBB you' } }));
    expect((await admin.view(false)).origins.find(({ path }) => path[0] === 'ssh_authorized_keys')?.origin).toBe('cloud-config.yml, metadata');
    expect((await admin.exported(false, true)).config.ssh_authorized_keys).toEqual(['ssh-ed25519 AAAA me', 'ssh-ed25519 BBBB you']);
  });

  it('shows no secret to who does not ask for it', async () => {
    const { admin } = await bench(secretive);
    expect(JSON.stringify(await admin.view(false))).not.toContain('hunter2');
    expect(JSON.stringify(await admin.view(true)).match(/hunter2/g)).toHaveLength(3);
    expect(await admin.value('rancher.password', false)).toMatchObject({ masked: true });
    expect(await admin.value('rancher.password', true)).toMatchObject({ value: 'hunter2', masked: false });
    expect(JSON.stringify(await admin.value('rancher', false))).not.toContain('hunter2');
  });

  it('gets a value, nothing for one that nobody set, and an error for one that is none', async () => {
    const { admin } = await bench('rancher: {sysctl: {net.ipv4.ip_forward: 1}, environment: {PROXY: x}}\n');
    expect(await admin.value('rancher.sysctl.net.ipv4.ip_forward', false)).toEqual({ path: ['rancher', 'sysctl', 'net.ipv4.ip_forward'], value: '1', masked: false });
    expect(await admin.value('rancher.ssh.port', false)).toMatchObject({ value: 22 });
    expect(await admin.value('rancher.docker.bip', false)).toEqual({ path: ['rancher', 'docker', 'bip'], masked: false });
    await expect(admin.value('rancher.dockr', false)).rejects.toMatchObject({ code: 'ERR_ROS_CONFIG_KEY', message: 'cannot find key "rancher.dockr" in the configuration: there is no such key', hint: 'did you mean "rancher.docker"?' });
    await expect(admin.value('rancher.environment.NONE', false)).rejects.toMatchObject({ code: 'ERR_ROS_CONFIG_KEY' });
  });

  it('exports what distinguishes the machine, and no secret unless asked', async () => {
    const { admin } = await bench(`${secretive}  ssh: {keys: {ed25519: k}, port: 2222}\n`, 'rancher.autologin=tty1');
    expect(await admin.exported(false, false)).toEqual({
      config: { hostname: 'a', ssh_authorized_keys: ['ssh-ed25519 AAAA me'], rancher: { environment: { MODE: 'fast' }, docker: { tls: true }, ssh: { port: 2222 } } },
      leftOut: ['rancher.environment.API_TOKEN', 'rancher.docker.ca_key', 'rancher.ssh.keys', 'rancher.password', 'rancher.autologin'],
    });
    expect(await admin.exported(false, true)).toMatchObject({ config: { rancher: { password: 'hunter2', autologin: ['tty1'] } }, leftOut: [] });
    expect((await admin.exported(true, false)).config.rancher?.shutdown_timeout).toBe(60);
  });

  it('names the images of services', async () => {
    const { admin } = await bench('rancher: {services: {b: {image: nginx}, a: {image: busybox}}}\n');
    expect(await admin.images(undefined)).toEqual(['busybox', 'nginx']);
    expect(await admin.images('rancher: {bootstrap: {x: {image: one}}, services: {y: {image: one}, z: {build: .}}}')).toEqual(['one']);
    expect(await admin.images('')).toEqual([]);
    await expect(admin.images('a: [')).rejects.toMatchObject({ code: 'ERR_ROS_CONFIG' });
  });
});

describe('judging a text', () => {
  it('takes unknown keys for wrong, and notes for what they are', async () => {
    const { admin } = await bench();
    expect(await admin.judge('hostnam: a\n', 'x.yml')).toMatchObject({ valid: false, problems: [{ severity: 'warning', source: 'x.yml', line: 1, column: 1, message: 'unknown key; did you mean "hostname"?' }] });
    expect(await admin.judge('hostname: a\n', 'x.yml')).toEqual({ valid: true, problems: [] });
    expect(await admin.judge('rancher: {upgrade: {policy: auto}}\n', 'x.yml')).toMatchObject({ valid: true, problems: [{ severity: 'note' }] });
    expect(await admin.judge(undefined, '')).toEqual({ valid: true, problems: [] });
  });
});

describe('changing the configuration', () => {
  it('sets a value, and the machine\'s settings follow', async () => {
    const { admin, machine, read } = await bench();
    expect(await admin.set('rancher.modules', '[zfs, "x y"]')).toEqual({ written: true, valid: true, version: 2, problems: [], notes: [] });
    expect(read()).toBe('hostname: a\nrancher:\n  modules:\n    - zfs\n    - x y\n');
    expect(machine.settings.modules).toEqual(['zfs', 'x y']);
    await admin.set('rancher.modules', 'null');
    expect(read()).toBe('hostname: a\n');
  });

  it('says when another layer says it too, and counts; when the key is not active yet; when the machine will forget', async () => {
    const { admin, machine } = await bench('hostname: a\nrancher: {upgrade: {policy: none}}\n', 'rancher.debug=true');
    machine.state = { kind: 'ram' };
    expect(await admin.set('rancher.debug', 'false')).toMatchObject({ problems: [], notes: ['this machine has no state partition: it forgets this at its next boot', 'rancher.debug is also set by kernel parameters, and that counts'] });
    expect(await admin.set('rancher.upgrade.policy', 'auto')).toMatchObject({ problems: [{ severity: 'note' }] });
  });

  it('refuses a key that there is not', async () => {
    const { admin, read } = await bench();
    await expect(admin.set('rancher.dockr.tls', 'true')).rejects.toMatchObject({ hint: 'did you mean "rancher.docker.tls"?' });
    expect(read()).toBe('hostname: a\n');
  });

  it('merges a text, and nothing of one with errors', async () => {
    const { admin, read } = await bench('# mine\nhostname: a\n');
    expect(await admin.merge('rancher: {debug: yes}\r\n', 'x.yml')).toMatchObject({ written: true, valid: true });
    expect(read()).toBe('# mine\nhostname: a\nrancher:\n  debug: yes\n');
    expect(await admin.merge('rancher: {debug: maybe, ssh: {port: x}}\n', 'x.yml')).toMatchObject({ written: false, valid: false, problems: [{ source: 'x.yml' }, { source: 'x.yml' }] });
    expect(await admin.merge('a:\n\tb: 1\n', 'x.yml')).toMatchObject({ valid: false, problems: [{ line: 2, message: expect.stringContaining('tab') as string }] });
    expect(read()).toBe('# mine\nhostname: a\nrancher:\n  debug: yes\n');
  });

  it('replaces the file that was edited, and no other', async () => {
    const { admin, write, read } = await bench();
    const { text, digest } = await admin.file();
    expect(text).toBe('hostname: a\n');
    expect(await admin.replace('hostname: [', digest)).toMatchObject({ written: false, valid: false });
    expect(await admin.replace('hostname: b # new\n', digest)).toMatchObject({ written: true });
    write('cloud-config.yml', 'hostname: c\n');
    await expect(admin.replace('hostname: d\n', digest)).rejects.toMatchObject({ code: 'ERR_ROS_CONFLICT' });
    expect(read()).toBe('hostname: c\n');
  });
});

describe('going back', () => {
  it('undoes change after change, and can go forward by number', async () => {
    const { admin, read } = await bench();
    for (const name of ['b', 'c']) await admin.set('hostname', name);
    expect((await admin.undo(undefined)).notes).toEqual(['version 2 (set hostname) is back']);
    expect(read()).toBe('hostname: b\n');
    await admin.undo(undefined);
    expect(read()).toBe('hostname: a\n');
    await expect(admin.undo(undefined)).rejects.toThrow(/^cannot undo configuration "cloud-config.yml": no earlier version is kept$/);
    await admin.undo(3);
    expect(read()).toBe('hostname: c\n');
    const history = await admin.history();
    expect(z.parse(schemas.configHistory, history)).toEqual(history);
    expect(history.versions.map(({ n, sameAs, current }) => [n, sameAs, current])).toEqual([[6, 3, true], [5, 1, false], [4, 2, false], [3, undefined, false], [2, undefined, false], [1, undefined, false]]);
    await expect(admin.undo(99)).rejects.toMatchObject({ code: 'ERR_ROS_NO_VERSION' });
  });

  it('undoes what was edited by hand since', async () => {
    const { admin, write, read } = await bench();
    await admin.set('hostname', 'b');
    write('cloud-config.yml', 'hostname: [ by hand\n');
    await admin.undo(undefined);
    expect(read()).toBe('hostname: b\n');
    expect((await admin.history()).versions.map(({ why }) => why)).toEqual(['undo: back to version 2', 'edited by hand', 'set hostname', 'as it was']);
  });

  it('tells what differs by value, without secrets', async () => {
    const { admin } = await bench(secretive);
    await admin.merge('rancher: {password: hunter3, environment: {MODE: slow}, modules: [zfs]}\n', '');
    const diff = await admin.diff(undefined, undefined, false);
    expect(z.parse(schemas.configDiff, diff)).toEqual(diff);
    expect(diff).toEqual({
      from: '1', to: 'the file', same: false,
      changes: [
        { path: ['rancher', 'environment', 'MODE'], before: 'fast', after: 'slow' },
        { path: ['rancher', 'modules'], after: ['zfs'] },
        { path: ['rancher', 'password'], before: '***', after: '***' },
      ],
    });
    expect(await admin.diff(2, 1, true)).toMatchObject({ from: '2', to: '1', changes: [{ before: 'slow' }, { before: ['zfs'] }, { before: 'hunter3', after: 'hunter2' }] });
  });

  it('says so when only comments differ', async () => {
    const { admin } = await bench();
    const { digest } = await admin.file();
    await admin.replace('# new\nhostname: a\n', digest);
    expect(await admin.diff(undefined, undefined, false)).toMatchObject({ changes: [], same: false });
  });

  it('has nothing to compare before the first change', async () => {
    const { admin, conf } = await bench();
    await expect(admin.diff(undefined, undefined, false)).rejects.toMatchObject({ code: 'ERR_ROS_NO_VERSION' });
    expect(await admin.history()).toEqual({ versions: [] });
    expect(existsSync(join(conf, 'history'))).toBe(false);
  });
});

describe('the status', () => {
  it('tells layers, problems, the datasource, hooks and what waits to be applied', async () => {
    const { admin, machine, write } = await bench();
    machine.hooks = [{ name: 'runcmd 1', exitCode: 3, at: '2026-08-01T12:00:00Z', tookMs: 12, output: 'no\n' }];
    machine.datasource = { source: 'ec2', why: 'it answered first', tookMs: 500, tried: [{ source: 'gce', result: 'no answer' }] };
    write('cloud-config.d/10.yml', 'hostnam: b\n');
    const status = await admin.status();
    expect(z.parse(schemas.configStatus, status)).toEqual(status);
    expect(status).toMatchObject({ layers: [{ name: 'built-in' }, { name: 'cloud-config.d/10.yml' }, { name: 'cloud-config.yml' }, { name: 'kernel parameters' }], problems: [{ severity: 'warning' }], pending: [] });
  });
});
