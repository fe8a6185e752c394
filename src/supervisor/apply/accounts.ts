/**
 * The users and groups of the configuration in a container's /etc/passwd, group and shadow. Pure: what was put there
 * before is known from a record, so that somebody who is in the configuration no more cannot log in any more, and
 * everybody keeps the number that the files in the home are owned by.
 */
import type { GroupSetting, UserSetting } from '../../config/index.ts';

export interface AccountFiles { readonly passwd: string; readonly group: string; readonly shadow: string }

/** What the configuration has put in, ever. Numbers are kept after their user is gone: nobody else gets them. */
export interface AccountRecord {
  readonly uids: Readonly<Record<string, number>>;
  readonly gids: Readonly<Record<string, number>>;
  /** Made by the configuration, not by the image. */
  readonly users: readonly string[];
  readonly groups: readonly string[];
  /** By group. */
  readonly members: Readonly<Record<string, readonly string[]>>;
  /** The image's users whose password the configuration has set. */
  readonly passwords: readonly string[];
}

export const noAccounts: AccountRecord = { uids: {}, gids: {}, users: [], groups: [], members: {}, passwords: [] };

export interface Home { readonly path: string; readonly uid: number; readonly gid: number }

export interface Accounts {
  readonly files: AccountFiles;
  /** For a file in /etc/sudoers.d. */
  readonly sudoers: string;
  readonly record: AccountRecord;
  readonly homes: readonly Home[];
  /** Who could not be made as the configuration says, and why. */
  readonly problems: readonly string[];
}

/** Where new numbers begin: above those of the image, for people and for `system: true`. */
const firstId = { person: 2000, system: 300 } as const;
const endOfIds = { person: 60_000, system: 1000 } as const;
/** Days since 1970: only that it is not 0 counts, which would ask for a new password at the next login. */
const changed = '20000:0:99999:7:::';
const nameForm = /^[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?$/;

type Row = string[];

export function mergeAccounts(base: AccountFiles, before: AccountRecord, users: readonly UserSetting[], groups: readonly GroupSetting[]): Accounts {
  return new Merge(base, before).merge(users, groups);
}

class Merge {
  readonly #passwd: Row[];
  readonly #group: Row[];
  readonly #shadow: Row[];
  /** Passwords that users of ours have given themselves. */
  readonly #ownShadow: ReadonlyMap<string, Row>;
  readonly #uids: Record<string, number>;
  readonly #gids: Record<string, number>;
  readonly #users: string[] = [];
  readonly #groups: string[] = [];
  readonly #members = byName<string[]>();
  readonly #passwords: string[] = [];
  readonly #problems: string[] = [];
  readonly #sudoers: string[] = [];
  readonly #homes: Home[] = [];

  constructor(base: AccountFiles, before: AccountRecord) {
    const made = new Set(before.users);
    this.#uids = byName(before.uids);
    this.#gids = byName(before.gids);
    this.#passwd = rows(base.passwd).filter(([name = '']) => !made.has(name));
    this.#shadow = rows(base.shadow).filter(([name = '']) => !made.has(name)).map((row) => (before.passwords.includes(row[0] ?? '') ? [row[0] ?? '', '*', ...row.slice(2)] : row));
    this.#ownShadow = new Map(rows(base.shadow).filter(([name = '']) => made.has(name)).map((row) => [row[0] ?? '', row]));
    this.#group = rows(base.group).filter(([name = '']) => !before.groups.includes(name)).map((row) => {
      const added = before.members[row[0] ?? ''] ?? [];
      return [row[0] ?? '', row[1] ?? 'x', row[2] ?? '', (row[3] ?? '').split(',').filter((member) => member !== '' && !added.includes(member)).join(',')];
    });
  }

  merge(users: readonly UserSetting[], groups: readonly GroupSetting[]): Accounts {
    for (const { name, gid } of groups) this.#attempt(`group "${name}"`, () => { this.#addGroup(name, gid, 'person'); });
    for (const user of users) this.#attempt(`user "${user.name}"`, () => { this.#addUser(user); });
    for (const { name, members } of groups) for (const member of members) this.#attempt(`group "${name}"`, () => { this.#join(member, name); });
    return {
      files: { passwd: text(this.#passwd), group: text(this.#group), shadow: text(this.#shadow) },
      sudoers: this.#sudoers.map((line) => `${line}\n`).join(''),
      record: { uids: { ...this.#uids }, gids: { ...this.#gids }, users: this.#users, groups: this.#groups, members: { ...this.#members }, passwords: this.#passwords },
      homes: this.#homes, problems: this.#problems,
    };
  }

  #attempt(what: string, work: () => void): void {
    try { work(); } catch (error) { this.#problems.push(`cannot make ${what}: ${(error as Error).message}`); }
  }

  #addGroup(name: string, wanted: number | undefined, kind: keyof typeof firstId): number {
    checkName(name);
    const found = this.#group.find((row) => row[0] === name);
    if (found !== undefined) {
      if (wanted !== undefined && wanted !== Number(found[2])) throw new Error(`it is there with the number ${found[2]}, not ${wanted}`);
      return Number(found[2]);
    }
    const gid = this.#number(wanted, this.#gids[name], this.#group, this.#gids, kind);
    this.#gids[name] = gid;
    this.#groups.push(name);
    this.#group.push([name, 'x', String(gid), '']);
    return gid;
  }

  #addUser(user: UserSetting): void {
    checkName(user.name);
    for (const field of [user.gecos, user.homedir, user.shell, user.passwd]) if (field !== undefined && /[:\n\r\0]/.test(field)) throw new Error('a field of it has a colon or a line break in it');
    const found = this.#passwd.find((row) => row[0] === user.name);
    const kind = user.system ? 'system' : 'person';
    if (found === undefined) {
      const uid = this.#number(user.uid, this.#uids[user.name], this.#passwd, this.#uids, kind);
      const primary = user.primaryGroup ?? user.name;
      // A group of one's own has one's own number, where nobody else has it.
      const own = this.#gids[primary] ?? (this.#group.some((row) => Number(row[2]) === uid) ? undefined : uid);
      const gid = this.#addGroup(primary, this.#group.some((row) => row[0] === primary) ? undefined : own, kind);
      const home = user.homedir ?? (user.system ? '/nonexistent' : `/home/${user.name}`);
      this.#uids[user.name] = uid;
      this.#users.push(user.name);
      this.#passwd.push([user.name, 'x', String(uid), String(gid), user.gecos ?? '', home, user.shell ?? (user.system ? '/usr/sbin/nologin' : '/bin/bash')]);
      this.#shadow.push(this.#ownShadow.get(user.name) ?? [user.name, '*', ...changed.split(':')]);
      if (!user.noCreateHome && !user.system) this.#homes.push({ path: home, uid, gid });
    } else {
      if (user.uid !== undefined && user.uid !== Number(found[2])) throw new Error(`it is there with the number ${found[2]}, not ${user.uid}`);
      [found[4], found[5], found[6]] = [user.gecos ?? found[4] ?? '', user.homedir ?? found[5] ?? '', user.shell ?? found[6] ?? ''];
    }
    this.#setPassword(user, found !== undefined);
    for (const group of user.groups) { this.#addGroup(group, undefined, 'person'); this.#join(user.name, group); }
    for (const rule of user.sudo) if (!/[\n\r\0]/.test(rule)) this.#sudoers.push(`${user.name} ${rule}`);
  }

  /** One that the user has chosen stays as long as the configuration says nothing of it. */
  #setPassword({ name, passwd, lockPasswd }: UserSetting, isOfImage: boolean): void {
    if (passwd === undefined) return;
    const row = this.#shadow.find(([owner]) => owner === name);
    if (row === undefined) this.#shadow.push([name, '', ...changed.split(':')]);
    const target = row ?? this.#shadow.at(-1);
    if (target !== undefined) target[1] = `${lockPasswd ? '!' : ''}${passwd}`;
    if (isOfImage) this.#passwords.push(name);
  }

  #join(member: string, group: string): void {
    const row = this.#group.find(([name]) => name === group);
    if (!this.#passwd.some(([name]) => name === member)) throw new Error(`there is no user "${member}"`);
    if (row === undefined) return;
    const members = (row[3] ?? '').split(',').filter((name) => name !== '');
    if (members.includes(member)) return;
    row[3] = [...members, member].join(',');
    if (!this.#groups.includes(group)) (this.#members[group] ??= []).push(member);
  }

  /** The number that was wanted, the one it has had, or the next one that nobody has or has had. */
  #number(wanted: number | undefined, kept: number | undefined, taken: readonly Row[], given: Readonly<Record<string, number>>, kind: keyof typeof firstId): number {
    const owner = (number: number): string | undefined => taken.find((row) => Number(row[2]) === number)?.[0];
    if (wanted !== undefined) {
      const other = owner(wanted);
      if (other !== undefined) throw new Error(`its number ${wanted} is that of "${other}"`);
      return wanted;
    }
    if (kept !== undefined && owner(kept) === undefined) return kept;
    const all = new Set(Object.values(given));
    for (let number: number = firstId[kind]; number < endOfIds[kind]; number += 1) if (owner(number) === undefined && !all.has(number)) return number;
    throw new Error('there is no number left for it');
  }
}

/** Without a prototype: somebody may be called `constructor`. */
function byName<T>(record: Readonly<Record<string, T>> = {}): Record<string, T> { return Object.assign(Object.create(null) as Record<string, T>, record); }

function checkName(name: string): void {
  if (!nameForm.test(name)) throw new Error('its name is none: letters, digits, "_", "." and "-", not with a digit first');
}

/** `user[:group]`, names or numbers, as numbers by these files. Throws when there is nobody of that name. */
export function ownerIds(owner: string, { passwd, group }: Pick<AccountFiles, 'passwd' | 'group'>): { readonly uid: number; readonly gid: number } {
  const [user = 'root', own] = owner.split(':');
  const row = rows(passwd).find(([name]) => name === user);
  if (row === undefined && !/^\d+$/.test(user)) throw new Error(`there is no user "${user}"`);
  const uid = Number(row?.[2] ?? user);
  if (own === undefined || own === '') return { uid, gid: Number(row?.[3] ?? rows(passwd).find((entry) => Number(entry[2]) === uid)?.[3] ?? 0) };
  const found = rows(group).find(([name]) => name === own);
  if (found === undefined && !/^\d+$/.test(own)) throw new Error(`there is no group "${own}"`);
  return { uid, gid: Number(found?.[2] ?? own) };
}

function rows(file: string): Row[] { return file.split('\n').filter((line) => line.trim() !== '').map((line) => line.split(':')); }
function text(lines: readonly Row[]): string { return lines.map((row) => `${row.join(':')}\n`).join(''); }
