import { describe, expect, it } from 'vitest';
import type { Machine } from '../../../../src/supervisor/machine.ts';
import { audit, checks } from '../../../../src/supervisor/audit/audit.ts';
import { readFacts } from '../../../../src/supervisor/audit/read.ts';
import { settingsOf } from '../../../../src/config/index.ts';

/** No engine answers, no service runs: what the audit is like on a machine that has come to grief. */
const machine = {
  clock: { now: () => new Date('2026-08-01T12:00:00Z') }, settings: settingsOf({ rancher: { password: 'hunter2', docker: { insecure_registry: ['lan:5000'] } } }), applied: undefined,
  services: { statuses: () => [], has: () => false }, warnings: new Map(),
  systemEngine: { inspect: async () => { throw new Error('down'); } },
} as unknown as Machine;

describe('the readers of the audit', () => {
  it('say what there is, and leave out what is not', async () => {
    const facts = await readFacts(machine);
    expect(facts.plane.isolation).toBeUndefined();
    expect(facts.login).toMatchObject({ sshIsOn: true, sshd: undefined, accounts: undefined, password: 'in clear' });
    expect(facts.engines.insecureRegistries).toEqual(['lan:5000']);
    expect(facts.mounts.some(({ point }) => point === '/proc')).toBe(true);
    expect(facts.kernel.parameters.length).toBeGreaterThan(0);
    expect(facts.kernel.sysctls['kernel.randomize_va_space']).toMatch(/^\d$/);
  });

  it('keep no check from its verdict', async () => {
    const report = await audit(machine);
    expect(report.checks).toHaveLength(checks.length);
    expect(report.checks.filter(({ detail }) => /undefined|TypeError|Cannot read/.test(detail))).toEqual([]);
    expect(report.checks.find(({ id }) => id === 'ssh.settings')?.result).toBe('warn');
    expect(JSON.stringify(report)).not.toContain('hunter2');
  });
});
