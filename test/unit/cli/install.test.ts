import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { InstallEvent, InstallPlan } from '../../../src/api/types.ts';
import { lines, ros, serve, temporaryDirectory } from './support.ts';

const plan: InstallPlan = {
  type: 'gpt', device: { path: '/dev/sda', bytes: 2 ** 34, model: 'ACME 500', serial: 'S1', transport: 'sata', contents: ['/dev/sda1 1 GiB ext4, labelled "OLD\u001b[31m"'] },
  medium: { source: '/dev/sr0', version: 'v0.1.0', flavour: 'metal', rootHash: 'ab', bytes: 2 ** 28 },
  partitions: [{ label: 'CORRAL_A', startBytes: 0, bytes: 2 ** 29 }, { label: 'RANCHER_STATE', startBytes: 0, bytes: 2 ** 33 }],
  append: ['x=1'], cloudConfig: { origin: 'new.yml', problems: [] }, images: [], notes: ['nobody can log in'], refusals: [], digest: 'd1',
};
const done: InstallEvent = { kind: 'done', result: { device: '/dev/sda', version: 'v0.1.0', rootHash: 'ab', bytesWritten: 2 ** 28, tookMs: 61_000, steps: [], reboots: true } };
const progress: InstallEvent = { kind: 'progress', step: 'write the system', doneBytes: 1, totalBytes: 4 };
const api = (over: Partial<InstallPlan> = {}, ...events: InstallEvent[]) => serve({ 'POST /v1/install/plan': { ...plan, ...over }, 'POST /v1/install': lines(...(events.length === 0 ? [progress, done] : events)) });

describe('ros install', () => {
  it('shows the plan, asks, and tells what became of it', async () => {
    const server = await api();
    const run = await ros('install -d /dev/sda -a x=1', server.socketPath, { isTty: true, stdin: 'y\n' });
    expect(run.code).toBe(0);
    for (const word of ['/dev/sda, 16.0 GiB, ACME 500, S1, sata', 'labelled "OLD [31m"', 'CorralOS v0.1.0 (metal, 256 MiB) from /dev/sr0', 'RANCHER_STATE 8.0 GiB', 'new.yml', 'nobody can log in']) expect(run.stdout).toContain(word);
    expect(run.stdout).not.toContain('\u001b');
    expect(run.stderr).toContain('Install to /dev/sda? [yN] ');
    expect(run.stderr).toContain('write the system: 25%');
    expect(run.stdout).toContain('installed v0.1.0 to /dev/sda in 1m 1s (256 MiB written and read back)\nthe machine restarts now: take the medium out\n');
    expect(server.bodies.map((body) => JSON.parse(body) as unknown)).toEqual([{ device: '/dev/sda', append: 'x=1', reboot: true }, { device: '/dev/sda', append: 'x=1', reboot: true, digest: 'd1' }]);
  });

  it.each(['n\n', '\n', ''])('does nothing when the answer is no, or none', async (stdin) => {
    const server = await api();
    expect(await ros('install -d /dev/sda', server.socketPath, { isTty: true, stdin })).toMatchObject({ code: 1, stderr: expect.stringContaining('ros: nothing was installed') as string });
    expect(server.requests).toEqual(['POST /v1/install/plan']);
  });

  it('does not go on without a question that somebody can answer, unless it is told to', async () => {
    const server = await api();
    expect(await ros('install -d /dev/sda', server.socketPath)).toMatchObject({ code: 2, stderr: expect.stringContaining('hint: add -f') as string });
    expect(await ros('install -d /dev/sda -f --no-reboot', server.socketPath)).toMatchObject({ code: 0 });
    expect(JSON.parse(server.bodies.at(-1) ?? '')).toEqual({ device: '/dev/sda', force: true, reboot: false, digest: 'd1' });
  });

  it('prints all refusals with their hints, and does not ask', async () => {
    const server = await api({ refusals: [{ code: 'A', message: 'cannot install: one', hint: 'do this' }, { code: 'B', message: 'cannot install: two' }] });
    expect(await ros('install -d /dev/sda -f', server.socketPath)).toMatchObject({ code: 1, stderr: 'ros: cannot install: one\nhint: do this\nros: cannot install: two\n' });
    expect(server.requests).toEqual(['POST /v1/install/plan']);
  });

  it('shows the plan alone', async () => {
    const server = await api();
    expect((await ros('install -d /dev/sda --plan', server.socketPath)).stdout).toContain('disk ');
    expect(JSON.parse((await ros('install -d /dev/sda --dry-run --json', server.socketPath)).stdout)).toEqual(plan);
    expect(server.requests).toEqual(['POST /v1/install/plan', 'POST /v1/install/plan']);
  });

  it('prints lines that programs read', async () => {
    const run = await ros('install -d /dev/sda -f --json', (await api()).socketPath);
    expect(run.stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual([{ kind: 'plan', plan }, progress, done]);
    expect(run.stderr).toBe('');
  });

  it('fails with what went wrong on the way, also for programs', async () => {
    const failed: InstallEvent = { kind: 'failed', error: { code: 'ERR_ROS_VERIFY', message: 'cannot verify "root.img": bad disk', hint: 'another disk' } };
    for (const flags of ['-f', '-f --json']) {
      expect(await ros(`install -d /dev/sda ${flags}`, (await api({}, progress, failed)).socketPath)).toMatchObject({ code: 1, stderr: expect.stringContaining('ros: cannot verify "root.img": bad disk\nhint: another disk\n') as string });
    }
  });

  it('says that it goes on when the answer breaks off', async () => {
    expect(await ros('install -d /dev/sda -f', (await api({}, progress)).socketPath)).toMatchObject({ code: 1, stderr: expect.stringContaining('hint: it goes on if the machine does: ros logs -f\n') as string });
  });

  it('reads a cloud-config here, and leaves an address to the supervisor', async () => {
    const file = `${temporaryDirectory()}/new.yml`;
    writeFileSync(file, 'hostname: a\n');
    const server = await api();
    for (const given of [file, `file://${file}`, 'https://example.org/c.yml']) await ros(`install -d /dev/sda --plan -c ${given}`, server.socketPath);
    expect(server.bodies.map((body) => (JSON.parse(body) as { cloudConfig: unknown }).cloudConfig)).toEqual([{ text: 'hostname: a\n', origin: file }, { text: 'hostname: a\n', origin: file }, { origin: 'https://example.org/c.yml' }]);
    expect(await ros('install -d /dev/sda -c /nonexistent.yml', server.socketPath)).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot read cloud-config "/nonexistent.yml"') as string });
  });

  it('knows all of RancherOS\'s options', async () => {
    const server = await api();
    const run = await ros('install -i /dev/sr0 -t noformat -d /dev/sda -p /dev/sda3 --statedir ros -f --no-reboot -a a=1 -a b -k -s --debug', server.socketPath);
    expect(run).toMatchObject({ code: 0, stderr: expect.stringMatching(/-k has no effect[\s\S]*write the system: /) as string });
    expect(JSON.parse(server.bodies[0] ?? '')).toEqual({ device: '/dev/sda', type: 'noformat', image: '/dev/sr0', append: 'a=1 b', partition: '/dev/sda3', stateDirectory: 'ros', save: true, force: true, reboot: false });
  });
});
