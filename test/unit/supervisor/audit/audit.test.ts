import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checks, judge, scoreOf } from '../../../../src/supervisor/audit/audit.ts';
import { isHardened, judgedSysctls } from '../../../../src/supervisor/audit/checks/kernel.ts';
import { mapsAway } from '../../../../src/supervisor/audit/checks/plane.ts';
import { tcpHosts } from '../../../../src/supervisor/audit/checks/network.ts';
import type { Facts } from '../../../../src/supervisor/audit/facts.ts';
import { parseAccounts, parseSshd } from '../../../../src/supervisor/audit/parse.ts';
import { describeDamage } from '../../../../src/supervisor/root-image.ts';
import { hardeningSysctls } from '../../../../src/supervisor/hardening.ts';
import { container, good, mounts, ownMounts, verdict } from './facts.ts';

const { plane, login, kernel, network, engines } = good;
const daemon = plane.daemon ?? (() => { throw new Error('no daemon'); })();
const path = (name: string, over: object): Partial<Facts> => { const { type, uid, gid, mode } = good.paths[name] ?? { type: 'file', uid: 0, gid: 0, mode: 0 }; return { paths: { ...good.paths, [name]: { type, uid, gid, mode, ...over } } }; };
const ofPlane = (over: Partial<Facts['plane']>): Partial<Facts> => ({ plane: { ...plane, ...over } });
const ofDaemon = (over: Partial<typeof daemon>): Partial<Facts> => ofPlane({ daemon: { ...daemon, ...over } });
const ofLogin = (over: Partial<Facts['login']>): Partial<Facts> => ({ login: { ...login, ...over } });
const ofSshd = (over: Record<string, string>): Partial<Facts> => ofLogin({ sshd: { ...login.sshd, ...over } });
const ofKernel = (over: Partial<Facts['kernel']>): Partial<Facts> => ({ kernel: { ...kernel, ...over } });
const sysctl = (name: string, value: string): Partial<Facts> => ofKernel({ sysctls: { ...kernel.sysctls, [name]: value } });
const with_ = (...more: Facts['containers']): Partial<Facts> => ({ containers: [...good.containers.filter(({ name }) => !more.some((one) => one.name === name)), ...more] });
const remounted = (point: string, options: string): Facts['mounts'] => ownMounts.map((mount) => (mount.point === point ? { ...mount, options: options.split(',') } : mount));
const listener = (over: Partial<NonNullable<Facts['network']['listeners']>[number]>): Partial<Facts> => ({ network: { ...network, listeners: [...network.listeners ?? [], { protocol: 'tcp', address: '0.0.0.0', port: 4444, process: 'nc', service: undefined, ...over }] } });
const ofEngines = (over: Partial<Facts['engines']>): Partial<Facts> => ({ engines: { ...engines, ...over } });

describe('the audit', () => {
  it('has nothing to say of a machine as it should be', () => {
    const report = judge(good, checks, new Date('2026-08-01T12:00:00Z'));
    expect(report.checks.filter(({ result }) => result !== 'pass')).toEqual([]);
    expect(report).toMatchObject({ at: '2026-08-01T12:00:00.000Z', score: 100, passed: checks.length, warned: 0, failed: 0 });
  });

  it.each<[string, 'warn' | 'fail', string | RegExp, Partial<Facts>]>([
    ['plane.isolation', 'fail', /^host: root of a privileged user container is root/, ofPlane({ isolation: 'host' })],
    ['plane.isolation', 'warn', 'cannot tell: User Docker does not run', ofPlane({ isolation: undefined })],
    ['plane.namespaces', 'fail', 'process 812 shares the machine\'s net namespace', ofDaemon({ shared: ['net'] })],
    ['plane.namespaces', 'warn', 'cannot tell: User Docker does not run', ofPlane({ daemon: undefined })],
    ['plane.ids', 'fail', 'uids "0 0 4294967295" are the machine\'s own', ofDaemon({ uidMap: '         0          0 4294967295' })],
    ['plane.ids', 'fail', /^gids "0 100000 65536 65536 0 1"/, ofDaemon({ gidMap: '0 100000 65536\n65536 0 1' })],
    ['plane.processes', 'fail', 'process 4711 (sh)', ofPlane({ rootProcesses: [{ pid: 4711, name: 'sh' }] })],
    ['plane.processes', 'warn', 'cannot tell: User Docker does not run', ofPlane({ processes: 0 })],
    ['plane.files', 'fail', '/var/lib/rancher by way of /x, /var/log by way of /x', ofDaemon({ mounts: [...daemon.mounts, ...mounts('254:16 / /x rw ext4')] })],
    ['plane.files', 'fail', '/var/lib/rancher by way of /opt/y', ofDaemon({ mounts: [...daemon.mounts, ...mounts('254:16 /var/lib/rancher/conf /opt/y rw ext4')] })],
    ['plane.files', 'fail', /^\/run\/ros by way of \/r/, ofDaemon({ mounts: [...daemon.mounts, ...mounts('0:24 / /r rw tmpfs')] })],
    ['plane.floors', 'fail', 'user/pids.max is max', ofPlane({ floors: { ...plane.floors, 'user/pids.max': 'max' } })],
    ['plane.floors', 'fail', 'system/memory.min is not there', ofPlane({ floors: { ...plane.floors, 'system/memory.min': undefined } })],
    ['files.sockets', 'fail', '/run/system-docker.sock has mode 0666, at most 0660 is meant', path('/run/system-docker.sock', { mode: 0o666 })],
    ['files.sockets', 'fail', '/run/system-docker.sock belongs to gid 1101', path('/run/system-docker.sock', { gid: 1101 })],
    ['files.sockets', 'fail', '/run/ros/control.sock is a link and not a socket', path('/run/ros/control.sock', { type: 'link' })],
    ['files.sockets', 'fail', /^\/run\/ros has mode 0777/, path('/run/ros', { mode: 0o777 })],
    ['files.sockets', 'warn', 'cannot tell: /run/system-docker.sock is not there', { paths: { ...good.paths, '/run/system-docker.sock': undefined } }],
    ['files.secrets', 'warn', 'cannot tell: /var/lib/rancher/conf is not there', { paths: {} }],
    ['files.secrets', 'fail', '/var/lib/rancher/ssh/ssh_host_ed25519_key has mode 0644, at most 0600 is meant', path('/var/lib/rancher/ssh/ssh_host_ed25519_key', { mode: 0o644 })],
    ['files.secrets', 'fail', '/var/lib/rancher/conf belongs to uid 1100', path('/var/lib/rancher/conf', { uid: 1100 })],
    ['ssh.settings', 'fail', 'permitrootlogin is yes', ofSshd({ permitrootlogin: 'yes' })],
    ['ssh.settings', 'warn', 'x11forwarding is yes', ofSshd({ x11forwarding: 'yes' })],
    ['ssh.settings', 'warn', 'cannot tell: sshd could not be asked', ofLogin({ sshd: undefined })],
    ['ssh.passwords', 'fail', 'passwordauthentication on, and no user has a password', ofSshd({ passwordauthentication: 'yes' })],
    ['ssh.passwords', 'warn', 'whoever guesses the password of rancher is in', ofLogin({ sshd: { ...login.sshd, passwordauthentication: 'yes' }, accounts: [{ name: 'rancher', uid: 1100, password: 'set' }] })],
    ['ssh.users', 'warn', 'everybody who has an account', ofSshd({ allowusers: '' })],
    ['login.accounts', 'fail', 'guest has an empty password, toor has uid 0', ofLogin({ accounts: [{ name: 'guest', uid: 1200, password: 'empty' }, { name: 'toor', uid: 0, password: 'set' }] })],
    ['login.password', 'warn', 'it is in clear in the configuration', ofLogin({ password: 'in clear' })],
    ['login.autologin', 'warn', 'ttyS0', ofLogin({ autologin: ['ttyS0'] })],
    ['containers.known', 'fail', 'rescue (privileged)', with_({ ...container('rescue', { shared: ['user', 'pid'] }), service: undefined })],
    ['containers.known', 'warn', 'web', with_({ ...container('web'), service: undefined })],
    ['containers.known', 'warn', 'cannot tell: no container runs', { containers: [] }],
    ['containers.capabilities', 'fail', 'syslog has SYS_ADMIN', with_(container('syslog', { capabilities: ['SYSLOG', 'SYS_ADMIN'], shared: ['user', 'uts'] }))],
    ['containers.capabilities', 'fail', 'ntp is privileged', with_(container('ntp', good.containers[1]?.confinement))],
    ['containers.capabilities', 'warn', 'mine has SYS_ADMIN', with_(container('mine', { capabilities: ['SYS_ADMIN', 'CHOWN'] }))],
    ['containers.seccomp', 'fail', 'ntp has no filter', with_(container('ntp', { seccomp: false }))],
    ['containers.no-new-privileges', 'fail', 'ntp may gain privileges', with_(container('ntp', { noNewPrivileges: false }))],
    ['containers.read-only', 'fail', 'syslog has a writable root', with_(container('syslog', { readOnlyRoot: false }))],
    ['containers.apparmor', 'fail', 'syslog is unconfined', with_(container('syslog', { appArmor: 'unconfined' }))],
    ['containers.apparmor', 'fail', 'syslog is docker-default (complain)', with_(container('syslog', { appArmor: 'docker-default (complain)' }))],
    ['containers.apparmor', 'fail', 'syslog is without AppArmor', with_(container('syslog', { appArmor: undefined }))],
    ['containers.namespaces', 'fail', 'syslog shares net, pid', with_(container('syslog', { shared: ['user', 'net', 'pid', 'uts'] }))],
    ['containers.sockets', 'fail', 'syslog reaches /run/system-docker.sock', with_(container('syslog', { mounts: mounts('0:50 / / ro overlay', '0:24 /system-docker.sock /var/run/docker.sock ro tmpfs') }))],
    ['containers.sockets', 'warn', /^mine reaches \/run\/system-docker\.sock, .*control\.sock$/, with_(container('mine', { mounts: mounts('0:50 / / ro overlay', '0:24 / /host/run ro tmpfs') }))],
    ['kernel.leaks', 'fail', 'kernel.kptr_restrict is 0', sysctl('kernel.kptr_restrict', '0')],
    ['kernel.surface', 'fail', 'kernel.yama.ptrace_scope is 0', sysctl('kernel.yama.ptrace_scope', '0')],
    ['kernel.links', 'fail', 'fs.protected_symlinks is 0', sysctl('fs.protected_symlinks', '0')],
    ['kernel.network', 'warn', 'net.ipv4.conf.all.accept_redirects is 1', sysctl('net.ipv4.conf.all.accept_redirects', '1')],
    ['kernel.leaks', 'warn', 'cannot tell: none of them is there', ofKernel({ sysctls: {} })],
    ['kernel.modules', 'warn', 'root loads any module', ofKernel({ signaturesEnforced: false })],
    ['kernel.taint', 'warn', 'a module without a signature', ofKernel({ taint: 8192 })],
    ['kernel.parameters', 'fail', 'mitigations=off', ofKernel({ parameters: ['quiet', 'mitigations=off'] })],
    ['kernel.secrets', 'warn', 'rancher.password', ofKernel({ parameters: ['rancher.password=hunter2'] })],
    ['root.verified', 'warn', 'the root image is not verified', { root: { isVerified: false, damage: undefined } }],
    ['root.verified', 'warn', 'cannot tell: the mounts could not be read', { root: { isVerified: undefined, damage: undefined } }],
    ['root.verified', 'fail', /^The root image on vda is corrupt/, { root: { isVerified: true, damage: describeDamage('vda', 1) } }],
    ['kernel.apparmor', 'fail', 'this kernel runs without it', ofKernel({ appArmorEnabled: false })],
    ['mounts.root', 'fail', 'squashfs at / is writable', { mounts: remounted('/', 'rw') }],
    ['mounts.data', 'fail', '/home is mounted without nosuid', { mounts: remounted('/home', 'rw,nodev') }],
    ['mounts.data', 'fail', '/mnt/usb is mounted without nosuid, nodev', { mounts: [...ownMounts, ...mounts('8:1 / /mnt/usb rw vfat')] }],
    ['mounts.data', 'fail', '/var/lib/rancher is mounted without nodev', { mounts: remounted('/var/lib/rancher', 'rw,nosuid') }],
    ['mounts.console', 'fail', '/opt is mounted without nosuid', with_(container('console', { ...good.containers[0]?.confinement, mounts: remounted('/opt', 'rw,nodev') }))],
    ['mounts.kernel', 'warn', '/dev is mounted without nosuid', { mounts: remounted('/dev', 'rw') }],
    ['network.listeners', 'warn', 'tcp 0.0.0.0:4444 nc', listener({})],
    ['network.listeners', 'warn', 'tcp [::]:4444 nc of console', listener({ address: '::', service: 'console' })],
    ['network.router', 'fail', 'it forwards, and the user plane\'s packet filter is not there', { network: { ...network, filter: undefined } }],
    ['network.router', 'fail', 'it forwards, and the packet filter drops nothing of it', { network: { ...network, filter: network.filter?.replace('policy drop', 'policy accept') } }],
    ['docker.tcp', 'fail', 'User Docker listens at tcp://0.0.0.0:2375 and asks for no certificate', ofEngines({ user: [...engines.user ?? [], '--host=tcp://0.0.0.0:2375'] })],
    ['docker.tcp', 'fail', 'User Docker listens at 0.0.0.0:2376 and asks for no certificate', ofEngines({ user: ['-H', '0.0.0.0:2376', '--tlsverify', '--tlsverify=false'] })],
    ['docker.tcp', 'fail', 'System Docker listens at tcp://127.0.0.1:2376', ofEngines({ system: ['-H', 'tcp://127.0.0.1:2376', '--tlsverify'] })],
    ['docker.tcp', 'warn', 'cannot tell: User Docker does not run', ofEngines({ user: undefined })],
    ['docker.certificates', 'fail', 'server: it has expired', ofEngines({ tls: { enabled: true, certificates: [{ kind: 'server', where: 'x', names: [], problems: ['it has expired'], warnings: [] }] } })],
    ['docker.certificates', 'warn', 'server: it expires in 3 days', ofEngines({ tls: { enabled: true, certificates: [{ kind: 'server', where: 'x', names: [], problems: [], warnings: ['it expires in 3 days'] }] } })],
    ['docker.registries', 'warn', 'registry.lan:5000', ofEngines({ insecureRegistries: ['registry.lan:5000'] })],
  ])('%s: %s where %s', (id, result, detail, over) => {
    const found = verdict(id, { ...good, ...over });
    expect(found.result).toBe(result);
    expect(found.detail).toEqual(typeof detail === 'string' ? detail : expect.stringMatching(detail));
  });

  it('tests every one of its checks above', () => {
    const text = readFileSync(import.meta.filename, 'utf8');
    expect(checks.map(({ id }) => id).filter((id) => !text.includes(`    ['${id}', `))).toEqual([]);
    expect(new Set(checks.map(({ id }) => id)).size).toBe(checks.length);
  });

  it('lets pass what is a decision and no mistake', () => {
    expect(verdict('ssh.settings', { ...good, ...ofLogin({ sshIsOn: false, sshd: undefined }) }).result).toBe('pass');
    expect(verdict('docker.tcp', { ...good, ...ofEngines({ user: ['--host=0.0.0.0:2376', '--tlsverify'] }) }).result).toBe('pass');
    expect(verdict('network.listeners', { ...good, ...listener({ service: 'node-exporter', port: 9100 }) }).result).toBe('pass');
    expect(verdict('containers.sockets', { ...good, ...with_(container('mine', { uid: 65_534, mounts: mounts('0:24 / /host/run ro tmpfs') })) }).result).toBe('pass');
    expect(verdict('kernel.parameters', { ...good, ...ofKernel({ parameters: ['lsm=landlock,apparmor', 'mitigations=auto'] }) }).result).toBe('pass');
    expect(verdict('network.router', { ...good, network: { ...network, forwards: false, filter: undefined } }).result).toBe('pass');
  });

  it('goes on when one check is broken', () => {
    const broken = { id: 'x', title: 'x', weight: 10, looked: 'x', judge: () => { throw new Error('oops'); } };
    expect(judge(good, [broken], new Date())).toMatchObject({ score: 50, warned: 1, checks: [{ detail: 'cannot tell: oops' }] });
  });

  it('never shows a secret', () => {
    const facts = { ...good, ...ofKernel({ parameters: ['rancher.password=hunter2', 'x.token=hunter2'] }) };
    expect(JSON.stringify(judge(facts, checks, new Date()))).not.toContain('hunter2');
  });

  it('counts weights, half of them for a warning, rounded down', () => {
    expect(scoreOf([{ weight: 10, result: 'pass' }, { weight: 10, result: 'fail' }])).toBe(50);
    expect(scoreOf([{ weight: 10, result: 'pass' }, { weight: 10, result: 'warn' }])).toBe(75);
    expect(scoreOf([{ weight: 1000, result: 'pass' }, { weight: 1, result: 'warn' }])).toBe(99);
  });
});

describe('what the audit wants of the kernel', () => {
  it('is what the system sets', () => {
    expect(Object.entries(hardeningSysctls).filter(([name, value]) => !isHardened(name, value))).toEqual([]);
    // The others are the kernel's own defaults.
    expect(judgedSysctls.filter((name) => !(name in hardeningSysctls))).toEqual(['kernel.randomize_va_space', 'vm.mmap_min_addr', 'net.ipv6.conf.all.accept_source_route']);
  });
});

describe('what the audit reads', () => {
  it('is maps of ids', () => {
    expect(mapsAway('0 100000 65536\n')).toBe(true);
    expect(mapsAway('0 99999 65536\n')).toBe(false);
    expect(mapsAway('')).toBe(false);
  });

  it('is sshd\'s own word', () => {
    expect(parseSshd('port 22\nallowusers rancher\nallowusers docker\npermitrootlogin no\nsubsystem sftp /usr/lib/x\n\nWarning: x\n')).toEqual({ port: '22', allowusers: 'rancher docker', permitrootlogin: 'no', subsystem: 'sftp /usr/lib/x' });
  });

  it('is accounts, without the hash', () => {
    const accounts = parseAccounts('root:x:0:0::/:/bin/sh\na:x:1:1::/:\nb::2:2::/:\nc:x:3:3::/:\nd:x:4:4::/:\n', 'root:*:1\na:$6$abc:1\nc::1\n');
    expect(accounts.map(({ name, password }) => `${name} ${password}`)).toEqual(['root none', 'a set', 'b empty', 'c empty', 'd none']);
    expect(JSON.stringify(accounts)).not.toContain('abc');
  });

  it('is where Docker listens', () => {
    expect(tcpHosts(['dockerd', '-H', 'tcp://a', '-Htcp://b', '--host=0.0.0.0:1', '--host', 'unix:///x', '-H=fd://', '--data-root', '/x'])).toEqual(['tcp://a', 'tcp://b', '0.0.0.0:1']);
  });
});

describe('docs/audit.md', () => {
  it('has a line for every check, and for no other', () => {
    const guide = readFileSync(join(import.meta.dirname, '../../../../docs/audit.md'), 'utf8');
    const told = [...guide.matchAll(/^\| `([a-z]+\.[a-z-]+)` \| (\d+) \|/gm)].map(([, id, weight]) => `${id} ${weight}`);
    expect(told).toEqual(checks.map(({ id, weight }) => `${id} ${weight}`));
  });
});
