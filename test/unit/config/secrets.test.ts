import { describe, expect, it } from 'vitest';
import { parseLayer } from '../../../src/config/load.ts';
import { isSecretPath, maskSecrets, maskText } from '../../../src/config/secrets.ts';

const key = '-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----\n';

describe('secrets', () => {
  it('are masked wherever they stand, and the rest is shown', () => {
    const { config, problems } = parseLayer(JSON.stringify({
      hostname: 'box',
      users: [{ name: 'amy', passwd: '$6$hunter2', hashed_passwd: 'hunter2', plain_text_passwd: 'hunter2' }],
      write_files: [{ path: '/key', content: `a\n${key}b\n` }, { path: '/env', content: 'A=b\nDB_PASSWORD=hunter2\nexport TOKEN="hunter2"\n' }],
      mounts: [['//nas/x', '/mnt/x', 'cifs', 'user=amy,password=hunter2,vers=3']],
      runcmd: ['login --user amy --password hunter2', ['curl', '-H', 'Authorization: Bearer hunter2hunter2', 'https://amy:hunter2@example.com/']],
      rancher: {
        password: 'hunter2',
        environment: { HTTP_PROXY: 'http://amy:hunter2@proxy:3128', API_KEY: 'hunter2', SIZE: '3', EXTRA_CMDLINE: 'rancher.password=hunter2 quiet' },
        ssh: { keys: { rsa: 'hunter2', 'rsa-pub': 'ssh-rsa A' } },
        registry_auths: { 'r.example.com': { username: 'amy', password: 'hunter2' }, s: { auth: 'hunter2' } },
        docker: { server_key: 'hunter2', ca_key: 'hunter2', ca_cert: 'cert', environment: ['HTTPS_PROXY=https://amy:hunter2@p', 'X_SECRET=hunter2'] },
        services: { web: { image: 'web', environment: { DB_PASSWORD: 'hunter2', MODE: 'fast' }, privileged: true } },
        network: { http_proxy: 'http://amy:hunter2@p', wifi_networks: { home: { ssid: 'home', psk: 'hunter2', password: 'hunter2', private_key_passwds: ['hunter2'] } } },
        cloud_init: { datasources: ['url:https://amy:hunter2@example.com/c'] },
      },
    }), 'f');
    expect(problems.filter(({ severity }) => severity !== 'note')).toEqual([]);
    const masked = maskSecrets(config);
    expect(JSON.stringify(masked)).not.toContain('hunter2');
    expect(masked).toMatchObject({
      hostname: 'box',
      users: [{ name: 'amy', passwd: '***' }],
      write_files: [{ content: 'a\n-----BEGIN OPENSSH PRIVATE KEY-----\n***\n-----END OPENSSH PRIVATE KEY-----\nb\n' }, { content: 'A=b\nDB_PASSWORD=***\nexport TOKEN="***"\n' }],
      mounts: [['//nas/x', '/mnt/x', 'cifs', 'user=amy,password=***,vers=3']],
      runcmd: ['login --user amy --password ***', ['curl', '-H', 'Authorization: Bearer ***', 'https://***@example.com/']],
      rancher: {
        environment: { HTTP_PROXY: 'http://***@proxy:3128', API_KEY: '***', SIZE: '3', EXTRA_CMDLINE: 'rancher.password=*** quiet' },
        ssh: { keys: { rsa: '***', 'rsa-pub': 'ssh-rsa A' } },
        registry_auths: { 'r.example.com': { username: 'amy', password: '***' } },
        docker: { ca_cert: 'cert' },
        services: { web: { image: 'web', environment: { MODE: 'fast' }, privileged: true } },
        network: { wifi_networks: { home: { ssid: 'home', private_key_passwds: ['***'] } } },
      },
    });
  });

  it.each([
    ['rancher.password', true], ['rancher.ssh.keys.ed25519', true], ['rancher.ssh.keys.ed25519-pub', false], ['rancher.ssh.keys', false], ['rancher.ssh.port', false],
    ['users.0.passwd', true], ['users.0.name', false], ['rancher.docker.ca_key', true], ['rancher.defaults.docker.server_key', true], ['rancher.docker.ca_cert', false],
    ['rancher.environment.DB_PASSWORD', true], ['rancher.environment.PATH', false], ['rancher.services.web.environment.TOKEN', true], ['rancher.disable.0', false],
    ['rancher.services_include.my-token', false], ['nonsense.password', false], ['', false],
  ])('are told by the path %s: %s', (path, expected) => {
    expect(isSecretPath(path.split('.'))).toBe(expected);
  });

  it('leave a text that only speaks of passwords as it is', () => {
    for (const text of ['PasswordAuthentication no', 'set a password for amy', 'https://example.com/a@b', 'token expired', 'Basic Authentication', '']) expect(maskText(text)).toBe(text);
  });

  it('are found in a megabyte at once, also when nothing ends', () => {
    const started = performance.now();
    for (const text of ['password'.repeat(130_000), '-----BEGIN PRIVATE KEY-----'.repeat(40_000), '://'.repeat(350_000), '--'.repeat(500_000), 'a'.repeat(1_000_000), 'token '.repeat(170_000)]) maskText(text);
    expect(performance.now() - started).toBeLessThan(3000);
  });
});
