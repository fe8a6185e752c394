import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runJob, type JobResult } from '../../../src/sys/job.ts';

let cgroup: string;
beforeEach(() => { cgroup = mkdtempSync(join(tmpdir(), 'job-')); });
afterEach(() => { rmSync(cgroup, { recursive: true }); });
const run = (script: string, timeoutMs = 10_000): Promise<JobResult> => runJob(['sh', '-c', script], { environment: {}, timeoutMs, tailBytes: 100, cgroup });

describe('a job', () => {
  it('keeps the end of what it prints', async () => {
    const { exitCode, output } = await run('i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i + 1)); done');
    expect(exitCode).toBe(0);
    expect(output).toHaveLength(100);
    expect(output).toMatch(/line 1999\n$/);
  });

  it('is done when it ends, whatever it leaves behind', async () => {
    const begin = Date.now();
    expect(await run('sleep 4 & echo left')).toEqual({ exitCode: 0, output: 'left\n' });
    expect(Date.now() - begin).toBeLessThan(3500);
  });

  it('is killed with all it has started when it takes too long', async () => {
    const begin = Date.now();
    expect(await run('echo begun; sleep 30 | sleep 30', 300)).toEqual({ exitCode: -1, output: 'begun\n\nnot done after 0.3 s, killed' });
    expect(Date.now() - begin).toBeLessThan(5000);
  });

  it('tells a signal as a shell does, and a program that is not there', async () => {
    expect((await run('kill -TERM $$')).exitCode).toBe(143);
    expect(await runJob(['/no/such'], { environment: {}, timeoutMs: 5000, tailBytes: 200, cgroup })).toMatchObject({ exitCode: 127, output: expect.stringContaining('not found') as string });
  });
});
