import { hostname } from 'node:os';
import type { MachineStatus } from '../api/types.ts';
import { machineAddresses } from '../sys/net.ts';
import { kernelRelease } from '../sys/proc.ts';
import type { Machine } from './machine.ts';

/** What people and programs are told of the whole machine. */
export async function machineStatus(machine: Machine): Promise<MachineStatus> {
  return {
    version: machine.version,
    kernel: await kernelRelease(),
    hostname: hostname(),
    uptimeMs: machine.clock.uptimeMs(),
    state: machine.state,
    addresses: machineAddresses(),
    warnings: [...machine.warnings.values()],
    unhealthy: machine.services.statuses().filter(({ name, state }) => state !== 'stopped' && !machine.services.isReady(name)),
  };
}
