/** Docker's programs, moved to an address by the build: what they do there. */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { fixAddress } from '../../scripts/lib/fixed-address.ts';

const root = join(import.meta.dirname, '../../build/work/root');
const packages = join(import.meta.dirname, '../../build/cache/unpacked');
const scratch = mkdtempSync(join(tmpdir(), 'fixed-address-'));
afterAll(() => { rmSync(scratch, { recursive: true }); });

/** As Debian has them: one binds its libraries' functions at the start, the other one when they are called. */
const debian = { dockerd: globSync(join(packages, 'docker.io_*/usr/sbin/dockerd')), docker: globSync(join(packages, 'docker-cli_*/usr/bin/docker')) };
const ET_EXEC = 2;

test.each(Object.entries(debian))('%s does what it does anywhere', (name, [file = '']) => {
  const program = readFileSync(file);
  expect(fixAddress(program)).toBeGreaterThan(100_000);
  expect(program.readUInt16LE(16)).toBe(ET_EXEC);
  const fixed = join(scratch, name);
  writeFileSync(fixed, program, { mode: 0o755 });
  // with the root's libraries, of whatever version this machine's are
  const loaded = (one: string): SpawnSyncReturns<string> => spawnSync('unshare', ['--mount', 'sh', '-ec', 'mount --bind "$0" "$1/mnt"; exec chroot "$1" "/mnt/$2" --help', dirname(one), root, name], { encoding: 'utf8', timeout: 30_000 });
  const whole = loaded(file);
  expect(whole).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage:') });
  expect(loaded(fixed)).toMatchObject({ status: 0, stdout: whole.stdout, stderr: whole.stderr });
  expect(() => fixAddress(program)).toThrow('it is fixed already');
});

test('they are, in the root', () => {
  for (const path of ['usr/sbin/dockerd', 'usr/bin/docker']) expect(readFileSync(join(root, path)).readUInt16LE(16)).toBe(ET_EXEC);
});
