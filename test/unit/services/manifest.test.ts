import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseManifest, provenance } from '../../../src/services/define.ts';
import { readConfiguredServices, readManifest } from '../../../src/services/manifest.ts';
import { startGroups } from '../../../src/services/order.ts';
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

  it('hands annotations on', () => {
    expect(one('a: {image: x, annotations: {io.containerd.runc.v2.group: small}}')?.annotations).toEqual({ 'io.containerd.runc.v2.group': 'small' });
    expect(one('a: {image: x, annotations: [a.b=c]}')?.annotations).toEqual({ 'a.b': 'c' });
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
    ['a: [', /cannot use service file "test.yml": line 1, column \d+: unexpected end/],
    ['a b: {image: x}', /line 1, column 1: a b: a service is named with/],
    ['a: {image: x, ports: ["80:90:100"]}', /ports: "80:90:100" is no port/],
    ['a: {build: ../../etc}', /build: "\.\.\/\.\.\/etc" is outside of/],
    ['a: {image: x, restart: sometimes}', /restart: "sometimes" is none of no, always/],
    ['', /input is empty/],
  ])('is refused with its name and the cause: %s', (text, message) => {
    expect(() => parseManifest(text, 'test.yml', {})).toThrow(message);
  });
});

describe('rancher.services', () => {
  const shipped = { name: 'shipped', services: readManifest('ntp: {image: os/ntp, environment: {A: 1, B: 2}, cap_add: [SYS_TIME], labels: {io.rancher.os.scope: system}}', 'ntp.yml', {}) };
  const read = (services: unknown, problems: string[]) => ({ name: 'cloud-config', services: readConfiguredServices(services, 'cloud-config', { WORD: 'w' }, (problem) => { problems.push(problem); }) });
  const combined = (services: unknown) => combineLayers([shipped, read(services, [])]);
  const plan = (services: unknown) => {
    const problems: string[] = [];
    return { problems, services: combineLayers([shipped, read(services, problems)]).services };
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
    expect(combined({ new: { tty: true } }).problems).toEqual([expect.stringContaining('cannot use service "new" of "cloud-config": it names no image') as string]);
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

  const ofSystem = (name: string, text: string) => ({ name, services: readManifest(text, name, {}).map((fragment) => ({ ...fragment, builtIn: true })) });

  it('leaves the members of a cycle out, by name, and keeps every other service', () => {
    const plan = combineLayers([layer('x', 'a: {image: x, depends_on: [b]}\nb: {image: x, depends_on: [a]}\nc: {image: x}\n')]);
    expect(plan.problems).toEqual(['cannot order services "a", "b": they wait for each other']);
    expect([...plan.services.keys()]).toEqual(['c']);
  });

  it('keeps what comes with the system as it comes when somebody else makes a cycle of it, or nonsense', () => {
    const system = ofSystem('system', 'a: {image: x}\nb: {image: x, depends_on: [a]}\nc: {image: x}\n');
    const plan = combineLayers([system, layer('own', 'a: {depends_on: [b]}\nc: {restart: sometimes}\n')]);
    expect(plan.problems).toEqual([expect.stringContaining('restart: "sometimes"') as string, 'cannot order services "a", "b": they wait for each other']);
    expect([...plan.services].map(([name, service]) => [name, [...service.after.keys()]])).toEqual([['a', []], ['b', ['a']], ['c', []]]);
  });

  it('lets a service of the user scope come after User Docker', () => {
    const plan = combineLayers([ofSystem('system', 'docker: {image: x, labels: {io.rancher.os.scope: system}}'), layer('own', 'web: {image: x}')]);
    expect(plan.services.get('web')).toMatchObject({ scope: 'user', networkMode: 'default', after: new Map([['docker', 'healthy']]) });
  });

  it('takes one that is waited for until it has completed for a job', () => {
    const plan = combineLayers([layer('x', 'job: {image: x}\nweb: {image: x, depends_on: {job: {condition: service_completed_successfully}}}\n')]);
    expect(plan.services.get('job')?.oneshot).toBe(true);
  });

  it('says of every value which layer said it last', () => {
    const { fragments } = combineLayers([layer('shipped', 'a: {image: a1, environment: {A: 1, B: 2}, cap_add: [X]}'), layer('own', 'a: {environment: [B=3], tty: true}')]);
    const { said, origins } = provenance(fragments.get('a') ?? []);
    expect(said).toEqual({ image: 'a1', environment: { A: 1, B: '3' }, cap_add: ['X'], tty: true });
    expect(Object.fromEntries(origins.map(({ path, origin }) => [path.join('.'), origin]))).toEqual({ image: 'shipped', 'environment.A': 'shipped', 'environment.B': 'own', cap_add: 'shipped', tty: 'own' });
  });

  it('is the same however its layers are grouped, and a layer laid over itself changes nothing', () => {
    const value = fc.oneof(fc.string({ maxLength: 3 }), fc.nat(9));
    const part = fc.record({
      tty: fc.boolean(), hostname: fc.constantFrom('x', 'y'), cap_add: fc.array(fc.constantFrom('A', 'B', 'C'), { maxLength: 2 }),
      environment: fc.dictionary(fc.constantFrom('P', 'Q', 'R'), value), labels: fc.dictionary(fc.constantFrom('l', 'm'), value),
    }, { requiredKeys: [] });
    const layerOf = (said: object, name: string) => ({ name, services: readConfiguredServices({ a: { image: 'x', ...said } }, name, {}, (problem) => { throw new Error(problem); }) });
    const define = (...parts: object[]) => {
      const { origin: _origin, ...definition } = combineLayers(parts.map((said, index) => layerOf(said, String(index)))).services.get('a') ?? { origin: '' };
      return definition;
    };
    fc.assert(fc.property(part, part, part, (first, second, third) => {
      const merged = define(first, second, third);
      expect(define(first, second, third, third)).toEqual(merged);
      for (const [key, value] of Object.entries(third)) {
        if (key === 'tty' || key === 'hostname') expect(merged).toMatchObject({ [key]: value });
        if (key === 'cap_add') expect(merged).toMatchObject({ capAdd: value });
        if (key === 'environment') expect(merged).toMatchObject({ environment: Object.fromEntries(Object.entries(value as object).map(([name, one]) => [name, String(one)])) });
      }
      expect(Object.keys((merged as { environment: object }).environment).sort()).toEqual([...new Set([first, second, third].flatMap(({ environment }) => Object.keys(environment ?? {})))].sort());
    }));
  });

  it('orders a thousand services in milliseconds, and ten times as many in not much more than ten times as long', () => {
    const ms = (count: number): number => {
      const text = Array.from({ length: count }, (_, n) => `s${n}: {image: x, depends_on: [${[...new Set([n >> 1, n - 1, n - 7])].filter((to) => to >= 0 && to !== n).map((to) => `s${to}`).join(', ')}]}`).join('\n');
      const layers = [layer('many', text)];
      const begin = performance.now();
      const { services } = combineLayers(layers);
      expect(startGroups([...services.keys()], (name) => [...(services.get(name)?.after.keys() ?? [])]).flat()).toHaveLength(count);
      return performance.now() - begin;
    };
    ms(100);
    const [thousand, tenThousand] = [ms(1000), ms(10_000)];
    console.log(`plan and order: 1,000 services ${thousand.toFixed(0)} ms, 10,000 services ${tenThousand.toFixed(0)} ms`);
    expect(thousand).toBeLessThan(500);
    expect(tenThousand).toBeLessThan(20 * thousand + 1000);
  }, 60_000);
});
