import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { settingsOf, type NetworkSetting } from '../../../../src/config/index.ts';
import type { ContainerInfo, ExecOptions } from '../../../../src/engine/engine.ts';
import { RosError } from '../../../../src/lib/errors.ts';
import { networkPart, reconfigure, writeNetwork } from '../../../../src/supervisor/apply/network.ts';

let folder: string;
beforeEach(() => { folder = join(mkdtempSync(join(tmpdir(), 'network-')), 'network'); });
afterEach(() => { rmSync(join(folder, '..'), { recursive: true }); });

const nothing = settingsOf({}).network;
const withAddress: NetworkSetting = { ...nothing, interfaces: [{ name: 'eth1', addresses: ['192.0.2.5/24'], bondOpts: {}, preUp: ['true'], postUp: [] }] };

test('nothing configured leaves no trace', async () => {
  expect(await writeNetwork(nothing, folder)).toEqual([]);
  expect(() => readdirSync(folder)).toThrow('ENOENT');
});

test('the file is for root alone, stays the same file when nothing changes, and goes with the configuration', async () => {
  await writeNetwork(withAddress, folder);
  const file = join(folder, 'settings');
  const before = statSync(file);
  expect(before.mode & 0o777).toBe(0o600);
  await writeNetwork(withAddress, folder);
  expect(statSync(file).ino).toBe(before.ino);
  await writeNetwork(nothing, folder);
  expect(readdirSync(folder)).toEqual([]);
});

const running = { id: 'n1', running: true } as ContainerInfo;

function engine(info: ContainerInfo | undefined, answer: { exitCode: number; output: string } | Error): { asked: ExecOptions[]; inspect: () => Promise<ContainerInfo | undefined>; exec: (id: string, options: ExecOptions) => Promise<{ exitCode: number; output: string }> } {
  const asked: ExecOptions[] = [];
  return {
    asked,
    inspect: () => Promise.resolve(info),
    exec: (_id, options) => { asked.push(options); return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer); },
  };
}

test('a container that runs is told, and what it could not do is told on', async () => {
  const good = engine(running, { exitCode: 0, output: '' });
  expect(await reconfigure(good, withAddress)).toEqual([]);
  expect(good.asked[0]?.command).toEqual(['/usr/lib/corral/network-apply']);
  expect(await reconfigure(engine(running, { exitCode: 1, output: 'eth1: cannot set its mtu: no\neth1: pre_up 1: exit code 3\n' }), withAddress)).toEqual(['eth1: cannot set its mtu: no', 'eth1: pre_up 1: exit code 3']);
  expect(await reconfigure(engine(running, { exitCode: 137, output: '' }), withAddress)).toEqual(['network-apply ended with exit code 137']);
  expect(await reconfigure(engine(running, new RosError('ERR_ROS_TIMEOUT', 'nothing after 160 s')), withAddress)).toEqual(['nothing after 160 s']);
});

test('it is waited for as long as DHCP and every command may take', async () => {
  const good = engine(running, { exitCode: 0, output: '' });
  await reconfigure(good, { ...withAddress, dhcpTimeoutS: 60 });
  expect(good.asked[0]?.timeoutMs).toBe(120_000 + 60_000 + 30_000);
});

test('a container that does not run reads it when it starts', async () => {
  const stopped = engine({ ...running, running: false }, { exitCode: 0, output: '' });
  expect(await reconfigure(stopped, withAddress)).toEqual([]);
  expect(stopped.asked).toEqual([]);
});

test('the change is told by interface, and a proxy is none', () => {
  const before = settingsOf({});
  const after = { ...before, network: { ...withAddress, nameservers: ['192.0.2.53'], proxy: { http: 'http://secret' } } };
  expect(networkPart.what?.(before, after)).toBe('rancher.network: interface eth1, dns');
  expect(networkPart.of({ ...before, network: { ...nothing, proxy: { http: 'http://secret' } } })).toEqual(networkPart.of(before));
});
