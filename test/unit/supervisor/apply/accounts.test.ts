import { describe, expect, it } from 'vitest';
import type { GroupSetting, UserSetting } from '../../../../src/config/index.ts';
import { mergeAccounts, noAccounts, ownerIds, type Accounts } from '../../../../src/supervisor/apply/accounts.ts';

const image = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nrancher:x:1100:1100:rancher:/home/rancher:/bin/bash\n',
  group: 'root:x:0:\nsudo:x:27:rancher\ndocker:x:1101:rancher\nrancher:x:1100:\n',
  shadow: 'root:*:20000:0:99999:7:::\nrancher:*:20000:0:99999:7:::\n',
};

function user(name: string, more: Partial<UserSetting> = {}): UserSetting {
  return { name, groups: [], sudo: [], sshAuthorizedKeys: [], lockPasswd: true, noCreateHome: false, system: false, ...more };
}
function merge(users: readonly UserSetting[], groups: readonly GroupSetting[] = [], earlier?: Accounts): Accounts {
  return mergeAccounts(earlier?.files ?? image, earlier?.record ?? noAccounts, users, groups);
}

describe('the accounts of the console', () => {
  it('are the image\'s where nothing is said', () => {
    expect(merge([])).toEqual({ files: image, sudoers: '', record: noAccounts, homes: [], problems: [] });
  });

  it('get a user with a number, a group, a home and rules for sudo', () => {
    const { files, sudoers, homes, problems } = merge([user('bob', { groups: ['docker', 'wheel'], sudo: ['ALL=(ALL) NOPASSWD:ALL'], gecos: 'Bob', passwd: '$6$a$b', lockPasswd: false })]);
    expect(problems).toEqual([]);
    expect(files.passwd).toBe(`${image.passwd}bob:x:2000:2000:Bob:/home/bob:/bin/bash\n`);
    expect(files.shadow).toContain('\nbob:$6$a$b:20000:0:99999:7:::\n');
    expect(files.group).toBe('root:x:0:\nsudo:x:27:rancher\ndocker:x:1101:rancher,bob\nrancher:x:1100:\nbob:x:2000:\nwheel:x:2001:bob\n');
    expect(sudoers).toBe('bob ALL=(ALL) NOPASSWD:ALL\n');
    expect(homes).toEqual([{ path: '/home/bob', uid: 2000, gid: 2000 }]);
  });

  it('lock a password unless the configuration says otherwise', () => {
    expect(merge([user('bob', { passwd: '$6$a$b' })]).files.shadow).toContain('\nbob:!$6$a$b:');
  });

  it('keep numbers over a console made anew, whatever else comes and goes', () => {
    const first = merge([user('ann'), user('bob')]);
    const anew = mergeAccounts(image, first.record, [user('carl'), user('bob')], []);
    expect(anew.files.passwd).toContain('bob:x:2001:2001:');
    expect(anew.files.passwd).toContain('carl:x:2002:2002:');
    expect(anew.files.passwd).not.toContain('ann');
  });

  it('lose a user, and all memberships, that the configuration says no more', () => {
    const first = merge([user('bob', { groups: ['docker'] }), user('rancher', { groups: ['wheel'], passwd: '$6$a$b', lockPasswd: false })], [{ name: 'sudo', members: ['bob'] }]);
    expect(first.files.group).toContain('sudo:x:27:rancher,bob\n');
    expect(first.files.shadow).toContain('rancher:$6$a$b:');
    const { files } = merge([], [], first);
    expect(files).toEqual(image);
  });

  it('leave a password that a user has chosen', () => {
    const first = merge([user('bob')]);
    const chosen = { ...first, files: { ...first.files, shadow: first.files.shadow.replace('bob:*:', 'bob:$y$own:') } };
    expect(merge([user('bob', { gecos: 'new' })], [], chosen).files.shadow).toContain('\nbob:$y$own:');
  });

  it('take the image\'s own users as they are, with what is said besides', () => {
    const { files, homes } = merge([user('rancher', { shell: '/bin/sh', groups: ['docker', 'wheel'] })]);
    expect(files.passwd).toContain('rancher:x:1100:1100:rancher:/home/rancher:/bin/sh\n');
    expect(files.group).toContain('wheel:x:2000:rancher\n');
    expect(homes).toEqual([]);
  });

  it('tell who cannot be, and make the others', () => {
    const { files, problems } = merge([user('a', { uid: 1100 }), user('rancher', { uid: 5 }), user('x:y'), user('nl', { gecos: 'a\nroot2:x:0:0::/:/bin/sh' }), user('ok')], [{ name: 'ok', members: ['nobody-here'] }]);
    expect(problems).toEqual([
      'cannot make user "a": its number 1100 is that of "rancher"',
      'cannot make user "rancher": it is there with the number 1100, not 5',
      'cannot make user "x:y": its name is none: letters, digits, "_", "." and "-", not with a digit first',
      'cannot make user "nl": a field of it has a colon or a line break in it',
      'cannot make group "ok": there is no user "nobody-here"',
    ]);
    expect(files.passwd.split('\n').filter((line) => line !== '')).toHaveLength(3);
  });

  it('give a user the group that is named, and one of the system no home', () => {
    const { files, homes } = merge([user('svc', { system: true }), user('bob', { uid: 1500, primaryGroup: 'staff' })], [{ name: 'staff', gid: 50, members: [] }]);
    expect(files.passwd).toContain('svc:x:300:300::/nonexistent:/usr/sbin/nologin\nbob:x:1500:50::/home/bob:/bin/bash\n');
    expect(homes).toEqual([{ path: '/home/bob', uid: 1500, gid: 50 }]);
  });
});

describe('owners of files', () => {
  it.each([['rancher', 1100, 1100], ['rancher:docker', 1100, 1101], ['root', 0, 0], ['7:8', 7, 8], ['7', 7, 0], ['1100', 1100, 1100]])('%s', (owner, uid, gid) => {
    expect(ownerIds(owner, image)).toEqual({ uid, gid });
  });

  it('must be there', () => {
    expect(() => ownerIds('who', image)).toThrow('there is no user "who"');
    expect(() => ownerIds('root:who', image)).toThrow('there is no group "who"');
  });
});
