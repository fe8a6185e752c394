import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { setSysctls } from '../../../src/supervisor/apply/kernel.ts';
import { hardeningSysctls, signatureDecision } from '../../../src/supervisor/hardening.ts';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'hardening-')); });
afterEach(() => { rmSync(folder, { recursive: true }); });

const path = (key: string): string => join(folder, key.split('.').join('/'));
function make(keys: readonly string[]): void {
  for (const key of keys) {
    mkdirSync(dirname(path(key)), { recursive: true });
    writeFileSync(path(key), '');
  }
}
const set = (values: Readonly<Record<string, string>>, configured: Readonly<Record<string, string>>): Promise<void> => setSysctls({ ...values, ...configured }, configured, folder, join(folder, 'keep.json'));
const read = (key: string): string => readFileSync(path(key), 'utf8');

describe('the settings that harden the kernel', () => {
  it('are all written, and the configuration has the last word', async () => {
    make(Object.keys(hardeningSysctls));
    await set(hardeningSysctls, { 'kernel.yama.ptrace_scope': '0' });
    expect(Object.fromEntries(Object.keys(hardeningSysctls).map((key) => [key, read(key)]))).toEqual({ ...hardeningSysctls, 'kernel.yama.ptrace_scope': '0' });
  });

  it('are no error on a kernel that has nothing there, unless the configuration asks for one', async () => {
    make(Object.keys(hardeningSysctls).filter((key) => !key.includes('.yama.')));
    await set(hardeningSysctls, {});
    expect(read('kernel.kptr_restrict')).toBe('2');
    await expect(set(hardeningSysctls, { 'kernel.yama.ptrace_scope': '2' })).rejects.toThrow(/cannot set kernel setting "kernel\.yama\.ptrace_scope": ENOENT/);
  });

  it('take nothing away that the user plane, kexec or modules need', () => {
    const never = /userns|user_namespaces|kexec|modules_disabled|rp_filter|forward|route_localnet|accept_ra\b|io_uring/;
    expect(Object.keys(hardeningSysctls).filter((key) => never.test(key))).toEqual([]);
  });
});

describe('signatures of modules', () => {
  const facts = { enforced: 'N\n', commandLine: 'console=ttyS0 quiet', tainted: 0 };

  it.each([
    ['are enforced when nothing speaks against it', {}, 'enforce'],
    ['are not enforced twice', { enforced: 'Y\n' }, 'enforced'],
    ['are nothing to a kernel without them', { enforced: undefined }, 'unknown'],
    ['are left alone when the machine\'s owner says so', { commandLine: 'quiet module.sig_enforce=0' }, 'declined'],
    ['by the last word of the owner', { commandLine: 'module.sig_enforce=0 module.sig_enforce=1' }, 'enforce'],
    ['are not looked for in other parameters', { commandLine: 'x.module.sig_enforce=0' }, 'enforce'],
    ['are not enforced on a kernel whose own modules have none', { tainted: 8192 + 1 }, 'unsigned'],
    ['are enforced for all that another taint says', { tainted: 4096 + 512 }, 'enforce'],
  ] as const)('%s', (_name, differently, expected) => {
    expect(signatureDecision({ ...facts, ...differently })).toBe(expected);
  });
});
