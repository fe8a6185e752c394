import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fail, ros, serve } from './support.ts';

describe('ros env', () => {
  const routes = { 'GET /v1/environment': { FLAVOUR: 'blue', PATH: '/opt/bin' } };

  it('runs a program with the environment of the configuration; what is there already counts first', async () => {
    const api = await serve(routes);
    const run = await ros('env', api.socketPath);
    expect(run).toMatchObject({ code: 2, stderr: 'ros: "ros env" needs PROGRAM [ARGUMENT…]\nhint: ros env --help\n' });
    expect((await ros('env printenv FLAVOUR', api.socketPath)).programs).toEqual([{ program: 'printenv', args: ['FLAVOUR'], env: { FLAVOUR: 'blue', PATH: '/usr/bin' } }]);
  });

  it('passes on every word, options and "--" too', async () => {
    const api = await serve(routes);
    const [program] = (await ros('env docker run --help -it --name x -- -h', api.socketPath)).programs ?? [];
    expect(program).toMatchObject({ program: 'docker', args: ['run', '--help', '-it', '--name', 'x', '--', '-h'] });
    expect((await ros('env -- ls -l', api.socketPath)).programs?.[0]).toMatchObject({ program: 'ls', args: ['-l'] });
    expect((await ros('env --help', api.socketPath)).stdout).toContain('Usage: ros env PROGRAM [ARGUMENT…]');
  });

  it('takes over the program\'s exit code', async () => {
    const api = await serve(routes);
    expect((await ros('env false', api.socketPath, { runProgram: async () => 7 })).code).toBe(7);
  });
});

describe('a program on our terminal', () => {
  /** Runs `runProgram` in a process of its own: it hands on that process's input and output. */
  function run(program: string, ...args: string[]): { code: number; stdout: string } {
    const directory = mkdtempSync(join(tmpdir(), 'run-'));
    const script = join(directory, 'main.ts');
    const source = join(import.meta.dirname, '../../../src/cli/run-program.ts');
    writeFileSync(script, `import { runProgram } from ${JSON.stringify(source)};\nprocess.stdout.isTTY;\ntry { console.error('code', await runProgram(${JSON.stringify(program)}, ${JSON.stringify(args)}, { PATH: process.env.PATH, A: 'b' })); } catch (error) { console.error(error.message); }\n`);
    try {
      const [stdout, said] = execFileSync('/bin/sh', ['-c', '{ "$1" "$2" | wc -c; } 2>&1 | sort -n', 'sh', process.execPath, script], { encoding: 'utf8' }).trim().split('\n').toReversed();
      return { code: Number(/code (\d+)/.exec(`${said} ${stdout}`)?.[1] ?? -1), stdout: `${said}|${stdout}` };
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  it('writes to a pipe that blocks, its exit code is ours, a signal\'s too', () => {
    expect(run('sh', '-c', 'dd if=/dev/zero bs=1M count=3 2>/dev/null')).toEqual({ code: 0, stdout: 'code 0|3145728' });
    expect(run('sh', '-c', 'exit 7').code).toBe(7);
    expect(run('sh', '-c', 'kill -TERM $$').code).toBe(143);
    expect(run('no-such-program').stdout).toContain('cannot run program "no-such-program": there is no such program');
  });
});

describe('ros dev', () => {
  it('prints the device', async () => {
    const api = await serve({ 'GET /v1/device': { device: '/dev/vda1' } });
    expect(await ros('dev LABEL=RANCHER_STATE', api.socketPath)).toMatchObject({ code: 0, stdout: '/dev/vda1\n' });
    expect(api.requests).toEqual(['GET /v1/device?spec=LABEL%3DRANCHER_STATE']);
  });

  it('fails when there is none', async () => {
    const api = await serve({ 'GET /v1/device': fail(404, 'ERR_ROS_NO_DEVICE', 'cannot find device "LABEL=X": there is none now') });
    expect(await ros('dev LABEL=X', api.socketPath)).toMatchObject({ code: 1, stdout: '', stderr: 'ros: cannot find device "LABEL=X": there is none now\n' });
  });
});
