import { describe, expect, it } from 'vitest';
import { judgeKey, pathOfKey, valueAt, valueOfText } from '../../../src/config/key.ts';
import { Plain } from '../../../src/config/yaml.ts';

describe('a key on a command line', () => {
  const config = { rancher: { registry_auths: { 'hub.example.com': { username: 'a' } }, services: { 'a.b': { image: 'x' } } }, mounts: [['a', 'b']] };
  it.each([
    ['hostname', ['hostname']],
    ['rancher.ssh.port', ['rancher', 'ssh', 'port']],
    ['rancher.sysctl.net.ipv4.ip_forward', ['rancher', 'sysctl', 'net.ipv4.ip_forward']],
    ['rancher.environment.A.B', ['rancher', 'environment', 'A.B']],
    ['rancher.services_include./var/lib/rancher/conf/x.yml', ['rancher', 'services_include', '/var/lib/rancher/conf/x.yml']],
    ['rancher.registry_auths.hub.example.com.username', ['rancher', 'registry_auths', 'hub.example.com', 'username']],
    ['rancher.services.a.b.image', ['rancher', 'services', 'a.b', 'image']],
    ['rancher.network.interfaces."eth0.1".dhcp', ['rancher', 'network', 'interfaces', 'eth0.1', 'dhcp']],
    ['rancher.network.interfaces.\'eth0.1\'.dhcp', ['rancher', 'network', 'interfaces', 'eth0.1', 'dhcp']],
    ['mounts.0.1', ['mounts', '0', '1']],
  ])('%s is a path', (key, path) => {
    expect(pathOfKey(key, config)).toEqual(path);
  });

  it.each(['', '.', 'a.', '.a', 'a..b', 'a.__proto__.b', 'constructor', 'a."b', 'a.b"c"', 'x'.repeat(2000)])('%s is none', (key) => {
    expect(() => pathOfKey(key, config)).toThrow(expect.objectContaining({ code: 'ERR_ROS_CONFIG_KEY' }));
  });

  it('finds its value, and nothing of a prototype', () => {
    expect(valueAt(config, ['mounts', '0', '1'])).toBe('b');
    expect(valueAt(config, ['rancher', 'toString'])).toBeUndefined();
    expect(valueAt(config, ['hostname', 'length'])).toBeUndefined();
  });

  it('is suggested where it is misspelt', () => {
    expect(judgeKey(['rancher', 'dockr', 'tls'])).toMatchObject({ isKnown: false, meant: 'rancher.docker.tls' });
    expect(judgeKey(['hostnam'])).toEqual({ isKnown: false, isFree: false, meant: 'hostname' });
    expect(judgeKey(['rancher', 'ssh', 'port'])).toEqual({ isKnown: true, isFree: false });
    expect(judgeKey(['rancher', 'environment', 'X'])).toEqual({ isKnown: true, isFree: true });
    expect(judgeKey(['rancher', 'services', 'web', 'image'])).toEqual({ isKnown: true, isFree: true });
  });
});

describe('a value on a command line', () => {
  it.each([
    ['hostname', '007', '007'],
    ['rancher.password', 'a: [b', 'a: [b'],
    ['rancher.environment.X', '{a: b}', '{a: b}'],
    ['rancher.sysctl.vm.swappiness', '010', '010'],
    ['rancher.debug', 'yes', new Plain('yes', true)],
    ['rancher.ssh.port', '2222', new Plain('2222', 2222)],
    ['rancher.modules', 'zfs', ['zfs']],
    ['rancher.modules', '[a, "b c"]', ['a', 'b c']],
    ['rancher.modules', '- a\n- b\n', ['a', 'b']],
    ['rancher.docker', '{tls: true}', { tls: new Plain('true', true) }],
    ['rancher.debug', 'null', undefined],
  ])('%s %j', (key, text, value) => {
    expect(valueOfText(pathOfKey(key, {}), text)).toEqual(value);
  });

  it('that is broken YAML is an error that does not show it', () => {
    expect(() => valueOfText(['rancher', 'modules'], '[hunter2')).toThrow(expect.objectContaining({ code: 'ERR_ROS_CONFIG', message: expect.not.stringContaining('hunter2') as string }));
  });
});
