import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { Daemon } from '../../../src/engine/daemon.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { waitFor } from '../../../src/lib/wait.ts';
import { spawnDaemon } from '../../../src/sys/exec.ts';

/** A daemon of a few lines of shell: notes what it was started with, and runs until it is told to end. `--bad` is more than it can take. */
const program = `#!/bin/sh
echo "$* $GREETING" >>"$WHERE/starts"
case "$*" in *--bad*) echo "cannot take --bad"; exit 1 ;; esac
trap 'rm -f "$WHERE/socket"; exit 0' TERM
echo $$ >"$WHERE/pid"
: >"$WHERE/socket"
while :; do sleep 0.05; done
`;

class Bench {
  readonly directory = mkdtempSync(join(tmpdir(), 'daemon-'));
  readonly lines: string[] = [];
  args = ['--first'];
  ups = 0;
  readonly daemon: Daemon;

  constructor() {
    const place = (name: string): string => join(this.directory, name);
    writeFileSync(place('faked'), program);
    chmodSync(place('faked'), 0o755);
    this.daemon = new Daemon({
      name: 'fake', program: place('faked'), args: () => this.args, environment: () => ['GREETING=hello', `WHERE=${this.directory}`], socketPath: place('socket'), pidFile: place('pid'), writesPidFile: true,
      logFile: place('log'), cgroup: this.directory, clock: systemClock, log: pino({}, { write: (line: string) => { this.lines.push((JSON.parse(line) as { msg: string }).msg); } }),
      answers: () => (existsSync(place('socket')) ? Promise.resolve() : Promise.reject(new Error('no answer'))), onUp: () => { this.ups += 1; },
    });
  }

  starts(): string[] { return readFileSync(join(this.directory, 'starts'), 'utf8').trim().split('\n'); }
  pid(): string { return readFileSync(join(this.directory, 'pid'), 'utf8').trim(); }
}

let bench: Bench;
afterEach(async () => {
  await bench.daemon.stop(5000).catch(() => undefined);
  rmSync(bench.directory, { recursive: true, force: true });
});

describe('a daemon that is to take other flags', () => {
  it('is ended, and comes back with them', async () => {
    bench = new Bench();
    expect(await bench.daemon.start()).toBe('started');
    const before = bench.pid();
    bench.args = ['--second'];
    await bench.daemon.restart();
    expect(bench.starts()).toEqual(['--first hello', '--second hello']);
    expect(bench.pid()).not.toBe(before);
    expect(bench.ups).toBe(2);
    // No fault: nobody has to be told.
    expect(bench.lines.join()).not.toContain('exited with code');
  });

  it('says why it does not come back, and comes back with those it had', async () => {
    bench = new Bench();
    await bench.daemon.start();
    bench.args = ['--bad'];
    await expect(bench.daemon.restart()).rejects.toThrow('exited with code 1: cannot take --bad');
    bench.args = ['--first'];
    await bench.daemon.nextStart();
    expect(bench.starts().filter((words) => words.includes('--bad'))).toHaveLength(1);
    expect(bench.starts().at(-1)).toBe('--first hello');
  });

  it('is the same for one that an earlier supervisor has started', async () => {
    bench = new Bench();
    const place = (name: string): string => join(bench.directory, name);
    await spawnDaemon(place('faked'), ['--earlier'], { logFile: place('log'), cgroup: bench.directory, environment: [`WHERE=${bench.directory}`], onExit: () => undefined });
    await waitFor(() => (existsSync(place('socket')) ? Promise.resolve() : Promise.reject(new Error('not there'))), { clock: systemClock, what: 'its start', timeoutMs: 5000, pauseMs: 20 });
    expect(await bench.daemon.start()).toBe('adopted');
    const sinceMs = systemClock.uptimeMs();
    await bench.daemon.restart();
    expect(systemClock.uptimeMs() - sinceMs).toBeLessThan(5000);
    expect(bench.starts().map((words) => words.trim())).toEqual(['--earlier', '--first hello']);
  });
});
