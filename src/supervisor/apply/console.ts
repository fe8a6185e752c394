/** The parts of the configuration that say who may log in, and how. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../../config/index.ts';
import { readTextFile, writeFileAtomic } from '../../sys/files.ts';
import type { Machine } from '../machine.ts';
import { refreshConsole, writeConsoleFiles } from './console-files.ts';
import type { Part } from './part.ts';
import { stageAccounts } from './users.ts';

const hostKeys = '/var/lib/rancher/ssh';

/** Read at each login: nothing has to be told. */
export const sshKeysPart: Part = {
  name: 'ssh_authorized_keys', keys: ['ssh_authorized_keys'], effect: 'now',
  of: ({ sshAuthorizedKeys }) => sshAuthorizedKeys,
  boot: (_machine, settings) => writeConsoleFiles(settings), // all of them, for the parts below too
  apply: (_machine, _before, after) => writeConsoleFiles(after),
};

export const loginPart: Part = {
  name: 'login', keys: ['rancher.password', 'rancher.autologin', 'rancher.disable'], effect: 'now',
  of: ({ password, autologin }) => ({ password, autologin }),
  apply: rendered,
};

export const sshPart: Part = {
  name: 'ssh', keys: ['rancher.ssh'], effect: 'now',
  of: ({ ssh }) => ssh,
  what: (before, { ssh }) => (ssh.daemon && before.ssh.daemon ? 'rancher.ssh: sshd reads its settings anew, sessions stay' : `rancher.ssh: sshd is ${ssh.daemon ? 'started' : 'stopped, sessions stay'}`),
  boot: (_machine, settings) => writeHostKeys(settings),
  async apply(machine, before, after) {
    await writeHostKeys(after);
    await rendered(machine, before, after);
  },
};

export const usersPart: Part = {
  name: 'users', keys: ['users', 'groups'], effect: 'now',
  of: ({ users, groups }) => ({ users, groups }),
  what: (before, after) => `users: ${[...new Set([...before.users, ...after.users].map(({ name }) => name))].join(', ') || 'groups only'}`,
  async apply(machine, _before, after) {
    const problems = await stageAccounts(machine, after);
    await writeConsoleFiles(after);
    await refreshConsole(machine);
    if (problems.length > 0) throw new Error(problems.join('; '));
  },
};

async function rendered(machine: Machine, _before: Settings, after: Settings): Promise<void> {
  await writeConsoleFiles(after);
  await refreshConsole(machine);
}

/** Host keys that RancherOS kept in its cloud-config go where ours are; `<type>` is private, `<type>-pub` public. */
async function writeHostKeys({ ssh }: Settings): Promise<void> {
  for (const [type, text] of Object.entries(ssh.keys)) {
    const match = /^(rsa|ecdsa|ed25519)(-pub)?$/.exec(type);
    if (match === null || text.trim() === '') continue;
    await mkdir(hostKeys, { recursive: true, mode: 0o700 });
    const isPublic = match[2] !== undefined;
    const path = join(hostKeys, `ssh_host_${match[1]}_key${isPublic ? '.pub' : ''}`);
    const content = `${text.trim()}\n`;
    if ((await readTextFile(path, 65_536).catch(() => undefined)) !== content) await writeFileAtomic(path, content, isPublic ? 0o644 : 0o600);
  }
}
