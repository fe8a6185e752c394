import type { ScheduleStatus, ServiceStatus } from '../../api/types.ts';
import { defineCommand, jsonOption, toJson } from '../command.ts';
import { duration, oneLine, table, timeOf } from '../format.ts';
import { chosen } from '../services.ts';

export const servicePs = defineCommand({
  name: 'service ps',
  group: 'Services',
  summary: 'List the containers of the services',
  description: 'Lists the container of each service: its image, state, process and age. Of services with a schedule also when\nit was last followed, what came of it, and when it is next (times are UTC).',
  operands: { label: 'NAME…', min: 0, max: 100 },
  options: {
    quiet: { type: 'boolean', alias: ['q'], describe: 'print container ids only' },
    json: jsonOption,
  },
  async run({ names, options }, { io, print, client }) {
    const services = chosen(await (await client()).services(), names);
    if (options.json === true) return print(toJson(services));
    if (options.quiet === true) return print(services.flatMap(({ containerId }) => (containerId === undefined ? [] : [`${containerId}\n`])).join(''));
    return print(format(services, io.now()));
  },
});

export function format(services: readonly ServiceStatus[], now: Date): string {
  const hasSchedules = services.some(({ schedule }) => schedule !== undefined);
  return table([
    ['NAME', 'IMAGE', 'CONTAINER', 'STATE', 'PID', 'UPTIME', ...(hasSchedules ? ['SCHEDULE', 'LAST RUN', 'RESULT', 'NEXT RUN'] : [])],
    ...services.map((service) => [
      service.name, service.image, service.containerId?.slice(0, 12) ?? '-', stateOf(service), String(service.pid ?? '-'),
      service.upMs === undefined ? '-' : duration(service.upMs), ...(hasSchedules ? scheduleCells(service.schedule, now) : []),
    ]),
  ]);
}

function stateOf({ state, pid, exitCode }: ServiceStatus): string {
  return pid === undefined && exitCode !== undefined ? `${state} (exit ${exitCode})` : state;
}

function scheduleCells(schedule: ScheduleStatus | undefined, now: Date): readonly string[] {
  if (schedule === undefined) return ['-', '-', '-', '-'];
  const { action, lastRunAt, lastResult, nextRunAt } = schedule;
  return [
    `${oneLine(schedule.schedule)}${action === 'start' ? '' : ` (${action})`}`,
    lastRunAt === undefined ? '-' : timeOf(lastRunAt, now), oneLine(lastResult ?? '-'), nextRunAt === undefined ? '-' : timeOf(nextRunAt, now),
  ];
}
