/** What people read at login. Pure. */
import type { MachineStatus } from '../api/types.ts';

export function loginMessage(status: MachineStatus): string {
  const { addresses, state, warnings, unhealthy } = status;
  const lines = [
    `CorralOS ${status.version} (Linux ${status.kernel}) on ${status.hostname}`,
    `  addresses  ${addresses.length === 0 ? 'none' : addresses.map(({ interface: name, address }) => `${address} (${name})`).join(', ')}`,
    `  state      ${placeOf(state)}`,
    `  services   ${unhealthy.length === 0 ? 'all well' : `${unhealthy.length} not well: ${unhealthy.map(({ name, state: life }) => `${name} (${life})`).join(', ')}`}`,
    ...warnings.map((warning) => `  ! ${warning}`),
  ];
  return `${lines.join('\n')}\n`;
}

function placeOf({ kind, device, directories }: MachineStatus['state']): string {
  if (kind === 'disk') return `on ${device ?? 'disk'}`;
  return directories === undefined ? 'in RAM' : `in RAM; on ${device ?? 'disk'}: ${directories.join(', ')}`;
}
