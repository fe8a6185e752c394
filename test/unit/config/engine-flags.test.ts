import { describe, expect, it } from 'vitest';
import { describeRefusal, systemDockerChoice, userDockerChoice, writtenEngineFile, type EngineChoice, type EngineSources } from '../../../src/config/engine-flags.ts';
import { settingsOf } from '../../../src/config/settings.ts';
import type { EngineOptions, Settings } from '../../../src/config/settings-types.ts';

const nothing = settingsOf({});
const log = ['--log-opt=max-size=25m', '--log-opt=max-file=2'];

function withDocker(docker: Partial<EngineOptions>, more: Partial<Settings> = {}): Settings { return { ...nothing, ...more, docker: { ...nothing.docker, ...docker } }; }
function withSystem(systemDocker: Partial<EngineOptions>, more: Partial<Settings> = {}): Settings { return { ...nothing, ...more, systemDocker: { ...nothing.systemDocker, ...systemDocker } }; }
function user(docker: Partial<EngineOptions>, sources: Partial<EngineSources> = {}, more: Partial<Settings> = {}): EngineChoice {
  return userDockerChoice(withDocker(docker, more), { hasCertificates: false, ...sources });
}
const told = ({ refused }: EngineChoice): string[] => refused.map(describeRefusal);

describe('the flags of User Docker', () => {
  it('are only the bounds of the logs when nothing is configured', () => {
    expect(user({})).toEqual({ set: { flags: log, bootFlags: [], environment: [], liveRestore: true, file: {} }, refused: [], cautions: [] });
  });

  it('follow every key of RancherOS that is the user\'s to choose', () => {
    const { set, refused } = user({
      debug: true, registryMirrors: ['https://mirror.example'], insecureRegistries: ['registry:5000', '10.0.0.0/8'], logOpts: { 'max-size': '5m', labels: 'a' }, defaultUlimits: { nofile: '1024:2048' },
      extraArgs: ['--max-concurrent-downloads=2', '--dns', '10.0.0.2'], environment: ['HTTPS_PROXY=http://proxy:3128'], bip: '172.20.0.1/16', mtu: 1400, storageDriver: 'vfs',
    });
    expect(refused).toEqual([]);
    expect(set.flags).toEqual([
      '--log-opt=max-file=2', '--debug=true', '--insecure-registry=registry:5000', '--insecure-registry=10.0.0.0/8', '--log-opt=max-size=5m', '--log-opt=labels=a', '--registry-mirror=https://mirror.example',
      '--default-ulimit=nofile=1024:2048', '--max-concurrent-downloads=2', '--dns=10.0.0.2',
    ]);
    expect(set.environment).toEqual(['HTTPS_PROXY=http://proxy:3128']);
    // Of no use to containers that run.
    expect(set.bootFlags).toEqual(['--bip=172.20.0.1/16', '--mtu=1400', '--storage-driver=vfs']);
  });

  it('leave the promises of the system alone, and say so', () => {
    const choice = user({ graph: '/data', hosts: ['unix:///other.sock'], execRoot: '/x', pidFile: '/x', containerd: '/x', group: 'wheel', extraArgs: ['--userns-remap=default', '--cgroup-parent', '/', '--config-file=/x', '-H', 'fd://', '--help', 'stray'] });
    expect(choice.set).toEqual(user({}).set);
    expect(told(choice)).toEqual([
      'Option "a word of rancher.docker.extra_args" is not used: it belongs to no flag',
      'Option "rancher.docker.containerd" is not used: it is set by the system',
      'Option "rancher.docker.exec_root" is not used: it is set by the system',
      'Option "rancher.docker.group" is not used: it is set by the system',
      'Option "rancher.docker.graph" is not used: it is set by the system',
      'Option "rancher.docker.host" is not used: the socket is set by the system',
      'Option "rancher.docker.pid_file" is not used: it is set by the system',
      'Option "rancher.docker.extra_args: --userns-remap" is not used: User Docker is in a user namespace of its own already',
      'Option "rancher.docker.extra_args: --cgroup-parent" is not used: it is set by the system',
      'Option "rancher.docker.extra_args: --config-file" is not used: it is set by the system',
      'Option "rancher.docker.extra_args: --host" is not used: nobody hands it a socket here',
      'Option "rancher.docker.extra_args: --help" is not used: it is no option of a daemon',
    ]);
  });

  it('lose no word over what RancherOS set by itself', () => {
    const choice = user({ group: 'docker', hosts: ['unix:///var/run/docker.sock'], logOpts: { 'max-size': '25m', 'max-file': '2' }, graph: '/var/lib/docker', restart: false, userlandProxy: false, selinuxEnabled: false });
    expect(choice).toEqual(user({}));
  });

  it('leave out a value that no container would start with, though dockerd takes it', () => {
    const choice = user({ bip: 'secret', logDriver: 'secret', logOpts: { 'max-size': 'secret' }, storageDriver: 'zfs', insecureRegistries: ['http://secret'], extraArgs: ['--label=a\nb'] });
    expect(choice.set).toEqual(user({}).set);
    expect(choice.refused).toHaveLength(6);
    expect(told(choice).join()).not.toContain('secret');
  });

  it('bound the logs of the drivers that can be bounded only', () => {
    expect(user({ logDriver: 'journald', logOpts: { 'max-size': '25m', 'max-file': '2', tag: 'x' } }).set.flags).toEqual(['--log-driver=journald', '--log-opt=tag=x']);
    expect(user({ logDriver: 'local' }).set.flags).toEqual([...log, '--log-driver=local']);
  });

  it('end live restore where swarm needs that, however it is said', () => {
    expect(user({ liveRestore: false }).set).toEqual({ ...user({}).set, liveRestore: false });
    expect(user({ extraArgs: ['--live-restore=false'] }).set.liveRestore).toBe(false);
  });

  it('listen on the network in clear only when asked to, with a caution', () => {
    const { set, cautions } = user({ hosts: ['tcp://0.0.0.0:2375'] });
    expect(set.flags).toEqual([...log, '--host=tcp://0.0.0.0:2375', '--tls=false']);
    expect(cautions).toHaveLength(1);
  });

  it('take TLS with the certificates of the machine', () => {
    const { set, cautions } = user({ tls: true }, { hasCertificates: true });
    expect(set.flags.slice(2)).toEqual(['--tlsverify', '--tlscacert=/etc/docker/tls/ca.pem', '--tlscert=/etc/docker/tls/server-cert.pem', '--tlskey=/etc/docker/tls/server-key.pem', '--host=0.0.0.0:2376']);
    expect(cautions).toEqual([]);
    expect(user({ tls: true, tlsArgs: ['--tlsverify', '-H=0.0.0.0:2377'] }, { hasCertificates: true }).set.flags.slice(2)).toEqual(['--tlsverify', '--host=0.0.0.0:2377']);
  });

  it('do not listen on the network at all when TLS is wanted and there are no certificates', () => {
    const choice = user({ tls: true, hosts: ['tcp://0.0.0.0:2376'] });
    expect(choice.set).toEqual(user({}).set);
    expect(told(choice)).toEqual(['Option "rancher.docker.tls" is not used: there are no certificates in the configuration or in /etc/docker/tls; `sudo ros tls generate -s` makes them']);
  });

  it('have the proxies of the machine, unless the engine has its own', () => {
    const network = { ...nothing.network, proxy: { http: 'http://one:1', https: 'http://one:1', no: 'localhost' } };
    expect(user({ environment: ['HTTPS_PROXY=http://two:2', 'LD_PRELOAD=/x', 'nonsense'] }, {}, { network }).set.environment).toEqual(['HTTP_PROXY=http://one:1', 'HTTPS_PROXY=http://two:2', 'NO_PROXY=localhost']);
    expect(told(user({ environment: ['HTTPS_PROXY=http://two:2', 'LD_PRELOAD=/x', 'nonsense'] }, {}, { network }))).toEqual([
      'Option "rancher.docker.environment: LD_PRELOAD" is not used: it is set by the system', 'Option "rancher.docker.environment, entry 3" is not used: it is not of the form NAME=value',
    ]);
  });

  it('take flags from the options file and from DOCKERD_ARGS, judged as all others', () => {
    const choice = user({}, { options: 'DOCKER_OPTS="--label a=b --data-root /x"\nexport GOGC=50\nid' }, { environment: { DOCKERD_ARGS: '--experimental' } });
    expect(choice.set.flags).toEqual([...log, '--experimental', '--label=a=b']);
    expect(choice.set.environment).toEqual(['GOGC=50']);
    expect(told(choice)).toEqual([
      'Option "/var/lib/rancher/conf/docker, line 3" is not used: it is no plain assignment, and no shell runs this file',
      'Option "/var/lib/rancher/conf/docker: --data-root" is not used: it is set by the system',
    ]);
  });
});

describe('the engine\'s own configuration file', () => {
  const file = JSON.stringify({
    'log-opts': { 'max-size': '1m' }, 'registry-mirrors': ['https://a'], 'data-root': '/x', 'live-restore': false, bip: '172.21.0.1/16', 'default-address-pools': [{ base: '10.0.0.0/8', size: 24 }],
    'default-ulimits': { nofile: { Name: 'nofile', Hard: 2, Soft: 1 } }, features: { containerd: false }, runtimes: { gvisor: { path: '/opt/bin/runsc' } }, hosts: ['tcp://127.0.0.1:2375'],
  });

  it('counts, as far as it is the user\'s to choose, below the configuration', () => {
    const choice = user({ extraArgs: ['--add-runtime=other=/opt/other'] }, { file });
    expect(choice.set).toEqual({
      flags: ['--log-opt=max-file=2', '--log-opt=max-size=1m', '--registry-mirror=https://a', '--default-ulimit=nofile=1:2', '--host=tcp://127.0.0.1:2375', '--tls=false'],
      bootFlags: ['--bip=172.21.0.1/16', '--default-address-pool=base=10.0.0.0/8,size=24'],
      environment: [], liveRestore: false,
      file: { features: { containerd: false }, runtimes: { crun: { path: '/usr/bin/crun' }, gvisor: { path: '/opt/bin/runsc' }, other: { path: '/opt/other' } } },
    });
    expect(told(choice)).toEqual(['Option "/etc/docker/daemon.json: data-root" is not used: it is set by the system']);
    expect(user({ liveRestore: true }, { file }).set.liveRestore).toBe(true);
  });

  it('is told without a word of it when it cannot be read', () => {
    for (const text of ['{"password": secret', '[1]', 'null']) {
      const choice = user({}, { file: text });
      expect(choice.set).toEqual(user({}).set);
      expect(told(choice)[0]).toMatch(/^Option "\/etc\/docker\/daemon.json" is not used: it is no JSON/);
      expect(told(choice).join()).not.toContain('secret');
    }
  });

  it('is known from write_files before the console has written it', () => {
    const entry = { path: '/etc/docker/daemon.json', contentBase64: Buffer.from('{}').toString('base64'), owner: 'root', mode: 0o644, append: false, container: 'console' };
    expect(writtenEngineFile({ ...nothing, writeFiles: [entry] })).toBe('{}');
    expect(writtenEngineFile({ ...nothing, writeFiles: [{ ...entry, container: 'ntp' }] })).toBeUndefined();
  });
});

describe('the flags of System Docker', () => {
  it('are none when nothing is configured, or what RancherOS configured', () => {
    const none = { set: { flags: [], bootFlags: [], environment: [], liveRestore: true, file: {} }, refused: [], cautions: [] };
    expect(systemDockerChoice(nothing)).toEqual(none);
    expect(systemDockerChoice(withSystem({
      exec: true, storageDriver: 'overlay2', bip: '172.18.42.1/16', restart: false, graph: '/var/lib/system-docker', group: 'root', hosts: ['unix:///var/run/system-docker.sock'],
      pidFile: '/var/run/system-docker.pid', execRoot: '/var/run/system-docker', configFile: '/etc/docker/system-docker.json', userlandProxy: false, logOpts: { 'max-size': '25m', 'max-file': '2' },
    }))).toEqual(none);
  });

  it('are those that cannot leave the machine without its containers', () => {
    const choice = systemDockerChoice(withSystem({ debug: true, registryMirrors: ['https://a'], insecureRegistries: ['b:5000'], extraArgs: ['--max-concurrent-downloads', '1'], environment: ['HTTP_PROXY=http://p'] }));
    expect(choice.refused).toEqual([]);
    expect(choice.set).toMatchObject({ flags: ['--debug=true', '--insecure-registry=b:5000', '--registry-mirror=https://a', '--max-concurrent-downloads=1'], environment: ['HTTP_PROXY=http://p'] });
  });

  // A RancherOS machine did not boot any more with a `bip` of its own.
  it.each<[string, Partial<EngineOptions>]>([
    ['bip', { bip: '10.1.0.1/16' }], ['bridge', { bridge: 'br0' }], ['live_restore', { liveRestore: false }], ['graph', { graph: '/x' }], ['exec_root', { execRoot: '/x' }],
    ['storage_driver', { storageDriver: 'vfs' }], ['host', { hosts: ['tcp://0.0.0.0:2375'] }], ['tls', { tls: true }], ['log_driver', { logDriver: 'syslog' }], ['config_file', { configFile: '/x' }],
    ['extra_args: --iptables', { extraArgs: ['--iptables'] }], ['extra_args: --cgroup-parent', { extraArgs: ['--cgroup-parent=/x'] }], ['extra_args: --exec-opt', { extraArgs: ['--exec-opt', 'native.cgroupdriver=systemd'] }],
    ['extra_args: --version', { extraArgs: ['-v'] }], ['extra_args: --no-new-privileges', { extraArgs: ['--no-new-privileges'] }],
  ])('do not have %s of the configuration', (key, options) => {
    const choice = systemDockerChoice(withSystem(options));
    expect(choice.set).toEqual(systemDockerChoice(nothing).set);
    expect(choice.refused.map(({ what }) => what)).toEqual([`rancher.system_docker.${key}`]);
  });
});
