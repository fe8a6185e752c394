import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeProblem } from '../../../src/config/problem.ts';
import { parseLayer } from '../../../src/config/load.ts';

const problemsOf = (text: string): string[] => parseLayer(text, 'f').problems.map(describeProblem);

describe('the schema', () => {
  it('reads YAML 1.1 as RancherOS did', () => {
    const { config, problems } = parseLayer(`#cloud-config
hostname: 007
rancher:
  debug: yes
  ssh: { daemon: off, port: "2222" }
  state: { wait: 'true' }
  environment: { A: 0644, B: yes, C: 1.50, D: 2020-01-01 }
  sysctl: { kernel.domainname: on, vm.swappiness: 10 }
  services:
    web: { ports: ["80:80", 22:22], privileged: yes, mode: 0644, y: n }
  modules: kvm
`, 'f');
    expect(problems).toEqual([]);
    expect(config).toEqual({
      hostname: '007',
      rancher: {
        debug: true, ssh: { daemon: false, port: 2222 }, state: { wait: true },
        environment: { A: '0644', B: 'yes', C: '1.50', D: '2020-01-01' },
        sysctl: { 'kernel.domainname': 'on', 'vm.swappiness': '10' },
        services: { web: { ports: ['80:80', '22:22'], privileged: true, mode: 0o644, y: 'n' } },
        modules: ['kvm'],
      },
    });
  });

  it('knows every key of RancherOS by name', () => {
    expect(problemsOf(`
write_files: [{ path: /a, content: b }]
mounts: [[a, /b, c, d]]
runcmd: [ls]
bootcmd: [[ls, -l]]
rancher: { registry_auths: { a: { auth: b } }, upgrade: { url: x, policy: none }, repositories: { core: { url: x } }, docker: { tls: true },
  hypervisor_service: false, http_load_retries: 3, console: debian, resize_device: /dev/sda, restart_services: [a], services_include: { a: yes } }
`)).toEqual(['rancher.upgrade', 'rancher.console'].map((key) => expect.stringContaining(`${key}: not active yet`) as string));
  });

  it('notes what is not active yet or without effect, once for a whole group, and not what is so anyway', () => {
    const { problems, valid } = parseLayer(`
rancher:
  console: default
  recovery: no
  rm_usr: yes
  state: { mdadm_scan: true, cryptsetup: false, boot_dev: LABEL=RANCHER_BOOT }
  upgrade: { url: a, policy: none }
  network: { interfaces: { eth0: { bond: bond0, vlans: "1,2" } } }
`, 'f');
    expect(valid).toBe(true);
    expect(problems.map(describeProblem)).toEqual([
      '"f", line 5, column 3: rancher.rm_usr: has no effect: The root image is never copied.',
      '"f", line 7, column 3: rancher.upgrade: not active yet',
      '"f", line 8, column 36: rancher.network.interfaces.eth0.bond: not active yet',
      '"f", line 8, column 49: rancher.network.interfaces.eth0.vlans: not active yet',
    ]);
    expect(problems.every(({ severity }) => severity === 'note')).toBe(true);
  });

  it('takes a cloud-config of RancherOS with every key as it is', () => {
    const { config, problems } = parseLayer(readFileSync(join(import.meta.dirname, '../../data/rancheros-every-key.yml'), 'utf8'), 'f');
    expect(problems.filter(({ severity }) => severity !== 'note')).toEqual([]);
    expect(config.rancher?.network?.interfaces?.['mac=52:54:00:ff:*']?.addresses).toEqual(['192.168.77.2/24', 'fd00:77::2/64']);
    expect(problems.map(({ path }) => path)).toEqual([
      'rancher.system_docker.exec', 'rancher.bootstrap_docker', 'rancher.network.interfaces.eth9.bond', 'rancher.network.interfaces.bond0.bond_opts', 'rancher.network.interfaces.bond0.vlans',
      'rancher.network.wifi_networks', 'rancher.network.modem_networks', 'rancher.state.rngd', 'rancher.upgrade', 'rancher.defaults.docker.engine',
      'rancher.defaults.system_docker_logs',
    ]);
  });

  it('knows the keys of cloud-init, in their older spelling too', () => {
    const { config, problems } = parseLayer(`
users: [default, bob, { name: amy, lock-passwd: no, ssh-authorized-keys: ssh-rsa A, sudo: no, groups: "wheel, docker", uid: 2000 }]
groups: [admins, { dev: [amy, bob] }, { ops: amy }]
ca-certs: { remove-defaults: yes, trusted: ["-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----"] }
ntp: { enabled: yes, servers: [a], pools: b }
swap: { filename: /swap, size: 512M }
timezone: Europe/Berlin
bootcmd: [ls, [echo, 1]]
`, 'f');
    expect(problems).toEqual([]);
    expect(config).toMatchObject({
      users: ['default', 'bob', { name: 'amy', lock_passwd: false, ssh_authorized_keys: ['ssh-rsa A'], sudo: false, groups: ['wheel, docker'], uid: 2000 }],
      groups: ['admins', { dev: ['amy', 'bob'] }, { ops: ['amy'] }],
      ca_certs: { remove_defaults: true }, ntp: { pools: ['b'] }, bootcmd: ['ls', ['echo', '1']],
    });
  });

  it('names the entry of a list that is wrong, however many before it are', () => {
    expect(problemsOf(`mounts:
- [/dev/vdb, /mnt/a, ext4]
- [/dev/vdb, /mnt/b, ext4, ""]
- /dev/vdc /mnt/c ext4 defaults
- [/dev/vdd, mnt/d, auto, ""]
- [LABEL=swap, none, swap, ""]
write_files:
- { content: a }
- { path: /a, encoding: b64, content: "%" }
- { path: ../a }
- { path: /a, encoding: gzip, content: aGVsbG8= }
- { path: /a, permissions: 0999 }
- { path: /a, encoding: rot13 }
runcmd: [ls, { a: b }, [echo, { c: d }]]
users: [{ name: a }, { uid: 1 }, [a], { name: "a:b" }, { name: b, lock-passwd: perhaps }]
`)).toEqual([
      '"f", line 2, column 3: mounts.0: needs 4 fields (device, mountpoint, type, options), has 3',
      '"f", line 4, column 3: mounts.2: needs 4 fields (device, mountpoint, type, options), has 1',
      '"f", line 5, column 3: mounts.3: the mountpoint must be an absolute path without ".."',
      '"f", line 8, column 3: write_files.0: needs a path',
      '"f", line 9, column 3: write_files.1: content is not base64',
      '"f", line 10, column 5: write_files.2.path: must be an absolute path without ".."',
      '"f", line 11, column 3: write_files.3: content is not gzip in base64, or unpacks to more than 8388608 bytes',
      '"f", line 12, column 15: write_files.4.permissions: must be octal digits, such as 0644',
      expect.stringContaining('"f", line 13, column 15: write_files.5.encoding: must be one of text/plain, b64') as string,
      '"f", line 14, column 14: runcmd.1: expected a command: text for sh, or a list of words',
      '"f", line 14, column 31: runcmd.2.1: expected string, received map',
      '"f", line 15, column 22: users.1: needs a name',
      '"f", line 15, column 34: users.2: expected a name or a map',
      '"f", line 15, column 41: users.3.name: must be at most 32 letters, digits, "_", "." and "-", and begin with a letter',
      '"f", line 15, column 56: users.4.lock_passwd: expected boolean, received string',
    ]);
  });

  it('says where an unknown key stands and what it may mean, and uses the rest', () => {
    const text = 'hostnam: a\nrancher:\n  sshh: {}\n  zzzzz: 1\nhostname: b\n';
    expect(problemsOf(text)).toEqual([
      '"f", line 1, column 1: hostnam: unknown key; did you mean "hostname"?',
      '"f", line 3, column 3: rancher.sshh: unknown key; did you mean "ssh"?',
      '"f", line 4, column 3: rancher.zzzzz: unknown key',
    ]);
    expect(parseLayer(text, 'f')).toMatchObject({ valid: true, config: { hostname: 'b', rancher: {} } });
  });

  it('says where a wrong type stands, and keeps what is right', () => {
    const text = 'ssh_authorized_keys: [a, {b: c}, d]\nrancher:\n  ssh:\n    port: 99999\n    daemon: maybe\n  sysctl: [a]\nhostname: bad_name\n';
    expect(problemsOf(text)).toEqual([
      '"f", line 1, column 26: ssh_authorized_keys.1: expected string, received map',
      '"f", line 4, column 5: rancher.ssh.port: Too big: expected number to be <=65535',
      '"f", line 5, column 5: rancher.ssh.daemon: expected boolean, received string',
      '"f", line 6, column 3: rancher.sysctl: expected map, received list',
      '"f", line 7, column 1: hostname: must be at most 64 letters, digits, "." and "-"',
    ]);
    expect(parseLayer(text, 'f')).toMatchObject({ valid: false, config: { ssh_authorized_keys: ['a', 'd'] } });
  });

  it('takes a key without a value as not said', () => {
    expect(parseLayer('hostname:\nssh_authorized_keys:\nrancher:\n', 'f')).toMatchObject({ valid: true, config: {}, problems: [] });
  });

  it.each([['- a\n', 'a cloud-config must be a map of keys, such as "hostname: name"'], ['just text', 'a cloud-config must be a map of keys, such as "hostname: name"']])(
    'refuses %j', (text, message) => {
      expect(parseLayer(text, 'f')).toMatchObject({ valid: false, config: {}, problems: [{ message }] });
    });

  it('shows at most twenty problems', () => {
    const problems = problemsOf(Array.from({ length: 50 }, (_, index) => `key${index}: 1\n`).join(''));
    expect(problems).toHaveLength(21);
    expect(problems.at(-1)).toContain('30 more problems are not shown');
  });
});

describe('broken YAML', () => {
  it('is reported with line, column, and a snippet without its value', () => {
    const [problem] = parseLayer('hostname: a\nrancher:\n  password: hunter2: x\n', 'f').problems;
    expect(problem).toEqual({
      severity: 'error', source: 'f', line: 3, column: 20, message: expect.stringContaining('bad indentation of a mapping entry') as string, snippet: '  password: …\n             ^',
    });
  });

  it.each([
    'password: *hunter2', 'password: !hunter2 x', 'password: "hunter2', 'password: [hunter2', '? hunter2 : : x\n- hunter2', 'password: |\n hunter2\nhunter2 x\n',
    'password: &hunter2 {<<: hunter2}', 'password: hunter2\u0000', '%hunter2 x\n---\na', 'rancher: {password: {hunter2-x: 1}}\nhostname: [hunter2]', 'a: 1\na: hunter2', '{hunter2',
  ])('never shows a value of %j', (text) => {
    const { problems, valid } = parseLayer(text, 'f');
    expect(valid === false || problems.length > 0).toBe(true);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  it.each([
    ['two documents', 'a: 1\n---\nb: 2\n', 'more than one document'],
    ['binary rubbish', '\u0000\u0001\uFFFD', 'not UTF-8'],
    ['nesting', '['.repeat(100_000), 'nested more than 50 levels'],
    ['a tag', 'a: !!binary aGk=', 'encoding: b64'],
    ['more values than anybody writes', '- a\n'.repeat(30_000), 'more than 20000 values'],
    ['an end in the middle of a text', 'hostname: a\nruncmd: ["half', 'unexpected end'],
    ['a map that holds itself', 'rancher: &a { x: *a }', 'nested more than'],
    ['size', `a: ${'x'.repeat(1024 * 1024)}`, 'larger than'],
    ['a prototype', 'rancher: { __proto__: { x: 1 } }', 'not allowed'],
    ['a key that is a map', '{a: b}: c', 'word'],
  ])('is refused for %s', (_name, text, message) => {
    expect(parseLayer(text, 'f')).toMatchObject({ valid: false, config: {}, problems: [{ message: expect.stringContaining(message) as string }] });
  });

  it('is refused for aliases that stand for billions of values, at once', () => {
    let bomb = 'a0: &a0 [x,x,x,x,x,x,x,x,x]\n';
    for (let level = 1; level < 12; level++) bomb += `a${level}: &a${level} [${Array(9).fill(`*a${level - 1}`).join(',')}]\n`;
    const started = performance.now();
    expect(parseLayer(bomb, 'f')).toMatchObject({ valid: false, problems: [{ message: expect.stringContaining('aliases') as string }] });
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
