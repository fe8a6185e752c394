import { describe, expect, it } from 'vitest';
import { report } from '../../../../src/supervisor/phases/datasources.ts';
import type { Machine } from '../../../../src/supervisor/machine.ts';
import { beginNetworkDatasources } from '../../../../src/supervisor/phases/network-datasources.ts';

const machine = (over: Partial<Machine> = {}): Machine => ({ datasource: undefined, log: { debug: () => undefined, info: () => undefined }, ...over }) as unknown as Machine;
const nothing = (...names: readonly string[]) =>
  ({ found: undefined, source: undefined, why: `none of ${names.length} has anything`, tookMs: 1, tried: names.map((source) => ({ source, result: 'nothing here' })), problems: [] });

describe('what `ros config status` says of datasources', () => {
  it('is what all of them said, whenever they were asked, each once', () => {
    const boot = machine();
    report(boot, nothing('configdrive', 'nocloud'));
    report(boot, { ...nothing('ec2'), source: 'ec2', why: 'it is the only one to ask', tried: [{ source: 'ec2', result: 'answered' }] });
    expect(boot.datasource).toEqual({
      source: 'ec2', why: 'it is the only one to ask', tookMs: 1,
      tried: [{ source: 'configdrive', result: 'nothing here' }, { source: 'nocloud', result: 'nothing here' }, { source: 'ec2', result: 'answered' }],
    });
  });

  it('counts them all when none has anything', () => {
    const boot = machine();
    report(boot, nothing('configdrive', 'nocloud'));
    report(boot, nothing('nocloud', 'ec2'));
    expect(boot.datasource).toMatchObject({ source: undefined, why: 'none of 3 has anything' });
  });
});

describe('datasources over the network', () => {
  it('are not asked when another has answered', async () => {
    await beginNetworkDatasources(machine({ found: { value: { source: 'x', userData: undefined, metadata: undefined, problems: [] }, problems: [] } }));
  });
});
