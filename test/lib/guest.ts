/** What the tests ask a machine from inside: its processes, its system containers, its services. */
import { readFileSync } from 'node:fs';
import type { ServiceStatus } from '../../src/api/types.ts';
import type { Machine } from './machine.ts';

export interface Process { readonly pid: number; readonly parent: number; readonly state: string; readonly command: string }

/** Only bash's own words: a fork for every process would take seconds under emulation. */
const listProcesses = String.raw`
for dir in /proc/[0-9]*; do
  words=()
  { mapfile -d '' -t words < "$dir/cmdline"; } 2> /dev/null
  state=? parent=0
  { while read -r key value _; do case $key in State:) state=$value ;; PPid:) parent=$value ;; esac; done < "$dir/status"; } 2> /dev/null
  printf '%s %s %s %s\n' "\${dir#/proc/}" "$parent" "$state" "\${words[*]}"
done`.replaceAll('\\$', '$');

/** All processes of the machine (the console shares its process namespace) but the kernel's threads. */
export async function processes(machine: Machine): Promise<Process[]> {
  const text = await machine.ok('sudo bash -s', { input: listProcesses });
  return text.split('\n').flatMap((line) => {
    const match = /^(\d+) (\d+) (\S) ?(.*)$/.exec(line);
    if (match === null || match[2] === '2' || match[1] === '2') return [];
    return [{ pid: Number(match[1]), parent: Number(match[2]), state: match[3] ?? '?', command: (match[4] ?? '').trim() }];
  });
}

export type Daemon = 'supervisor' | 'system dockerd' | 'containerd of system dockerd' | 'user dockerd' | 'containerd of user dockerd' | 'sshd';

/** The process id of one of the machine's daemons, by what it was started with. */
export function pidOf(daemon: Daemon, all: readonly Process[]): number | undefined {
  const find = (test: (process: Process) => boolean): number | undefined => all.find(test)?.pid;
  switch (daemon) {
    case 'supervisor': return find(({ command }) => /^\S*ros supervise$/.test(command));
    case 'system dockerd': return find(({ command }) => /^\S*dockerd\b.*system-docker/.test(command));
    case 'containerd of system dockerd': return find(({ command }) => /^\S*containerd\b.*system-docker/.test(command));
    case 'user dockerd': return find(({ command }) => /^\S*dockerd\b/.test(command) && !command.includes('system-docker'));
    case 'containerd of user dockerd': return find(({ command }) => /^\S*containerd\b.*--root \/var\/lib\/docker/.test(command));
    case 'sshd': return find(({ command }) => /^sshd: \S*sshd .*\[listener\]|^\S*\/sshd -D/.test(command));
  }
}

export interface SystemContainer { readonly name: string; readonly id: string; readonly pid: number; readonly startedAt: string }

export async function systemContainers(machine: Machine): Promise<SystemContainer[]> {
  const text = await machine.ok('sudo system-docker ps -q | xargs -r sudo system-docker inspect --format "{{.Name}} {{.Id}} {{.State.Pid}} {{.State.StartedAt}}"');
  return text.split('\n').filter((line) => line !== '').map((line) => {
    const [name = '', id = '', pid = '', startedAt = ''] = line.split(' ');
    return { name: name.replace(/^\//, ''), id, pid: Number(pid), startedAt };
  }).sort((a, b) => a.name.localeCompare(b.name));
}

export async function services(machine: Machine): Promise<ServiceStatus[]> {
  return JSON.parse(await machine.ok('sudo ros service list --json')) as ServiceStatus[];
}

/** Enabled services that are not running without a health check, not healthy, and no job that is done. */
export async function notWell(machine: Machine): Promise<string[]> {
  const all = await services(machine);
  const isWell = ({ state, detail }: ServiceStatus): boolean => state === 'running' || state === 'healthy' || (state === 'stopped' && detail === 'completed');
  return all.filter((service) => service.enabled && !isWell(service)).map(({ name, state, detail }) => `${name} ${state} ${detail}`.trim());
}

/** A system service that every machine has. */
export const systemServices = ['acpid', 'console', 'docker', 'network', 'ntp', 'syslog', 'udev'] as const;

/**
 * Makes the image "tiny" in User Docker from the machine's own static busybox: nothing can be pulled, since no test
 * reaches outside.
 */
export async function makeTinyImage(machine: Machine, docker: 'docker' | 'sudo system-docker' = 'docker'): Promise<void> {
  await machine.ok('sh -s', { input: tinyImage(docker), timeoutMs: machine.limit(60_000) });
}

/** A script that makes the image: the guest reaches no registry, so it is given a static busybox with the script. */
export function tinyImage(docker = 'docker'): string {
  const busybox = readFileSync('build/work/root/usr/bin/busybox').toString('base64').replaceAll(/.{76}/g, '$&\n');
  return `
set -e
dir=$(mktemp -d)
mkdir -p "$dir/bin" "$dir/tmp" "$dir/www" "$dir/proc" "$dir/dev"
base64 -d > "$dir/bin/busybox" <<'END'
${busybox}
END
chmod 755 "$dir/bin/busybox"
for name in sh sleep echo cat ls id httpd true wc dd mount mknod hostname nslookup ping ps kill seq; do ln -s busybox "$dir/bin/$name"; done
echo tiny-says-hello > "$dir/www/index.html"
tar -C "$dir" -c . | ${docker} import --change 'ENV PATH=/bin' --change 'CMD ["sh"]' - tiny > /dev/null
rm -r "$dir"
`;
}
