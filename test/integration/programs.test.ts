/** The small programs of our own that start others: what they pass on, and what they answer themselves. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileProgram } from '../../scripts/lib/programs.ts';

const root = join(import.meta.dirname, '../../build/work/root');
const scratch = mkdtempSync(join(tmpdir(), 'programs-'));
const compiled = async (name: string): Promise<string> => compileProgram(join(import.meta.dirname, `../../image/programs/${name}.c`), scratch);
let shortLived: string;
let kernelModprobe: string;

beforeAll(async () => { [shortLived, kernelModprobe] = [await compiled('short-lived'), await compiled('kernel-modprobe')]; });
afterAll(() => { rmSync(scratch, { recursive: true }); });

const run = (program: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } => spawnSync(program, args, { encoding: 'utf8', timeout: 30_000, env: { PATH: process.env['PATH'], WORD: 'ahoy' } });

describe('short-lived', () => {
  test('is the program that it starts: arguments, environment, exit code', () => {
    expect(run(shortLived, 'sh', '-c', 'echo "$0 $1 $WORD"; echo oops >&2; exit 7', 'a', 'b c')).toMatchObject({ status: 7, stdout: 'a b c ahoy\n', stderr: 'oops\n' });
  });

  test('says which program it cannot start, and exits as a shell does', () => {
    writeFileSync(join(scratch, 'text'), 'no program');
    expect(run(shortLived, 'no-such-program')).toMatchObject({ status: 127, stderr: 'short-lived: cannot run program "no-such-program": No such file or directory\n' });
    expect(run(shortLived, join(scratch, 'text'))).toMatchObject({ status: 126, stderr: expect.stringContaining('Permission denied') });
    expect(run(shortLived)).toMatchObject({ status: 2, stderr: expect.stringContaining('usage:') });
  });

  test('is iptables by its name, in the root image', () => {
    expect(run('chroot', root, 'iptables', '--version').stdout).toMatch(/^iptables v[\d.]+ \(nf_tables\)/);
    expect(run('chroot', root, '/usr/sbin/ip6tables', '--no-such-option')).toMatchObject({ status: 2, stderr: expect.stringMatching(/^ip6tables v/) });
  });
});

describe('kernel-modprobe', () => {
  test('answers for formats of programs itself', () => {
    expect(run(kernelModprobe, '-q', '--', 'binfmt-464c')).toMatchObject({ status: 1, stdout: '', stderr: '' });
  });

  test('leaves the rest to modprobe', () => {
    expect(run('chroot', root, '/usr/bin/kernel-modprobe', '-q', '--version')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^kmod version/) });
  });
});
