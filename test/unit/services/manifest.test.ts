import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../../src/services/manifest.ts';
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

  it.each([
    ['a: {imag: x}', /a: .*imag/],
    ['a: {image: x, stop_grace_period: soon}', /duration/],
    ['just text', /must be a map/],
    ['a: [', /cannot read service file "test.yml"/],
    ['', /input is empty/],
  ])('is refused with its name and the cause: %s', (text, message) => {
    expect(() => parseManifest(text, 'test.yml', {})).toThrow(message);
  });
});

describe('a plan', () => {
  const layer = (name: string, text: string) => ({ name, services: parseManifest(text, name, {}) });

  it('lets a later layer replace a service, and turns before into after', () => {
    const plan = combineLayers([
      layer('shipped', 'a: {image: a1}\nb: {image: b1, labels: {io.rancher.os.before: a}}\n'),
      layer('own', 'a: {image: a2}\n'),
    ]);
    expect(plan.services.get('a')).toMatchObject({ image: 'a2', origin: 'own' });
    expect([...(plan.services.get('a')?.after.keys() ?? [])]).toEqual(['b']);
  });

  it('ignores a dependency that does not exist', () => {
    expect(combineLayers([layer('x', 'a: {image: x, depends_on: [ghost]}')]).services.get('a')?.after.size).toBe(0);
  });

  it('refuses a cycle and names its members', () => {
    expect(() => combineLayers([layer('x', 'a: {image: x, depends_on: [b]}\nb: {image: x, depends_on: [a]}\n')])).toThrow('wait for each other: a, b');
  });
});
