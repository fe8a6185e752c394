import type { MachineStatus } from '../../api/types.ts';
import { defineCommand, jsonOption, toJson } from '../command.ts';
import { duration, oneLine, table } from '../format.ts';

export const status = defineCommand({
  name: 'status',
  group: 'Machine',
  summary: 'Tell how the machine is',
  description: 'Tells version, addresses, where state is kept, warnings, and the services that are not well.',
  options: { json: jsonOption },
  async run({ options }, { print, client }) {
    const machine = await (await client()).status();
    return print(options.json === true ? toJson(machine) : format(machine));
  },
});

export function format(machine: MachineStatus): string {
  const { state, addresses, warnings, unhealthy } = machine;
  const place = state.kind === 'disk' ? `disk ${state.device ?? ''}`.trim() : state.directories === undefined ? 'RAM: nothing survives a reboot' : `RAM; on ${state.device ?? 'disk'}: ${state.directories.join(', ')}`;
  const rows: [string, string][] = [
    ['version', machine.version],
    ['kernel', machine.kernel],
    ['hostname', machine.hostname],
    ['uptime', duration(machine.uptimeMs)],
    ['state', state.note === undefined ? place : `${place} (${state.note})`],
    ...listed('address', addresses.map((one) => `${one.interface} ${one.address}`)),
    ...listed('warning', warnings),
    ...listed('unhealthy', unhealthy.map(({ name, state: is, detail }) => `${name}: ${is}${detail === '' ? '' : `, ${detail}`}`)),
  ];
  return table(rows.map(([key, value]) => [key, oneLine(value)]), [9]);
}

function listed(key: string, values: readonly string[]): [string, string][] {
  return values.length === 0 ? [[key, 'none']] : values.map((value, index) => [index === 0 ? key : '', value]);
}
