/** What programs and files say, as facts. Pure. */
import type { Account } from './facts.ts';

/** Of `sshd -T`: a setting a line, the name first. One that comes more than once is all of its values. */
export function parseSshd(output: string): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const line of output.split('\n')) {
    const [, name, value] = /^([a-z]+) (.*)$/.exec(line.trim()) ?? [];
    if (name !== undefined && value !== undefined) settings[name] = settings[name] === undefined ? value : `${settings[name]} ${value}`;
  }
  return settings;
}

/** Of passwd and shadow. The hash itself stays where it is. */
export function parseAccounts(passwd: string, shadow: string): Account[] {
  const hashes = new Map(shadow.split('\n').map((line): [string, string] => { const [name = '', hash = ''] = line.split(':'); return [name, hash]; }));
  return passwd.split('\n').filter((line) => line.includes(':')).map((line) => {
    const [name = '', own = '', uid = ''] = line.split(':');
    const hash = own === 'x' ? hashes.get(name) ?? '*' : own;
    return { name, uid: Number(uid), password: hash === '' ? 'empty' : /^[!*]/.test(hash) ? 'none' : 'set' };
  });
}
