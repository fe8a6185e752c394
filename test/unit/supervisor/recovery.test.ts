import { describe, expect, test } from 'vitest';
import { settingsOf } from '../../../src/config/settings.ts';
import type { CloudConfig } from '../../../src/config/schema.ts';
import { greeting, guardOf } from '../../../src/supervisor/recovery/greeting.ts';

const guard = (config: CloudConfig) => guardOf(settingsOf(config).recovery, (password) => Promise.resolve(`hash of ${password}`));
const rancher = (passwd: string, lock_passwd = false): CloudConfig => ({ users: [{ name: 'rancher', passwd, lock_passwd }] });

describe('what stands before the recovery shell', () => {
  test('nothing where no password is set', async () => { expect(await guard({})).toEqual({ kind: 'none' }); });

  test('the password of the machine, also when nobody may log in with it', async () => {
    expect(await guard({ rancher: { password: 'x' } })).toEqual({ kind: 'password', hash: 'hash of x' });
    expect(await guard({ rancher: { password: 'x', disable: ['password'] } })).toEqual({ kind: 'password', hash: 'hash of x' });
  });

  test('the hash of the user rancher, unless it is locked', async () => {
    expect(await guard(rancher('$6$salt$hash'))).toEqual({ kind: 'password', hash: '$6$salt$hash' });
    expect(await guard(rancher('$6$salt$hash', true))).toEqual({ kind: 'none' });
  });

  test('a hash that cannot be checked lets nobody in', async () => {
    expect(await guard(rancher('$y$j9T$salt$hash'))).toMatchObject({ kind: 'closed', why: expect.stringContaining('rancher.password=') as string });
  });
});

test('whoever stands before the console reads why, with what, and how to go on', () => {
  const text = greeting('cannot start System Docker', { kind: 'password', hash: 'x' });
  expect(text).toContain('The boot has failed: cannot start System Docker');
  for (const word of ['e2fsck', 'mount', 'cryptsetup', 'vi', 'udhcpc', '"exit"', 'reboot', 'password is that of the user rancher']) expect(text).toContain(word);
  expect(greeting(undefined, { kind: 'none' })).not.toMatch(/password|failed/);
  for (const line of text.split('\n')) expect(line.length).toBeLessThan(130);
});

describe('rancher.disable', () => {
  test('takes the password and the autologin away, wherever they were said', () => {
    expect(settingsOf({ rancher: { password: 'x', autologin: ['ttyS0'], disable: ['password', 'autologin'] } })).toMatchObject({ password: undefined, autologin: [] });
    expect(settingsOf({ rancher: { password: 'x', autologin: ['ttyS0'], disable: ['password'] } })).toMatchObject({ password: undefined, autologin: ['ttyS0'] });
  });
});
