/** Who gets in, and how. */
import { nothing, pass, fail, unknown, warn, weight, listed, type Check, type Verdict } from '../check.ts';
import type { LoginFacts } from '../facts.ts';

const sshdAsked = 'sshd -T in the console';
const editSshd = '`sudo ros service up console --force-recreate` brings back the settings that the console comes with';

/** By sshd's names: what it may be, and what is wrong otherwise. */
const wanted: Readonly<Record<string, readonly string[]>> = {
  permitrootlogin: ['no'], permitemptypasswords: ['no'], hostbasedauthentication: ['no'], ignorerhosts: ['yes'], strictmodes: ['yes'], permituserenvironment: ['no'], x11forwarding: ['no'], usepam: ['yes'],
};
/** sshd -T names what it is about to do; of X11 it says nothing while that is off. */
const mayBeAbsent: ReadonlySet<string> = new Set(['x11forwarding']);
/** These open the door; the others only make it weaker. */
const open = ['permitrootlogin', 'permitemptypasswords', 'hostbasedauthentication'];

export const loginChecks: readonly Check[] = [
  {
    id: 'ssh.settings', title: 'Root does not log in over ssh, and nobody without being asked', weight: weight.vital, looked: `${sshdAsked}: ${Object.keys(wanted).join(', ')}`,
    judge: ({ login }) => ofSshd(login, (sshd) => {
      const wrong = Object.entries(wanted).filter(([name, values]) => !values.includes(sshd[name] ?? (mayBeAbsent.has(name) ? values[0] ?? '' : '')));
      const words = wrong.map(([name]) => `${name} is ${sshd[name] ?? 'not there'}`);
      if (wrong.length === 0) return pass('all are as they should be');
      return wrong.some(([name]) => open.includes(name)) ? fail(listed(words), editSshd) : warn(listed(words), editSshd);
    }),
  },
  {
    id: 'ssh.passwords', title: 'ssh takes keys, not passwords', weight: weight.important, looked: `${sshdAsked}: passwordauthentication, kbdinteractiveauthentication; /etc/shadow of the console`,
    judge: ({ login }) => ofSshd(login, (sshd) => {
      const asks = ['passwordauthentication', 'kbdinteractiveauthentication'].filter((name) => sshd[name] !== 'no');
      if (asks.length === 0) return pass('keys only');
      const withPassword = login.accounts?.filter(({ password, uid }) => password === 'set' && uid !== 0).map(({ name }) => name) ?? [];
      if (withPassword.length === 0) return fail(`${asks.join(' and ')} on, and no user has a password`, editSshd);
      return warn(`whoever guesses the password of ${listed(withPassword)} is in`, 'ssh_authorized_keys instead of a password');
    }),
  },
  {
    id: 'ssh.users', title: 'ssh lets in only users that are named', weight: weight.important, looked: `${sshdAsked}: allowusers, allowgroups`,
    judge: ({ login }) => ofSshd(login, (sshd) => {
      const named = [sshd['allowusers'], sshd['allowgroups']].filter((value) => value !== undefined && value !== '');
      return named.length === 0 ? warn('everybody who has an account', editSshd) : pass(named.join(' '));
    }),
  },
  {
    id: 'login.accounts', title: 'No account is open, and only root is root', weight: weight.vital, looked: '/etc/passwd and /etc/shadow of the console',
    judge: ({ login: { accounts } }) => {
      if (accounts === undefined) return unknown('the console does not run');
      const wrong = [...accounts.filter(({ password }) => password === 'empty').map(({ name }) => `${name} has an empty password`), ...accounts.filter(({ uid, name }) => uid === 0 && name !== 'root').map(({ name }) => `${name} has uid 0`)];
      return nothing(wrong, 'fail', `${accounts.length} accounts`, 'sudo passwd -l NAME in the console, and rancher.password or users in the configuration');
    },
  },
  {
    id: 'login.password', title: 'The password of rancher is kept as a hash', weight: weight.minor, looked: 'rancher.password',
    judge: ({ login: { password } }) => (password === 'in clear' ? warn('it is in clear in the configuration', 'sudo ros config set rancher.password "$(openssl passwd -6)"') : pass(password === 'none' ? 'there is none' : 'a hash')),
  },
  {
    id: 'login.autologin', title: 'No terminal logs in by itself', weight: weight.minor, looked: 'rancher.autologin',
    judge: ({ login: { autologin } }) => nothing(autologin, 'warn', 'none', 'take rancher.autologin out of the kernel parameters where others reach the terminal'),
  },
];

function ofSshd({ sshIsOn, sshd }: LoginFacts, judge: (sshd: Readonly<Record<string, string>>) => Verdict): Verdict {
  if (!sshIsOn) return pass('sshd is off (rancher.ssh.daemon)');
  return sshd === undefined ? unknown('sshd could not be asked') : judge(sshd);
}
