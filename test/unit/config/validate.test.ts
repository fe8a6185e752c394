import { describe, expect, it } from 'vitest';
import { describeProblem } from '../../../src/config/problem.ts';
import { parseLayer } from '../../../src/config/load.ts';
import { builtInConfig } from '../../../src/config/defaults.ts';
import { merge } from '../../../src/config/merge.ts';
import { settingsOf } from '../../../src/config/settings.ts';
import type { CloudConfig } from '../../../src/config/schema.ts';

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
mounts: [[a, b, c, d]]
runcmd: [ls]
bootcmd: [[ls, -l]]
rancher: { registry_auths: { a: { auth: b } }, upgrade: { url: x, policy: none }, repositories: { core: { url: x } }, docker: { tls: true },
  hypervisor_service: false, http_load_retries: 3, console: debian, resize_device: /dev/sda, restart_services: [a], services_include: { a: yes } }
`)).toEqual([]);
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
      severity: 'error', source: 'f', line: 3, column: 20, message: 'bad indentation of a mapping entry', snippet: '  password: …\n             ^',
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
    ['nesting', '['.repeat(100_000), 'maxDepth'],
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

describe('settings', () => {
  const settings = (config: CloudConfig) => settingsOf(merge(builtInConfig, config) as CloudConfig);

  it('have a value for everything that has a default', () => {
    expect(settings({})).toMatchObject({
      hostname: 'rancher', hostnameIsSet: false, password: undefined, autologin: [], ssh: { daemon: true, port: 22 },
      state: { device: undefined, filesystem: 'auto', autoformat: [] }, datasources: ['configdrive:/media/config-2'], shutdownTimeoutMs: 60_000,
    });
  });

  it('let no line break make two of one key, password or terminal', () => {
    expect(settings({ ssh_authorized_keys: [' ssh-rsa A\n', 'ssh-rsa A', 'x\nevil'], rancher: { password: 'x\nroot:y', autologin: ['tty1', 'tty1\nevil', '../x'] } }))
      .toMatchObject({ sshAuthorizedKeys: ['ssh-rsa A'], password: undefined, autologin: ['tty1'] });
  });
});
