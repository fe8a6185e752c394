import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { builtInConfig } from '../../../src/config/defaults.ts';
import { parseLayer } from '../../../src/config/load.ts';
import { merge } from '../../../src/config/merge.ts';
import { settingsOf } from '../../../src/config/settings.ts';

/** What a cloud-config means on top of what is built in. It must be right. */
function settings(text: string) {
  const { config, problems } = parseLayer(text, 'f');
  expect(problems.filter(({ severity }) => severity !== 'note')).toEqual([]);
  return settingsOf(merge(builtInConfig, config) as typeof config);
}

describe('settings', () => {
  it('have a value for everything that has a default', () => {
    expect(settings('')).toMatchObject({
      hostname: 'rancher', hostnameIsSet: false, password: undefined, autologin: [], ssh: { daemon: true, port: 22 },
      state: { device: undefined, filesystem: 'auto', autoformat: [] }, datasources: ['configdrive:/media/config-2', 'nocloud', 'smbios', 'fw_cfg', 'vmware', 'cmdline'], shutdownTimeoutMs: 60_000,
      users: [], groups: [], writeFiles: [], mounts: [], swap: undefined, runcmd: [], bootcmd: [], timezone: undefined,
      ntp: { enabled: true, servers: [], pools: [] }, caCerts: { removeDefaults: false, trusted: [] },
      network: { interfaces: [], nameservers: [], search: [], fallbackNameservers: [], dhcpTimeoutS: 10, preCmds: [], postCmds: [], proxy: {} },
      console: 'default', hypervisorService: true, restartServices: [], resizeDevice: undefined,
    });
  });

  it('survive being written down as JSON', () => {
    const made = settings('users: [{name: a, uid: 5}]\nrancher: {docker: {mtu: 1400}, network: {interfaces: {eth0: {dhcp: true}}}}');
    expect(JSON.parse(JSON.stringify(made))).toEqual(made);
  });

  it('let no line break make two of one key, password or terminal', () => {
    expect(settingsOf({ ssh_authorized_keys: [' ssh-rsa A\n', 'ssh-rsa A', 'x\nevil'], rancher: { password: 'x\nroot:y', autologin: ['tty1', 'tty1\nevil', '../x'] } }))
      .toMatchObject({ sshAuthorizedKeys: ['ssh-rsa A'], password: undefined, autologin: ['tty1'] });
  });

  it('take users and groups as cloud-init means them', () => {
    expect(settings(`
users:
- default
- bob
- { name: amy, uid: 2000, gecos: Amy, groups: "wheel, docker,", sudo: "ALL=(ALL) ALL", passwd: $6$x, lock_passwd: no, primary_group: dev, ssh_authorized_keys: [ssh-rsa A, ""] }
- { name: bob, sudo: false, system: yes, groups: [a, "b,c"] }
groups: [admins, { dev: [amy, "bob, eve"] }, { dev: carl }]
`)).toMatchObject({
      users: [
        { name: 'bob', groups: ['a', 'b', 'c'], sudo: [], sshAuthorizedKeys: [], lockPasswd: true, noCreateHome: false, system: true },
        {
          name: 'amy', uid: 2000, gecos: 'Amy', primaryGroup: 'dev', groups: ['wheel', 'docker'], sudo: ['ALL=(ALL) ALL'], sshAuthorizedKeys: ['ssh-rsa A'],
          passwd: '$6$x', lockPasswd: false, noCreateHome: false, system: false,
        },
      ],
      groups: [{ name: 'admins', members: [] }, { name: 'dev', members: ['amy', 'bob', 'eve', 'carl'] }],
    });
  });

  it.each([['', 'héllo\n', 'héllo\n'], ['b64', Buffer.from('hi').toString('base64'), 'hi'], ['gz+base64', gzipSync('hi').toString('base64'), 'hi'], ['gzip', gzipSync('hi').toString('base64'), 'hi']])(
    'decode the content of files written as "%s"', (encoding, content, expected) => {
      const [file] = settings(`write_files: [{ path: /a, encoding: "${encoding}", content: ${JSON.stringify(content)} }]`).writeFiles;
      expect(Buffer.from(file?.contentBase64 ?? '', 'base64').toString()).toBe(expected);
    });

  it.each([['0644', 0o644], ['"0644"', 0o644], ['644', 0o644], ['0o600', 0o600], ['4755', 0o4755]])('read the mode %s in octal, quoted or not', (written, mode) => {
    expect(settings(`write_files: [{ path: /a, permissions: ${written} }]`).writeFiles).toEqual([
      { path: '/a', contentBase64: '', owner: 'root', mode, append: false, container: 'console' },
    ]);
  });

  it('fill the gaps of mounts', () => {
    expect(settings('mounts: [[LABEL=data, /mnt/data, "", ""], [tmpfs, /mnt/t, tmpfs, size=1m]]').mounts).toEqual([
      { device: 'LABEL=data', point: '/mnt/data', type: 'auto', options: 'defaults' }, { device: 'tmpfs', point: '/mnt/t', type: 'tmpfs', options: 'size=1m' },
    ]);
  });

  it.each([['512M', 512 * 2 ** 20], ['2G', 2 * 2 ** 30], ['1048576', 1048576], ['1.5GiB', 1.5 * 2 ** 30], ['auto, maxsize: 256M', 256 * 2 ** 20], ['auto', 2 ** 30], ['4G, maxsize: 1G', 2 ** 30]])(
    'read the swap size %s', (size, sizeBytes) => {
      expect(settings(`swap: { size: ${size} }`).swap).toEqual({ filename: '/var/lib/rancher/swapfile', sizeBytes });
    });

  it('make no swap of nothing', () => {
    expect(settings('swap: { filename: /s, size: 0 }').swap).toBeUndefined();
  });

  it('put the address of an interface before its addresses, and leave out what is not said', () => {
    expect(settings(`rancher:
  network:
    interfaces: { "mac=aa:*": { address: 10.0.0.2/24, addresses: [10.0.0.3/24, 10.0.0.2/24], gateway: 10.0.0.1, dhcp: no, bridge: true, post_up: [ip a, [echo, $iface], ""] } }
    dns: { nameservers: [10.0.0.1, "fd00::1"], search: lan }
    http_proxy: http://p:3128
    https_proxy: ""
  defaults: { network: { dns: { nameservers: [9.9.9.9] }, dhcp_timeout: 33 } }
`).network).toEqual({
      interfaces: [{
        name: 'mac=aa:*', dhcp: false, addresses: ['10.0.0.2/24', '10.0.0.3/24'], gateway: '10.0.0.1', bridge: 'true', bondOpts: {}, preUp: [], postUp: ['ip a', ['echo', '$iface']],
      }],
      nameservers: ['10.0.0.1', 'fd00::1'], search: ['lan'], fallbackNameservers: ['9.9.9.9'], dhcpTimeoutS: 33, preCmds: [], postCmds: [], proxy: { http: 'http://p:3128' },
    });
  });

  it('lay the options of an engine over their defaults, and debug over both', () => {
    const { docker, systemDocker } = settings(`rancher:
  debug: yes
  defaults: { docker: { log_opts: { max-size: 1m, max-file: 3 }, storage_driver: btrfs } }
  docker: { log_opts: { max-file: 9 }, extra_args: --ipv6, registry_mirror: [http://m:5000, "--evil"], insecure_registry: m:5000, data_root: /d, graph: /g, debug: no, live_restore: no }
`);
    expect(docker).toMatchObject({
      logOpts: { 'max-size': '1m', 'max-file': '9' }, storageDriver: 'btrfs', extraArgs: ['--ipv6'], registryMirrors: ['http://m:5000'], insecureRegistries: ['m:5000'], graph: '/d', debug: false,
      liveRestore: false, tls: false, hosts: [], environment: [],
    });
    expect(docker.tlsArgs).toContain('--tlsverify');
    expect(systemDocker).toMatchObject({ debug: true, logOpts: {}, tlsArgs: [] });
  });

  it('let nothing but names into the files of the clock', () => {
    expect(settings('ntp: { servers: [ntp.example.com, "x iburst", 10.0.0.1, ntp.example.com], pools: p }').ntp).toEqual({ enabled: true, servers: ['ntp.example.com', '10.0.0.1'], pools: ['p'] });
  });
});
