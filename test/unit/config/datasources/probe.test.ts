import { describe, expect, it } from 'vitest';
import type { Datasource } from '../../../../src/config/datasources/datasource.ts';
import { chooseDatasources, datasources } from '../../../../src/config/datasources/index.ts';
import type { Found } from '../../../../src/config/found.ts';
import { facts, probe } from '../../../lib/datasources.ts';

const found = (source: string): Found => ({ source, userData: undefined, metadata: undefined, problems: [] });
const source = (name: string, delayMs: number, result: Found | undefined): Datasource =>
  ({ name, needs: 'nothing', fetch: () => new Promise((resolve) => { setTimeout(() => { resolve(result); }, delayMs); }) });
const failing = (name: string): Datasource => ({ name, needs: 'network', fetch: async () => { throw new Error('it is broken'); } });

describe('asking datasources', () => {
  it('takes the first that has something, and says which and why', async () => {
    const result = await probe(['*'], { table: [source('none', 0, undefined), source('slow', 60_000, found('slow')), source('fast', 20, found('the fast one'))] });
    expect(result).toMatchObject({
      found: { source: 'the fast one' }, source: 'fast', why: 'of 3 it answered first', problems: [],
      tried: [{ source: 'none', result: 'nothing here' }, { source: 'slow', result: 'not waited for' }, { source: 'fast', result: 'answered' }],
    });
    expect(result.tookMs).toBeLessThan(1500);
  });

  it('prefers what stands before it, when that answers about as soon', async () => {
    const result = await probe(['*'], { graceMs: 1000, table: [source('slow', 60, found('slow')), source('fast', 10, found('fast'))] });
    expect(result).toMatchObject({ source: 'slow', why: 'of 2 it and "fast" have answered, and it stands first' });
  });

  it('gives up when time is up', async () => {
    const started = performance.now();
    const result = await probe(['hangs'], { table: [source('hangs', 60_000, undefined)], timeoutMs: 50, retry: true });
    expect(result).toMatchObject({ found: undefined, tried: [{ result: 'no answer within 0.05 s' }], problems: [] });
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('asks again until it answers, when it may', async () => {
    let tries = 0;
    const late: Datasource = { name: 'late', needs: 'network', fetch: async () => { tries += 1; if (tries < 3) throw new Error('not yet'); return tries === 3 ? undefined : found('late'); } };
    expect((await probe(['late'], { table: [late], retry: true })).found?.source).toBe('late');
    expect(tries).toBe(4);
  });

  it('tells of a failure when somebody named the datasource, and nothing when he did not', async () => {
    expect(await probe(['broken'], { table: [failing('broken')] })).toMatchObject({
      why: 'the only one to ask has nothing', problems: [{ severity: 'error', source: 'datasource broken', message: 'it is broken' }],
    });
    expect((await probe(['*'], { table: [failing('broken')] })).problems).toEqual([]);
    expect(await probe(['broken', 'fast'], { table: [failing('broken'), source('fast', 0, found('x'))] })).toMatchObject({ source: 'fast', problems: [] });
  });

  it('costs nothing when there is none to ask', async () => {
    expect(await probe([])).toEqual({ found: undefined, source: undefined, why: 'there is none to ask', tookMs: expect.any(Number) as number, tried: [], problems: [] });
  });
});

describe('choosing datasources', () => {
  const chosen = (names: readonly string[], over = facts()): string[] => chooseDatasources(names, over).choices.map(({ source: name, datasource }) => `${name}${datasource.needs === 'network' ? '+' : ''}`);

  it('names one that does not exist, with the spelling that was meant', () => {
    expect(chooseDatasources(['ce2', 'ec2', 'tfpt:x/y', 'zzzzzzzzz'], facts()).problems.map(({ source: name, message }) => `${name}: ${message}`)).toEqual([
      'datasource ce2: no such datasource; did you mean "ec2"?', 'datasource tfpt: no such datasource; did you mean "tftp"?', 'datasource zzzzzzzzz: no such datasource',
    ]);
  });

  it('takes all that RancherOS knew', () => {
    const known = ['configdrive', 'file', 'url', 'tftp', 'cmdline', 'ec2', 'digitalocean', 'gce', 'packet', 'cloudstack', 'aliyun', 'azure', 'exoscale', 'proxmox', 'vmware', 'openstack', 'nocloud'];
    expect(known.filter((name) => !datasources.some((datasource) => datasource.name === name))).toEqual([]);
  });

  it('shows no password and no token of an argument', () => {
    expect(chosen(['url:https://joe:pw@host/x?token=1', 'tftp:host/file'])).toEqual(['url:https://host/x+', 'tftp:host/file+']);
  });

  it('leaves out what cannot be asked', () => {
    expect(chosen(['url', 'file', 'cmdline', 'nocloud', 'vmware'])).toEqual(['nocloud', 'vmware']);
    expect(chosen(['cmdline', 'nocloud'], facts({ serial: 'ds=nocloud;s=http://h/' }, 'a cloud-config-url=http://h/x b'))).toEqual(['cmdline+', 'nocloud', 'nocloud+']);
  });

  it('by * asks the cloud that the firmware names, and none of the others', () => {
    expect(chosen(['*'], facts({ vendor: 'Amazon EC2' }))).toEqual(['configdrive', 'nocloud', 'smbios', 'proxmox', 'ec2+']);
    expect(chosen(['*'], facts({ product: 'Google Compute Engine' })).filter((name) => name.endsWith('+'))).toEqual(['gce+']);
    expect(chosen(['*'], facts({ vendor: 'VMware, Inc.' })).filter((name) => name.startsWith('vmware'))).toEqual(['vmware', 'vmware+']);
    expect(chosen(['*'], facts({ vendor: 'QEMU' })).filter((name) => name.endsWith('+'))).toEqual(['openstack+', 'cloudstack+']);
  });

  it('asks for what is named whatever the firmware says, and once', () => {
    expect(chosen(['*', 'ec2', 'configdrive:/media/x'], facts({ vendor: 'QEMU' })).filter((name) => /ec2|config/.test(name))).toEqual(['ec2+', 'configdrive:/media/x']);
  });
});
