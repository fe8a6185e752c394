import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Datasource, Volumes } from '../../../src/config/datasources/datasource.ts';
import { probeDatasources } from '../../../src/config/datasources/index.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { readUserData, saveFound, type Found } from '../../../src/config/user-data.ts';

let root = '';
let conf = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ros-drive-'));
  conf = join(root, 'conf');
  mkdirSync(join(root, 'drive/openstack/latest'), { recursive: true });
});
afterEach(() => { rmSync(root, { recursive: true, force: true }); });

/** A config drive whose files are in `drive`. */
function volumes(label = 'config-2'): Volumes & { mounted: string[] } {
  const mounted: string[] = [];
  return {
    mounted,
    findByLabel: async (wanted) => (wanted === label ? '/dev/sr0' : undefined),
    mountReadOnly: async (device) => { mounted.push(device); return join(root, 'drive'); },
    unmount: async () => { mounted.pop(); },
  };
}
const onDrive = (name: string, data: string | Uint8Array): void => { writeFileSync(join(root, 'drive/openstack/latest', name), data); };
const probe = (over: Partial<Parameters<typeof probeDatasources>[0]> = {}) =>
  probeDatasources({ names: ['configdrive:/media/config-2'], volumes: volumes(), timeoutMs: 1000, ...over });
const found = (userData: string | Uint8Array | undefined): Found =>
  ({ source: 'test', userData: userData === undefined ? undefined : Buffer.from(userData), metadata: undefined, problems: [] });

describe('the config drive', () => {
  it.each(['config-2', 'CONFIG-2'])('gives user-data, host name and keys from the volume %s, and unmounts it', async (label) => {
    onDrive('user_data', '#cloud-config\nhostname: x\n');
    onDrive('meta_data.json', JSON.stringify({ hostname: 'meta', public_keys: { me: 'ssh-rsa A', odd: 3 }, uuid: 'u' }));
    const drive = volumes(label);
    expect(await probe({ volumes: drive })).toEqual({
      problems: [],
      found: { source: 'configdrive on /dev/sr0', userData: Buffer.from('#cloud-config\nhostname: x\n'), metadata: { hostname: 'meta', sshPublicKeys: { me: 'ssh-rsa A' } }, problems: [] },
    });
    expect(drive.mounted).toEqual([]);
  });

  it('is not there when no volume has its label', async () => {
    expect(await probe({ volumes: volumes('other') })).toEqual({ found: undefined, problems: [] });
  });

  it('may lack either file or hold rubbish', async () => {
    onDrive('meta_data.json', '[1');
    onDrive('user_data', new Uint8Array(2_000_000));
    const { found: drive } = await probe();
    expect(drive?.metadata).toBeUndefined();
    expect(drive?.userData).toBeUndefined();
    expect(drive?.problems.map(({ message }) => message)).toEqual(['it is larger than 1048576 bytes', 'it is not a JSON object; not used']);
  });

  it('is unmounted and reported when it cannot be mounted', async () => {
    const drive: Volumes = { ...volumes(), mountReadOnly: async () => { throw new Error('wrong fs type'); } };
    expect(await probe({ volumes: drive })).toEqual({ found: undefined, problems: [{ severity: 'error', source: 'datasource configdrive', message: 'wrong fs type' }] });
  });
});

describe('asking datasources', () => {
  const source = (name: string, delayMs: number, result: Found | undefined): Datasource =>
    ({ name, fetch: () => new Promise((resolve) => { setTimeout(() => { resolve(result); }, delayMs); }) });

  it('takes the first that has something', async () => {
    const table = [source('slow', 200, found('slow')), source('fast', 20, { ...found('fast'), source: 'fast' }), source('none', 0, undefined)];
    expect((await probe({ names: ['*'], table })).found?.source).toBe('fast');
  });

  it('gives up when time is up', async () => {
    const table = [source('hangs', 60_000, undefined)];
    const started = performance.now();
    expect((await probe({ names: ['hangs'], table, timeoutMs: 50 })).found).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('names a datasource that does not exist, and asks the others', async () => {
    expect(await probe({ names: ['ec2', 'fast'], table: [source('fast', 0, found('x'))] })).toMatchObject({
      found: { source: 'test' }, problems: [{ source: 'datasource ec2', message: 'no such datasource, or not active yet' }],
    });
  });
});

describe('user-data', () => {
  it('is told apart by its first line', async () => {
    expect((await readUserData(Buffer.from('#cloud-config\r\nhostname: x\r\n'))).kind).toBe('cloud-config');
    expect((await readUserData(Buffer.from('#!/bin/sh\n'))).kind).toBe('script');
    expect((await readUserData(Buffer.from('\n'))).kind).toBe('none');
    expect((await readUserData(Buffer.from('hello'))).kind).toBe('unusable');
    expect((await readUserData(Buffer.from([0xff, 0x00]))).kind).toBe('unusable');
  });

  it('may be packed with gzip, but not into a bomb or cut short', async () => {
    expect(await readUserData(gzipSync('#cloud-config\na: 1\n'))).toEqual({ kind: 'cloud-config', text: '#cloud-config\na: 1\n' });
    expect((await readUserData(gzipSync(Buffer.alloc(50_000_000)))).kind).toBe('unusable');
    expect((await readUserData(gzipSync('#cloud-config\nhostname: abc\n').subarray(0, 20))).kind).toBe('unusable');
  });

  it('is saved for its owner only, once, and then part of the configuration', async () => {
    expect(await saveFound(conf, { ...found('#cloud-config\nhostname: x\n'), metadata: { hostname: 'm', sshPublicKeys: { a: 'ssh-rsa A' } } })).toEqual({ changed: true, problems: [] });
    expect(statSync(join(conf, 'cloud-config.d/boot.yml')).mode & 0o777).toBe(0o600);
    expect(statSync(join(conf, 'metadata')).mode & 0o777).toBe(0o600);
    expect(statSync(conf).mode & 0o777).toBe(0o700);
    expect(await saveFound(conf, found('#cloud-config\nhostname: x\n'))).toEqual({ changed: false, problems: [] });
    expect((await loadConfig({ confDirectory: conf, builtIn: {} })).config).toEqual({ hostname: 'x', ssh_authorized_keys: ['ssh-rsa A'] });
  });

  it('is kept as a script that can be run when it is one', async () => {
    expect(await saveFound(conf, found('#!/bin/sh\necho\n'))).toEqual({ changed: true, problems: [] });
    expect(statSync(join(conf, 'cloud-config-script')).mode & 0o777).toBe(0o700);
  });

  it.each([['#cloud-config\nhostname: [\n'], ['#cloud-config\nhostname: {}\n'], ['rubbish \u0000'], ['#cloud-config\nhostn']])(
    'is not saved when it is %j: the last good one stays', async (bad) => {
      await saveFound(conf, found('#cloud-config\nhostname: good\n'));
      const { changed, problems } = await saveFound(conf, found(bad));
      expect(changed).toBe(false);
      expect(problems.at(-1)?.message).toContain('the last good user-data, if any, stays in force');
      expect(readFileSync(join(conf, 'cloud-config.d/boot.yml'), 'utf8')).toBe('#cloud-config\nhostname: good\n');
    });
});
