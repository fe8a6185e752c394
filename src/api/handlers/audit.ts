import { audit } from '../../supervisor/audit/audit.ts';
import type { Machine } from '../../supervisor/machine.ts';
import type { Handler } from '../server.ts';

export function auditHandlers(machine: Machine): Record<'report', Handler> {
  return { report: async () => ({ value: await audit(machine) }) };
}
