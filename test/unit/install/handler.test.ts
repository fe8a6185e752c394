import { describe, expect, it } from 'vitest';
import { installHandlers } from '../../../src/api/handlers/install.ts';
import type { InstallRequest, InstallResult } from '../../../src/api/types.ts';
import { RosError } from '../../../src/lib/errors.ts';
import type { InstallAdmin } from '../../../src/supervisor/install.ts';
import type { Machine } from '../../../src/supervisor/machine.ts';

const result: InstallResult = { version: 'v1', rootHash: 'ab', bytesWritten: 1, tookMs: 1, steps: [], reboots: true };

/** What the API answers to a body, and what becomes of the machine. */
async function post(body: unknown, install: InstallAdmin['install'] = async () => result): Promise<{ lines: unknown[]; power: string[]; asked: InstallRequest[] }> {
  const [lines, power, asked]: [unknown[], string[], InstallRequest[]] = [[], [], []];
  const machine = { clock: { uptimeMs: () => 1000 }, log: { error: () => undefined }, power: (action: string) => { power.push(action); } } as unknown as Machine;
  const admin = { install: (request: InstallRequest, onProgress: Parameters<InstallAdmin['install']>[1]) => { asked.push(request); return install(request, onProgress); } } as unknown as InstallAdmin;
  const reply = await installHandlers(machine, admin).install({ params: {}, query: new URLSearchParams(), body, signal: new AbortController().signal });
  if ('stream' in reply) await reply.stream((line) => { lines.push(line); }, () => undefined);
  return { lines, power, asked };
}

describe('the API of an installation', () => {
  it('tells the first and the last of each step, and restarts the machine once that is told', async () => {
    const { lines, power } = await post({ device: '/dev/sda' }, async (_request, onProgress) => {
      for (const [step, done] of [['a', 0], ['a', 1], ['a', 2], ['a', 9], ['b', 0]] as const) onProgress(step, done, 9);
      return result;
    });
    expect(lines).toEqual([
      { kind: 'progress', step: 'a', doneBytes: 0, totalBytes: 9 }, { kind: 'progress', step: 'a', doneBytes: 9, totalBytes: 9 }, { kind: 'progress', step: 'b', doneBytes: 0, totalBytes: 9 }, { kind: 'done', result },
    ]);
    expect(power).toEqual(['reboot']);
  });

  it('leaves the machine running when that is wanted, and after a failure', async () => {
    expect((await post({}, async () => ({ ...result, reboots: false }))).power).toEqual([]);
    const failed = await post({}, async () => { throw new RosError('ERR_ROS_IN_USE', 'cannot install', { hint: 'look' }); });
    expect(failed).toMatchObject({ lines: [{ kind: 'failed', error: { code: 'ERR_ROS_IN_USE', message: 'cannot install', hint: 'look' } }], power: [] });
  });

  it.each([[{ device: 1 }, '"device" must be a text'], [{ force: 'yes' }, '"force" must be true or false'], [{ cloudConfig: { text: 'a' } }, '"cloudConfig" must be a map'], [{ image: '' }, '"image" must be a text']])('refuses %j', async (body, cause) => {
    await expect(post(body)).rejects.toThrow(`cannot read request: ${cause}`);
  });

  it('passes on what it knows, and nothing else', async () => {
    const body = { device: '/dev/sda', type: 'generic', force: true, cloudConfig: { text: 'a: 1', origin: 'f' } };
    expect((await post({ ...body, strange: 1 })).asked).toEqual([body]);
  });
});
