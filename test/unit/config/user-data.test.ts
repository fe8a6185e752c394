import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { saveFound, type Found } from '../../../src/config/found.ts';
import { loadConfig } from '../../../src/config/load.ts';
import type { Metadata } from '../../../src/config/metadata.ts';
import { readUserData } from '../../../src/config/user-data.ts';

let conf = '';
beforeEach(() => { conf = join(mkdtempSync(join(tmpdir(), 'ros-conf-')), 'conf'); });
afterEach(() => { rmSync(join(conf, '..'), { recursive: true, force: true }); });

const found = (userData: string | Uint8Array | undefined, metadata?: Metadata): Found =>
  ({ source: 'test', userData: userData === undefined ? undefined : Buffer.from(userData), metadata, problems: [] });
const save = (userData: string | Uint8Array | undefined, metadata?: Metadata) => saveFound(conf, found(userData, metadata));
const text = (name: string): string => readFileSync(join(conf, name), 'utf8');
const config = async () => (await loadConfig({ confDirectory: conf, builtIn: {} })).config;

/** A MIME message as `cloud-init devel make-mime` writes it. */
function mime(...parts: readonly (readonly [type: string, body: string, header?: string])[]): string {
  return `Content-Type: multipart/mixed; boundary="==BOUND=="\nMIME-Version: 1.0\n\n${parts.map(([type, body, header]) => `--==BOUND==\nMIME-Version: 1.0\nContent-Type: ${type}; charset="us-ascii"\n${header === undefined ? '' : `${header}\n`}\n${body}\n`).join('')}--==BOUND==--\n`;
}

describe('user-data', () => {
  it.each([
    ['#cloud-config\r\nhostname: x\r\n', 'cloud-config'], ['#!/bin/sh\n', 'script'], ['\n', 'none'], ['hello', 'unusable'], [new Uint8Array([0xff, 0x00]), 'unusable'], ['#!/bin/sh\n\0', 'unusable'],
    ['#compose\na:\n  image: b\n', 'compose'], [mime(['text/plain', '#!/bin/sh']), 'multipart'],
    [btoa('#cloud-config\nhostname: x\n'), 'cloud-config'], [`${btoa('#!/bin/sh\necho hello, world; echo once more\n').replaceAll(/.{20}/g, '$&\n')}\n`, 'script'],
    [gzipSync('#cloud-config\n').toString('base64'), 'cloud-config'], ['abcdefgh', 'unusable'],
  ])('%j is of kind %s', async (data, kind) => { expect((await readUserData(Buffer.from(data))).kind).toBe(kind); });

  it('may be packed with gzip, but not into a bomb, cut short or over and over', async () => {
    expect(await readUserData(gzipSync('#cloud-config\na: 1\n'))).toEqual({ kind: 'cloud-config', text: '#cloud-config\na: 1\n' });
    expect((await readUserData(gzipSync(Buffer.alloc(50_000_000)))).kind).toBe('unusable');
    expect((await readUserData(gzipSync('#cloud-config\nhostname: abc\n').subarray(0, 20))).kind).toBe('unusable');
    let packed = gzipSync('#cloud-config\n').toString('base64');
    for (let depth = 0; depth < 6; depth++) packed = gzipSync(packed).toString('base64');
    expect(await readUserData(Buffer.from(packed))).toEqual({ kind: 'unusable', reason: 'it is packed too many times' });
  });

  it.each([
    ['#include\nhttp://x/', 'it is a list of URLs (#include), which is not supported'], ['{"ignition": {}}', 'it is JSON (Ignition?), not a cloud-config'],
    ['## template: jinja\n#cloud-config\n', 'it is a jinja template, which is not supported'],
  ])('%j is refused with the reason', async (data, reason) => { expect(await readUserData(Buffer.from(data))).toEqual({ kind: 'unusable', reason }); });
});

describe('saving', () => {
  it('is for the owner only, happens once, and makes it part of the configuration', async () => {
    const metadata = { hostname: 'm', sshPublicKeys: { a: 'ssh-rsa A' } };
    expect(await save('#cloud-config\nhostname: x\n', metadata)).toEqual({ changed: true, problems: [] });
    expect(statSync(join(conf, 'cloud-config.d/boot.yml')).mode & 0o777).toBe(0o600);
    expect(statSync(join(conf, 'metadata')).mode & 0o777).toBe(0o600);
    expect(statSync(conf).mode & 0o777).toBe(0o700);
    expect(await save('#cloud-config\nhostname: x\n', metadata)).toEqual({ changed: false, problems: [] });
    expect(await config()).toEqual({ hostname: 'x', ssh_authorized_keys: ['ssh-rsa A'] });
  });

  it('keeps a script as one that can be run', async () => {
    expect(await save('#!/bin/sh\necho\n')).toEqual({ changed: true, problems: [] });
    expect(statSync(join(conf, 'cloud-config-script')).mode & 0o777).toBe(0o700);
  });

  it.each([['#cloud-config\nhostname: [\n'], ['#cloud-config\nhostname: {}\n'], ['rubbish \u0000'], ['#cloud-config\nhostn'], [mime(['text/cloud-config', '#cloud-config\nhostname: good2'], ['text/cloud-config', 'hostname: [']).toString()], [mime(['text/plain', '#!/bin/sh']).slice(0, -20)]])(
    'does not touch the last good one when it is %j', async (bad) => {
      await save('#cloud-config\nhostname: good\n');
      const { changed, problems } = await save(bad);
      expect(changed).toBe(false);
      expect(problems.at(-1)?.message).toContain('the last good user-data, if any, stays in force');
      expect(text('cloud-config.d/boot.yml')).toBe('#cloud-config\nhostname: good\n');
    });

  it('takes away what the datasource brought before, when it now brings something else', async () => {
    await save('#cloud-config\nhostname: x\n');
    expect(await save('#!/bin/sh\n')).toMatchObject({ changed: true });
    expect(existsSync(join(conf, 'cloud-config.d/boot.yml'))).toBe(false);
    await save(undefined);
    expect(existsSync(join(conf, 'cloud-config-script'))).toBe(true);
    await save('#cloud-config\nhostname: y\n');
    expect(existsSync(join(conf, 'cloud-config-script'))).toBe(false);
  });

  it('leaves a script that somebody else put there alone', async () => {
    mkdirSync(conf);
    writeFileSync(join(conf, 'cloud-config-script'), '#!/bin/sh\n# mine\n');
    await save('#cloud-config\nhostname: y\n');
    expect(text('cloud-config-script')).toContain('mine');
  });

  it('makes the network of the metadata a layer, until there is none any more', async () => {
    const network = { interfaces: { 'mac=52:54:00:00:00:01': { dhcp: false, addresses: ['10.0.0.5/24'] } }, dns: { nameservers: ['10.0.0.2'] } };
    expect(await save(undefined, { sshPublicKeys: {}, network })).toEqual({ changed: true, problems: [] });
    expect((await config()).rancher?.network).toMatchObject({ interfaces: { 'mac=52:54:00:00:00:01': { addresses: ['10.0.0.5/24'] } }, dns: { nameservers: ['10.0.0.2'] } });
    expect(await save(undefined, { sshPublicKeys: {}, network })).toMatchObject({ changed: false });
    await saveFound(conf, { ...found(undefined, { sshPublicKeys: {} }), problems: [{ severity: 'error', source: 'network-config', message: 'it is broken' }] });
    expect(existsSync(join(conf, 'cloud-config.d/network.yml'))).toBe(true);
    expect(await save(undefined, { sshPublicKeys: {} })).toMatchObject({ changed: true });
    expect(existsSync(join(conf, 'cloud-config.d/network.yml'))).toBe(false);
  });

  it('says so when it cannot write', async () => {
    writeFileSync(conf, 'a file in the place of the directory');
    const { changed, problems } = await save('#cloud-config\nhostname: x\n');
    expect([changed, problems[0]?.source]).toEqual([false, join(conf, 'cloud-config.d/boot.yml')]);
  });
});

describe('#compose', () => {
  it('becomes rancher.services', async () => {
    expect(await save('#compose\n---\nweb:\n  image: nginx:1\n  command: |\n    one\n      two\n')).toEqual({ changed: true, problems: [] });
    expect((await config()).rancher?.services).toEqual({ web: { image: 'nginx:1', command: 'one\n  two\n' } });
  });

  it('has its errors where the user wrote them', async () => {
    const { problems } = await save('#compose\nweb:\n  image: nginx:1\n  image: again\n');
    expect(problems[0]).toMatchObject({ severity: 'error', line: 4 });
    expect(problems[0]?.column).toBeLessThanOrEqual(3);
  });
});

describe('a MIME message', () => {
  it('has cloud-configs, the later one over the earlier, with values as they were written', async () => {
    const { changed, problems } = await save(mime(
      ['text/cloud-config', '#cloud-config\nhostname: one\nrancher: { debug: true, modules: [a, b] }'],
      ['text/cloud-config', Buffer.from('hostname: "two"\nrancher: { modules: [c] }\nwrite_files: [{ path: /x, permissions: 0640, content: yes }]').toString('base64'), 'Content-Transfer-Encoding: base64'],
      ['text/plain', ''],
    ));
    expect([changed, problems]).toEqual([true, []]);
    expect(text('cloud-config.d/boot.yml')).toContain('"permissions": 0640');
    expect(await config()).toMatchObject({ hostname: 'two', rancher: { debug: true, modules: ['c'] } });
  });

  it('has scripts, which run one after the other, each by itself', async () => {
    await save(mime(
      ['text/x-shellscript', '#!/bin/sh\necho one\nexit 3'], ['text/cloud-config', '#cloud-config\nhostname: x'],
      ['text/x-shellscript', '#!/bin/sh\necho "t=C3=BC=\nwo"\nEND', 'Content-Transfer-Encoding: quoted-printable'],
    ));
    const script = join(conf, 'cloud-config-script');
    let output = '';
    try { execFileSync(script, { stdio: ['ignore', 'pipe', 'ignore'] }); } catch (error) { output = String((error as { stdout: Buffer }).stdout); }
    expect(output).toBe('one\ntüwo\n');
    expect((await config()).hostname).toBe('x');
  });

  it('may hold another, and things that are packed', async () => {
    const inner = mime(['application/octet-stream', gzipSync('#cloud-config\nhostname: deep\n').toString('base64'), 'Content-Transfer-Encoding: base64']);
    const outer = `Subject: x\nContent-Type: multipart/mixed;\n boundary=B\n\n--B\n${inner}\n--B--\n`;
    expect(await save(outer)).toEqual({ changed: true, problems: [] });
    expect(await config()).toEqual({ hostname: 'deep' });
  });

  it('names the part that is wrong', async () => {
    const { problems } = await save(mime(['text/cloud-config', '#cloud-config\nhostname: x'], ['text/cloud-config', '#cloud-config\nhostname: {}']));
    expect(problems.map(({ source, message }) => `${source}: ${message}`)).toEqual([
      expect.stringMatching(/^part 2 of user-data of test: /), expect.stringMatching(/^part 2 of user-data of test: not used because of the errors above/),
      expect.stringMatching(/^user-data of test: not used because one of its parts is not right/),
    ]);
  });

  it('ends: in itself, in parts without end, and without a boundary', async () => {
    let deep = 'x';
    for (let depth = 0; depth < 20; depth++) deep = `Content-Type: multipart/mixed; boundary=B${depth}\n\n--B${depth}\n${deep}\n--B${depth}--\n`;
    expect((await readUserData(Buffer.from(deep))).kind).toBe('unusable');
    expect((await readUserData(Buffer.from(`Content-Type: multipart/mixed; boundary=B\n\n${'--B\n\nx\n'.repeat(10_000)}--B--\n`))).kind).toBe('unusable');
    expect((await readUserData(Buffer.from('Content-Type: multipart/mixed\n\nx'))).kind).toBe('unusable');
  });
});
