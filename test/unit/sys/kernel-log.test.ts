import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { KernelLog } from '../../../src/sys/kernel-log.ts';

const directory = mkdtempSync(join(tmpdir(), 'kernel-log-'));
afterAll(() => { rmSync(directory, { recursive: true, force: true }); });

describe('the kernel\'s log', () => {
  it('gives what is new at each look, and comes to an end where nothing is to be read yet', async () => {
    // A FIFO that somebody writes to answers as the device does: EAGAIN when it is empty.
    const path = join(directory, 'fifo');
    execFileSync('mkfifo', [path]);
    const log = new KernelLog(path);
    const keeper = await open(path, 'r+');
    await keeper.write('6,1,2000,-;first\n');
    expect(await log.look()).toEqual([{ atMs: 2, text: 'first' }]);
    expect(await log.look()).toEqual([]);
    await keeper.write('6,2,3000,-;second\n');
    expect(await log.look()).toEqual([{ atMs: 3, text: 'second' }]);
    await keeper.close();
  });

  it('says so when it cannot be read', async () => {
    writeFileSync(join(directory, 'file'), '');
    expect(await new KernelLog(join(directory, 'file')).look()).toEqual([]);
    await expect(new KernelLog(join(directory, 'none')).look()).rejects.toThrow(/ENOENT/);
  });
});
