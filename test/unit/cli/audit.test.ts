import { describe, expect, it } from 'vitest';
import type { AuditReport } from '../../../src/api/types.ts';
import { ros, serve } from './support.ts';

const report: AuditReport = {
  at: '2026-08-01T12:00:00.000Z', score: 70, passed: 1, warned: 1, failed: 1,
  checks: [
    { id: 'plane.ids', title: 'Root is nobody', weight: 10, looked: '/proc/PID/uid_map', result: 'pass', detail: '"0 100000 65536"' },
    { id: 'ssh.users', title: 'ssh lets in only users that are named', weight: 5, looked: 'sshd -T', result: 'warn', detail: 'every\u001bbody' },
    { id: 'mounts.root', title: 'The system itself is read-only', weight: 10, looked: '/proc/self/mountinfo', result: 'fail', detail: 'ext4 at / is writable', hint: 'reboot' },
  ],
};

describe('ros audit', () => {
  it('says of each check where it looked and what it found, and fails when one has', async () => {
    const api = await serve({ 'GET /v1/audit': report });
    expect(await ros('audit', api.socketPath)).toMatchObject({ code: 1, stderr: '', stdout: `pass  Root is nobody (plane.ids)
      found: "0 100000 65536"
      looked at: /proc/PID/uid_map
WARN  ssh lets in only users that are named (ssh.users)
      found: every body
      looked at: sshd -T
FAIL  The system itself is read-only (mounts.root)
      found: ext4 at / is writable
      looked at: /proc/self/mountinfo
      hint: reboot

70 of 100: 1 passed, 1 warning, 1 failed
` });
  });

  it('leaves out what has passed when only problems are wanted', async () => {
    const api = await serve({ 'GET /v1/audit': { ...report, checks: report.checks.slice(0, 2), failed: 0 } });
    const run = await ros('audit -p', api.socketPath);
    expect(run.stdout).toMatch(/^WARN {2}ssh lets in/);
    expect(run.code).toBe(0);
  });

  it('is nothing but the sum on a machine without problems', async () => {
    const api = await serve({ 'GET /v1/audit': { at: '', score: 100, passed: 1, warned: 0, failed: 0, checks: report.checks.slice(0, 1) } });
    expect(await ros('audit --problems', api.socketPath)).toMatchObject({ code: 0, stdout: '100 of 100: 1 passed, 0 warnings, 0 failed\n' });
  });

  it('prints the same as JSON, with the same exit code', async () => {
    const api = await serve({ 'GET /v1/audit': report });
    const run = await ros('audit --json', api.socketPath);
    expect(JSON.parse(run.stdout)).toEqual(report);
    expect(run.code).toBe(1);
  });
});
