import { describe, expect, it } from 'vitest';
import type { FileSetting } from '../../../../src/config/index.ts';
import type { ContainerSpec } from '../../../../src/engine/engine.ts';
import type { ServiceDefinition } from '../../../../src/services/definition.ts';
import { hostsFile } from '../../../../src/supervisor/apply/hostname.ts';
import { filesPart, putFiles, strayFiles, withMountedFiles } from '../../../../src/supervisor/apply/write-files.ts';
import { settingsOf } from '../../../../src/config/index.ts';
import { FakeEngine } from '../../services/fake-engine.ts';

function file(path: string, text: string, more: Partial<FileSetting> = {}): FileSetting {
  return { path, contentBase64: Buffer.from(text).toString('base64'), owner: 'root', mode: 0o644, append: false, container: 'console', ...more };
}
async function engineWith(...names: string[]): Promise<{ engine: FakeEngine; id: string }> {
  const engine = new FakeEngine();
  const ids = [];
  for (const name of names) ids.push(await engine.create({ name, labels: {} } as ContainerSpec));
  engine.calls.length = 0;
  return { engine, id: ids[0] ?? '' };
}

describe('write_files', () => {
  it('puts what is the container\'s, in one go and with its mode', async () => {
    const { engine, id } = await engineWith('console');
    expect(await putFiles(engine, id, 'console', [file('/etc/a', 'A'), file('/etc/b', 'B', { mode: 0o755 }), file('/etc/ntp', 'C', { container: 'ntp' })])).toEqual([]);
    expect(engine.calls).toEqual([expect.stringMatching(/^put console \/etc\/a .*644.* 0:0$/), expect.stringMatching(/^put console \/etc\/b .*755.* 0:0$/)]);
    expect(engine.files.get('console /etc/b')).toBe('B');
  });

  it('asks the container who an owner is, and only when there is one to ask for', async () => {
    const { engine, id } = await engineWith('ntp');
    engine.files.set('ntp /etc/passwd', 'root:x:0:0::/:/bin/sh\n_chrony:x:101:102::/:/bin/false\n');
    engine.files.set('ntp /etc/group', 'adm:x:4:\n');
    expect(await putFiles(engine, id, 'ntp', [file('/a', '1', { container: 'ntp', owner: '_chrony:adm' }), file('/b', '2', { container: 'ntp', owner: 'stranger' })])).toEqual(['cannot write file "/b" into "ntp": there is no user "stranger"']);
    expect(engine.calls).toHaveLength(1);
    expect(engine.calls[0]).toMatch(/put ntp \/a .*101:4$/);
  });

  it('appends once, whatever starts again', async () => {
    const { engine, id } = await engineWith('console');
    engine.files.set('console /etc/list', '127.0.0.1 localhost\n');
    const files = [file('/etc/list', '10.0.0.1 gate\n', { append: true })];
    await putFiles(engine, id, 'console', files);
    await putFiles(engine, id, 'console', files);
    expect(engine.files.get('console /etc/list')).toBe('127.0.0.1 localhost\n10.0.0.1 gate\n');
  });

  it('puts the others when one cannot be there', async () => {
    const { engine, id } = await engineWith('console');
    const put = engine.putFiles.bind(engine);
    engine.putFiles = async (at, tar) => { if (Buffer.from(tar).includes('proc/x')) throw new Error('no such place'); await put(at, tar); };
    expect(await putFiles(engine, id, 'console', [file('/etc/a', 'A'), file('/proc/x', 'B'), file('/etc/c', 'C')])).toEqual(['cannot write file "/proc/x" into "console": no such place']);
    expect(engine.files.get('console /etc/c')).toBe('C');
  });

  it('leaves the machine\'s own files to what makes them', async () => {
    const { engine, id } = await engineWith('console');
    const files = [file('/etc/hosts', '10.0.0.1 gate', { append: true }), file('/etc/resolv.conf', 'nameserver 1.1.1.1')];
    expect(await putFiles(engine, id, 'console', files)).toEqual(['cannot write file "/etc/resolv.conf" into "console": it is the machine\'s, and made by `rancher.network.dns`']);
    expect(engine.calls).toEqual([]);
    expect(hostsFile({ ...settingsOf({ hostname: 'box' }), writeFiles: files })).toBe('127.0.0.1 localhost\n127.0.1.1 box\n::1 localhost ip6-localhost ip6-loopback\n10.0.0.1 gate\n');
    expect(hostsFile({ ...settingsOf({}), writeFiles: [file('/etc/hosts', 'all\n')] })).toBe('all\n');
  });

  it('asks nothing of the engine where there are no files', async () => {
    const { engine, id } = await engineWith('console');
    engine.putFiles = async () => { throw new Error('asked'); };
    expect(await putFiles(engine, id, 'console', [file('/etc/ntp', 'C', { container: 'ntp' })])).toEqual([]);
  });

  it('mounts the files of a service with a read-only root', () => {
    const services = new Map([['syslog', { name: 'syslog', scope: 'system', readOnly: true, volumes: ['/a:/b'] }], ['ntp', { name: 'ntp', scope: 'system', readOnly: false, volumes: [] }]] as unknown as [string, ServiceDefinition][]);
    const made = withMountedFiles(services, [file('/etc/x.conf', '1', { container: 'syslog' }), file('/etc/y', '2', { container: 'ntp' })]);
    expect(made.get('syslog')?.volumes).toEqual(['/a:/b', '/run/ros/files/syslog/etc/x.conf:/etc/x.conf:ro']);
    expect(made.get('ntp')?.volumes).toEqual([]);
    expect(withMountedFiles(services, [file('/etc/y', '2', { container: 'ntp' })])).toBe(services);
  });

  it('tells of files for services that are not there, and which ones change', () => {
    const before = { ...settingsOf({}), writeFiles: [file('/etc/a', '1'), file('/etc/old', '1')] };
    const after = { ...before, writeFiles: [file('/etc/a', '2'), file('/etc/ntp', '1', { container: 'ntp' })] };
    expect(filesPart.what?.(before, after)).toBe('write_files: /etc/a, /etc/ntp (ntp), /etc/old stays as it is');
    expect(strayFiles({ services: { has: (name: string) => name === 'console' } } as unknown as Parameters<typeof strayFiles>[0], after)).toEqual(['cannot write files into "ntp": there is no such service']);
  });
});
