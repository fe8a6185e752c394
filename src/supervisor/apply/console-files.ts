/**
 * What the console reads in /run/ros/console (its README and ARCHITECTURE.md say which file is what). Rendering is pure;
 * writing leaves alone what is as it should be.
 */
import { chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../../config/index.ts';
import { RosError } from '../../lib/errors.ts';
import { listDirectory, readTextFile, writeFileAtomic } from '../../sys/files.ts';
import { paths, type Machine } from '../machine.ts';

const refreshMs = 60_000;
const limit = 1024 * 1024;
const keysFolder = 'authorized_keys.d';

/** The files by name; all of them, so that one that is not there is to be removed. */
export function consoleFiles(settings: Settings): Record<string, string> {
  const { ssh, password, autologin } = settings;
  return {
    ...keyFiles(settings),
    autologin: lines(autologin),
    ...(password !== undefined && { password: `rancher:${password}\n` }),
    ...(sshdConfig(settings) !== '' && { 'sshd.conf': sshdConfig(settings) }),
    ...(!ssh.daemon && { 'sshd.off': '' }),
    // For grep, in the kernel's table of listening sockets; an empty line fits every line.
    listens: ssh.daemon ? `:${ssh.port.toString(16).toUpperCase().padStart(4, '0')} .* 0A \n` : '\n',
  };
}

/** One file a user, read at each of their logins: the machine's keys are those of rancher and docker. */
function keyFiles({ sshAuthorizedKeys, users }: Settings): Record<string, string> {
  const own = new Map<string, string[]>([['rancher', [...sshAuthorizedKeys]], ['docker', [...sshAuthorizedKeys]]]);
  for (const { name, sshAuthorizedKeys: keys } of users) if (isFileName(name)) own.set(name, [...new Set([...own.get(name) ?? [], ...keys])]);
  return Object.fromEntries([...own].map(([name, keys]) => [`${keysFolder}/${name}`, lines(keys.map((key) => key.trim()).filter((key) => key !== '' && !/[\n\r\0]/.test(key)))]));
}

/** What comes before the console's own settings, for the first value of each counts. */
function sshdConfig({ ssh, users }: Settings): string {
  const { port, listenAddress } = ssh;
  const names = users.map(({ name }) => name).filter((name) => isFileName(name) && name !== 'rancher' && name !== 'docker');
  const address = listenAddress !== undefined && /^[A-Za-z0-9.:%_[\]-]+$/.test(listenAddress) ? listenAddress : undefined;
  return [
    ...(port === 22 ? [] : [`Port ${port}`]),
    ...(address === undefined ? [] : [`ListenAddress ${address}`]),
    ...(names.length === 0 ? [] : [`AllowUsers ${names.join(' ')}`]),
    ...(users.some(({ passwd, lockPasswd }) => passwd !== undefined && !lockPasswd) ? ['PasswordAuthentication yes'] : []),
  ].map((line) => `${line}\n`).join('');
}

/** Nothing but a name: neither a path nor a pattern of sshd's. */
function isFileName(name: string): boolean { return /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name); }

/** A directory of its own that only root may look into. */
export async function writeConsoleFiles(settings: Settings, directory: string = paths.console): Promise<void> {
  const files = consoleFiles(settings);
  await mkdir(join(directory, keysFolder), { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    if ((await readTextFile(path, limit).catch(() => undefined)) !== text) await writeFileAtomic(path, text, 0o600);
  }
  for (const name of ['password', 'sshd.conf', 'sshd.off', ...(await listDirectory(join(directory, keysFolder))).map((key) => `${keysFolder}/${key}`)]) {
    if (!(name in files)) await rm(join(directory, name), { force: true });
  }
}

/** The running console takes over what was rendered; one that does not run does so when it starts. */
export async function refreshConsole({ services, systemEngine }: Pick<Machine, 'services' | 'systemEngine'>): Promise<void> {
  const id = runningConsole(services);
  if (id === undefined) return;
  const { exitCode, output } = await systemEngine.exec(id, { command: ['/usr/lib/corral/console-refresh'], timeoutMs: refreshMs, tailBytes: 1000 });
  if (exitCode !== 0) throw new RosError('ERR_ROS_CONSOLE', `cannot change the console: console-refresh ended with exit code ${exitCode}: ${output.trim().split('\n').at(-1) ?? ''}`);
}

/** The container's id, undefined when the console does not run. */
export function runningConsole(services: Machine['services']): string | undefined {
  if (!services.has('console')) return undefined;
  const runner = services.runner('console', 'look at');
  return ['running', 'healthy', 'unhealthy'].includes(runner.state) ? runner.containerId : undefined;
}

function lines(entries: readonly string[]): string { return entries.map((entry) => `${entry}\n`).join(''); }
