/** The whole control API on one screen. Who may call it is the socket's permission: root and the group ros. */
import type { Machine } from '../supervisor/machine.ts';
import { auditHandlers } from './handlers/audit.ts';
import { bootParametersHandlers } from './handlers/boot-parameters.ts';
import { configHandlers } from './handlers/config.ts';
import { installHandlers } from './handlers/install.ts';
import { machineHandlers } from './handlers/machine.ts';
import { serviceHandlers } from './handlers/services.ts';
import { tlsHandlers } from './handlers/tls.ts';
import { BootParametersAdmin, devicesInUse } from '../supervisor/boot-parameters.ts';
import { ConfigAdmin, placeOf } from '../supervisor/config-admin.ts';
import { ConfigApply } from '../supervisor/config-apply.ts';
import { InstallAdmin } from '../supervisor/install.ts';
import { savedImages } from '../supervisor/install-images.ts';
import { ServiceAdmin } from '../supervisor/service-admin.ts';
import { tlsHost } from '../supervisor/tls-host.ts';
import { blockDevices } from '../install/block-devices.ts';
import type { Route } from './server.ts';

export function routes(machine: Machine, applier = new ConfigApply(machine)): readonly Route[] {
  const own = machineHandlers(machine);
  const config = configHandlers(machine, new ConfigAdmin(machine), applier);
  const services = serviceHandlers(machine, new ServiceAdmin(machine));
  const tls = tlsHandlers(tlsHost(machine));
  const install = installHandlers(machine, new InstallAdmin({ clock: machine.clock, log: machine.log, load: placeOf(machine).load, images: savedImages(machine), devices: blockDevices }));
  const bootParameters = bootParametersHandlers(new BootParametersAdmin({ devices: blockDevices, inUse: () => devicesInUse(machine) }));
  return [
    { method: 'GET', path: '/v1/version', handler: own.version },
    { method: 'GET', path: '/v1/status', handler: own.status },
    { method: 'GET', path: '/v1/boot', handler: own.boot },
    { method: 'GET', path: '/v1/logs', handler: own.logs },
    { method: 'POST', path: '/v1/power', handler: own.power },
    { method: 'GET', path: '/v1/environment', handler: own.environment },
    { method: 'GET', path: '/v1/device', handler: own.device },
    { method: 'GET', path: '/v1/audit', handler: auditHandlers(machine).report },
    { method: 'GET', path: '/v1/tls', handler: tls.status },
    { method: 'POST', path: '/v1/tls/generate', handler: tls.generate },
    { method: 'POST', path: '/v1/install/plan', handler: install.plan },
    { method: 'POST', path: '/v1/install', handler: install.install },
    { method: 'GET', path: '/v1/boot/parameters', handler: bootParameters.read },
    { method: 'POST', path: '/v1/boot/parameters', handler: bootParameters.replace },
    { method: 'GET', path: '/v1/config', handler: config.view },
    { method: 'GET', path: '/v1/config/value', handler: config.value },
    { method: 'POST', path: '/v1/config/set', handler: config.set },
    { method: 'POST', path: '/v1/config/merge', handler: config.merge },
    { method: 'GET', path: '/v1/config/file', handler: config.file },
    { method: 'POST', path: '/v1/config/file', handler: config.replace },
    { method: 'POST', path: '/v1/config/validate', handler: config.validate },
    { method: 'GET', path: '/v1/config/export', handler: config.export },
    { method: 'POST', path: '/v1/config/images', handler: config.images },
    { method: 'GET', path: '/v1/config/starter', handler: config.starter },
    { method: 'GET', path: '/v1/config/schema', handler: config.schema },
    { method: 'POST', path: '/v1/config/plan', handler: config.plan },
    { method: 'POST', path: '/v1/config/apply', handler: config.apply },
    { method: 'POST', path: '/v1/config/confirm', handler: config.confirm },
    { method: 'GET', path: '/v1/config/history', handler: config.history },
    { method: 'GET', path: '/v1/config/diff', handler: config.diff },
    { method: 'POST', path: '/v1/config/undo', handler: config.undo },
    { method: 'GET', path: '/v1/config/status', handler: config.status },
    { method: 'GET', path: '/v1/services', handler: services.list },
    { method: 'GET', path: '/v1/services/available', handler: services.available },
    { method: 'GET', path: '/v1/services/graph', handler: services.graph },
    { method: 'GET', path: '/v1/services/events', handler: services.events },
    { method: 'POST', path: '/v1/services/validate', handler: services.validate },
    { method: 'GET', path: '/v1/services/:name', handler: services.show },
    { method: 'GET', path: '/v1/services/:name/why', handler: services.why },
    { method: 'GET', path: '/v1/services/:name/logs', handler: services.logs },
    { method: 'POST', path: '/v1/services/:name/enable', handler: services.enable },
    { method: 'POST', path: '/v1/services/:name/disable', handler: services.disable },
    { method: 'POST', path: '/v1/services/:name/delete', handler: services.delete },
    { method: 'POST', path: '/v1/services/:name/up', handler: services.up },
    { method: 'POST', path: '/v1/services/:name/down', handler: services.down },
    { method: 'POST', path: '/v1/services/:name/create', handler: services.create },
    { method: 'POST', path: '/v1/services/:name/start', handler: services.start },
    { method: 'POST', path: '/v1/services/:name/stop', handler: services.stop },
    { method: 'POST', path: '/v1/services/:name/restart', handler: services.restart },
    { method: 'POST', path: '/v1/services/:name/kill', handler: services.kill },
    { method: 'POST', path: '/v1/services/:name/rm', handler: services.rm },
    { method: 'POST', path: '/v1/services/:name/pull', handler: services.pull },
    { method: 'POST', path: '/v1/services/:name/build', handler: services.build },
    { method: 'POST', path: '/v1/services/:name/update', handler: services.update },
  ];
}
