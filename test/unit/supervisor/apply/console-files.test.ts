import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { settingsOf, type Settings, type UserSetting } from '../../../../src/config/index.ts';
import { consoleFiles, writeConsoleFiles } from '../../../../src/supervisor/apply/console-files.ts';

const bob: UserSetting = { name: 'bob', groups: [], sudo: [], sshAuthorizedKeys: ['ssh-ed25519 BOB'], lockPasswd: true, noCreateHome: false, system: false };
const settings = (more: Partial<Settings> = {}): Settings => ({ ...settingsOf({ ssh_authorized_keys: ['ssh-rsa A'] }), ...more });

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'console-')); });
afterEach(() => { rmSync(folder, { recursive: true }); });

describe('what the console reads', () => {
  it('is the keys and where to listen, on a machine with nothing else', () => {
    expect(consoleFiles(settings())).toEqual({
      'authorized_keys.d/rancher': 'ssh-rsa A\n', 'authorized_keys.d/docker': 'ssh-rsa A\n', autologin: '', listens: ':0016 .* 0A \n',
    });
  });

  it('lets a user in by the user\'s own keys, and by no others', () => {
    const files = consoleFiles(settings({ users: [bob, { ...bob, name: 'rancher', sshAuthorizedKeys: ['ssh-rsa B', 'ssh-rsa A', 'x\nssh-rsa EVIL'] }] }));
    expect(files['authorized_keys.d/bob']).toBe('ssh-ed25519 BOB\n');
    expect(files['authorized_keys.d/rancher']).toBe('ssh-rsa A\nssh-rsa B\n');
    expect(files['sshd.conf']).toBe('AllowUsers bob\n');
  });

  it('takes passwords where a user has one', () => {
    expect(consoleFiles(settings({ users: [{ ...bob, passwd: '$6$a$b', lockPasswd: false }] }))['sshd.conf']).toBe('AllowUsers bob\nPasswordAuthentication yes\n');
    expect(consoleFiles(settings({ users: [{ ...bob, passwd: '$6$a$b' }] }))['sshd.conf']).toBe('AllowUsers bob\n');
  });

  it('has a port, an address, or no sshd at all', () => {
    const ssh = { daemon: true, port: 2222, listenAddress: '10.0.0.1', keys: {} };
    expect(consoleFiles(settings({ ssh }))).toMatchObject({ 'sshd.conf': 'Port 2222\nListenAddress 10.0.0.1\n', listens: ':08AE .* 0A \n' });
    expect(consoleFiles(settings({ ssh: { ...ssh, listenAddress: 'x\nPermitRootLogin yes' } }))['sshd.conf']).toBe('Port 2222\n');
    expect(consoleFiles(settings({ ssh: { ...ssh, daemon: false } }))).toMatchObject({ 'sshd.off': '', listens: '\n' });
  });

  it('has nothing of a name that is a path or a pattern', () => {
    const files = consoleFiles(settings({ users: ['../../etc/x', '*', 'a b', '-o'].map((name) => ({ ...bob, name })) }));
    expect(Object.keys(files)).toEqual(Object.keys(consoleFiles(settings())));
  });

  it('is for root alone, and what is said no more goes away', async () => {
    await writeConsoleFiles(settings({ users: [bob], password: 'secret' }), folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'password')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, 'password'), 'utf8')).toBe('rancher:secret\n');
    await writeConsoleFiles(settings(), folder);
    expect(readdirSync(folder).sort()).toEqual(['authorized_keys.d', 'autologin', 'listens']);
    expect(readdirSync(join(folder, 'authorized_keys.d')).sort()).toEqual(['docker', 'rancher']);
  });
});
