/** The program that asks a VMware hypervisor, on a machine where ptrace plays the hypervisor. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileProgram } from '../../scripts/lib/programs.ts';

let folder = '';
let program = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rpctool-'));
  program = await compileProgram(join(import.meta.dirname, '../../image/programs/vmware-rpctool.c'), folder);
  execFileSync('musl-gcc', ['-static', '-O1', '-Wall', '-Werror', '-o', join(folder, 'host'), join(import.meta.dirname, 'vmware/host.c')]);
});
afterAll(() => { rmSync(folder, { recursive: true }); });

const ask = (reply: string, request = 'info-get guestinfo.hostname') => spawnSync(join(folder, 'host'), [reply, program, request], { encoding: 'utf8', timeout: 10_000 });

describe('vmware-rpctool', () => {
  it.each(['', 'a', 'abc', 'node-1', 'x'.repeat(1001), '#cloud-config\nhostname: ü\n'])('prints the value %j', (value) => {
    expect(ask(`1 ${value}`)).toMatchObject({ status: 0, stdout: `${value}\n`, stderr: 'asked: info-get guestinfo.hostname\n' });
  });

  it.each(['info-get guestinfo.a', 'info-get guestinfo.ab', 'info-get guestinfo.abc', 'info-get guestinfo.abcd'])('asks "%s" to the letter', (request) => {
    expect(ask('1 x', request).stderr).toBe(`asked: ${request}\n`);
  });

  it.each(['0 No value found', '!closed', '!refused', ''])('ends with 1 when the hypervisor says %j', (reply) => {
    expect(ask(reply)).toMatchObject({ status: 1, stdout: '' });
  });

  it('asks again when the machine was moved meanwhile', () => { expect(ask('!stale')).toMatchObject({ status: 0, stdout: 'again\n' }); });

  it('ends with 1 where there is no such hypervisor, and is small', () => {
    expect(spawnSync(program, ['info-get guestinfo.x'], { encoding: 'utf8' })).toMatchObject({ status: 1, signal: null, stdout: '', stderr: '' });
    expect(spawnSync(program, []).status).toBe(2);
    expect(statSync(program).size).toBeLessThan(32 * 1024);
  });
});
