/** Users and groups of the console. */
import type { CloudConfig } from '../schema.ts';
import type { GroupSetting, UserSetting } from '../settings-types.ts';
import { defined } from './defined.ts';

type UserFields = Exclude<NonNullable<CloudConfig['users']>[number], string>;

/** Of two that are called the same the later counts. `default` names the users that are always there. */
export function usersOf(users: CloudConfig['users'] = []): UserSetting[] {
  const byName = new Map(users
    .map((entry): UserFields => (typeof entry === 'string' ? { name: entry } : entry))
    .flatMap((user): [string, UserSetting][] => (user.name === undefined || user.name === 'default' ? [] : [[user.name, userOf(user.name, user)]])));
  return [...byName.values()];
}

function userOf(name: string, user: UserFields): UserSetting {
  return defined<UserSetting>({
    name,
    uid: user.uid,
    gecos: user.gecos,
    homedir: user.homedir,
    primaryGroup: user.primary_group,
    groups: words(user.groups),
    shell: user.shell,
    sudo: typeof user.sudo === 'boolean' ? [] : user.sudo ?? [],
    sshAuthorizedKeys: authorizedKeys(user.ssh_authorized_keys),
    passwd: user.hashed_passwd ?? user.passwd,
    lockPasswd: user.lock_passwd ?? true,
    noCreateHome: user.no_create_home ?? false,
    system: user.system ?? false,
  });
}

/** The members of a group that is named twice are all of them. */
export function groupsOf(groups: CloudConfig['groups'] = []): GroupSetting[] {
  const byName = new Map<string, Set<string>>();
  for (const entry of groups) {
    for (const [name, members] of typeof entry === 'string' ? [[entry, []] as const] : Object.entries(entry)) {
      const all = byName.get(name) ?? new Set();
      byName.set(name, all);
      for (const member of words(members)) all.add(member);
    }
  }
  return [...byName].map(([name, members]) => ({ name, members: [...members] }));
}

/** One key a line, each once: a key with a line break in it must not become two. */
export function authorizedKeys(keys: readonly string[] = []): string[] {
  return [...new Set(keys.map((key) => key.trim()).filter((key) => key !== '' && !/[\n\r\0]/.test(key)))];
}

function words(texts: readonly string[] = []): string[] {
  return [...new Set(texts.flatMap((text) => text.split(',')).map((word) => word.trim()).filter((word) => word !== ''))];
}
