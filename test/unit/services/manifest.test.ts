import { describe, expect, it } from 'vitest';
import { parseManifest, readConfiguredServices, readManifest } from '../../../src/services/manifest.ts';
import { combineLayers } from '../../../src/services/plan.ts';

const one = (body: string, variables = {}) => parseManifest(body, 'test.yml', variables)[0];

describe('a service file', () => {
  it('is read in the form of the Compose Specification and in RancherOS\'s bare form alike', () => {
    const bare = 'web:\n  image: a/web\n  privileged: "true"\n  net: host\n  labels:\n    io.rancher.os.scope: system\n    io.rancher.os.after: network, syslog\n';
    const compose = `services:\n${bare.replaceAll(/^/gm, '  ')}`;
    const expected = { name: 'web', image: 'a/web', scope: 'system', privileged: true, networkMode: 'host' };
    for (const text of [bare, compose]) {
      expect(one(text)).toMatchObject(expected);
      expect([...(one(text)?.after.keys() ?? [])]).toEqual(['network', 'syslog']);
    }
  });

  it('takes RancherOS\'s loose types: lists of A=1, numbers, labels as a list', () => {
    expect(one('a:\n  image: x\n  environment: [A=1, B=2=3]\n  labels: [k=v]\n')).toMatchObject({ environment: { A: '1', B: '2=3' }, labels: { k: 'v' } });
    expect(one('a:\n  image: x\n  environment: {A: 1, B: true}\n')).toMatchObject({ environment: { A: '1', B: 'true' } });
  });

  it('reads durations, sizes, health checks and command lines', () => {
    expect(one('a:\n  image: x\n  command: sh -c "echo  hi" \'b c\'\n  stop_grace_period: 1m30s\n  mem_limit: 64m\n  healthcheck: {test: "true", interval: 500ms, retries: 2}\n')).toMatchObject({
      command: ['sh', '-c', 'echo  hi', 'b c'], stopGraceMs: 90_000, memoryBytes: 64 * 1024 * 1024, healthcheck: { test: ['CMD-SHELL', 'true'], intervalMs: 500, retries: 2 },
    });
  });

  it('puts variables in their places, and nothing for unknown ones', () => {
    expect(one('a:\n  image: "os/a:${VERSION}${NOPE}$${NOPE:-x}"\n', { VERSION: 'v1' })).toMatchObject({ image: 'os/a:v1${NOPE:-x}' });
    expect(one('a:\n  image: "os/a:${NOPE:-22}"\n')).toMatchObject({ image: 'os/a:22' });
  });

  it('names every problem of the file at once', () => {
    expect(() => parseManifest('a: {imag: x}\nb: {image: y, tty: maybe}\n', 'test.yml', {})).toThrow(/line 1, column 5.*line 2, column 15/);
  });

  it('reads what Compose says of resources, in its place and in the older one', () => {
    const limits = { memoryBytes: 64 * 1024 ** 2, memoryReservationBytes: 32 * 1024 ** 2, cpus: 0.5, pidsLimit: 50 };
    expect(one('a: {image: x, deploy: {resources: {limits: {cpus: "0.5", memory: 64M, pids: 50}, reservations: {memory: 32M}}}}')).toMatchObject(limits);
    expect(one('a: {image: x, cpus: 0.5, mem_limit: 64m, mem_reservation: 32m, pids_limit: 50}')).toMatchObject(limits);
  });

  it('takes bare names in environment from the variables', () => {
    const variables = { ETCD_A: '1', ETCD_B: '2', TOKEN: 't' };
    expect(one('a: {image: x, environment: [TOKEN, "ETCD_*", GONE, K=v]}', variables)?.environment).toEqual({ TOKEN: 't', ETCD_A: '1', ETCD_B: '2', K: 'v' });
    expect(one('a: {image: x, environment: {TOKEN: , GONE: , K: v}}', variables)?.environment).toEqual({ TOKEN: 't', K: 'v' });
  });

  it('turns RancherOS\'s volume containers into what they stood for, and waits for real ones', () => {
    const service = one('a: {image: x, volumes: ["/srv:/srv"], volumes_from: [user-volumes, data]}');
    expect(service?.volumes).toEqual(['/home:/home', '/opt:/opt', '/var/lib/kubelet:/var/lib/kubelet', '/srv:/srv']);
    expect(service?.volumesFrom).toEqual(['data']);
    expect([...(service?.after ?? [])]).toEqual([['data', 'started']]);
    expect(one('a: {image: x, volumes_from: [all-volumes]}')?.volumes).toEqual(expect.arrayContaining(['/media:/media:shared', '/run:/run', '/home:/home']));
  });

  it('binds configs and secrets from files beside it', () => {
    const text = 'services: {a: {image: x, configs: [{source: c, target: /etc/c.conf}], secrets: [s]}}\nconfigs: {c: {file: ./c.conf}}\nsecrets: {s: {file: s.txt}}\n';
    expect(parseManifest(text, '/var/lib/rancher/conf/a.yml', {})[0]?.volumes).toEqual(['/var/lib/rancher/conf/c.conf:/etc/c.conf:ro', '/var/lib/rancher/conf/s.txt:/run/secrets/s:ro']);
  });

  it('reads volumes in the long form and networks none and host', () => {
    expect(one('a: {image: x, networks: [none], volumes: [{type: bind, source: /a, target: /b, read_only: true}]}')).toMatchObject({ networkMode: 'none', volumes: ['/a:/b:ro'] });
  });

  it.each([
    ['a: {imag: x}', /line 1, column 5: a\.imag: unknown key; did you mean "image"\?/],
    ['services:\n  a:\n    image: x\n    privledged: yes\n', /line 4, column 5: a\.privledged: unknown key; did you mean "privileged"\?/],
    ['services: {a: {image: x}}\nvolums: {}\n', /line 2, column 1: volums: unknown key/],
    ['a: {image: x, networks: [front]}', /a\.networks: must be \[none\] or \[host\]/],
    ['a: {image: x, deploy: {resources: {limits: {cpus: many}}}}', /number of processors/],
    ['services: {a: {image: x, configs: [c]}}', /configs: "c" is not among the configs of the file/],
    ['services: {a: {image: x, configs: [c]}}\nconfigs: {c: {file: ../../etc/shadow}}', /is outside of/],
    ['a: {image: x, stop_grace_period: soon}', /duration/],
    ['just text', /must be a map/],
    ['a: [', /cannot read service file "test.yml", line 1, column \d+/],
    ['', /input is empty/],
  ])('is refused with its name and the cause: %s', (text, message) => {
    expect(() => parseManifest(text, 'test.yml', {})).toThrow(message);
  });
});

describe('rancher.services', () => {
  const shipped = { name: 'shipped', services: readManifest('ntp: {image: os/ntp, environment: {A: 1, B: 2}, cap_add: [SYS_TIME], labels: {io.rancher.os.scope: system}}', 'ntp.yml', {}) };
  const plan = (services: unknown) => {
    const problems: string[] = [];
    const layer = { name: 'cloud-config', services: readConfiguredServices(services, 'cloud-config', { WORD: 'w' }, (problem) => { problems.push(problem); }) };
    return { problems, services: combineLayers([shipped, layer]).services };
  };

  it('changes parts of a shipped service: maps key by key, lists and scalars as a whole', () => {
    const { services, problems } = plan({ ntp: { environment: ['B=3', 'WORD'], cap_add: ['NET_RAW'] } });
    expect(problems).toEqual([]);
    expect(services.get('ntp')).toMatchObject({ image: 'os/ntp', scope: 'system', environment: { A: '1', B: '3', WORD: 'w' }, capAdd: ['NET_RAW'], origin: 'ntp.yml + cloud-config' });
  });

  it('adds services, and leaves out what is wrong, by name', () => {
    const { services, problems } = plan({ good: { image: 'x' }, bad: { image: 'x', privledged: true }, ntp: { tty: 'perhaps' } });
    expect([...services.keys()]).toEqual(['ntp', 'good']);
    expect(problems).toEqual([
      expect.stringMatching(/^rancher\.services\.bad\.privledged: unknown key; did you mean "privileged"\?/),
      expect.stringMatching(/^rancher\.services\.ntp\.tty: /),
    ]);
    expect(services.get('ntp')?.tty).toBe(false);
  });

  it('must be a map, and a new service must name an image', () => {
    expect(plan(['x']).problems).toEqual(['rancher.services: must be a map of services']);
    expect(() => plan({ new: { tty: true } })).toThrow('cannot use service "new" of "cloud-config": it names no image');
  });
});

describe('a plan', () => {
  const layer = (name: string, text: string) => ({ name, services: readManifest(text, name, {}) });

  it('lets a later layer replace a service, and turns before into after', () => {
    const plan = combineLayers([
      layer('shipped', 'a: {image: a1}\nb: {image: b1, labels: {io.rancher.os.before: a}}\n'),
      layer('own', 'a: {image: a2}\n'),
    ]);
    expect(plan.services.get('a')).toMatchObject({ image: 'a2', origin: 'shipped + own' });
    expect([...(plan.services.get('a')?.after.keys() ?? [])]).toEqual(['b']);
  });

  it('ignores a dependency that does not exist', () => {
    expect(combineLayers([layer('x', 'a: {image: x, depends_on: [ghost]}')]).services.get('a')?.after.size).toBe(0);
  });

  it('refuses a cycle and names its members', () => {
    expect(() => combineLayers([layer('x', 'a: {image: x, depends_on: [b]}\nb: {image: x, depends_on: [a]}\n')])).toThrow('wait for each other: a, b');
  });
});
