/** The whole control API on one screen. Who may call it is the socket's permission: root and the group ros. */
import type { Machine } from '../supervisor/machine.ts';
import { machineHandlers } from './handlers/machine.ts';
import { serviceHandlers } from './handlers/services.ts';
import type { Route } from './server.ts';

export function routes(machine: Machine): readonly Route[] {
  const own = machineHandlers(machine);
  const services = serviceHandlers(machine);
  return [
    { method: 'GET', path: '/v1/version', handler: own.version },
    { method: 'GET', path: '/v1/status', handler: own.status },
    { method: 'GET', path: '/v1/boot', handler: own.boot },
    { method: 'GET', path: '/v1/logs', handler: own.logs },
    { method: 'POST', path: '/v1/power', handler: own.power },
    { method: 'GET', path: '/v1/services', handler: services.list },
    { method: 'GET', path: '/v1/services/:name/logs', handler: services.logs },
    { method: 'POST', path: '/v1/services/:name/start', handler: services.start },
    { method: 'POST', path: '/v1/services/:name/stop', handler: services.stop },
    { method: 'POST', path: '/v1/services/:name/restart', handler: services.restart },
  ];
}
