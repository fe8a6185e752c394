import { createHash } from 'node:crypto';
import type { ContainerSpec } from '../engine/engine.ts';
import type { ServiceDefinition } from './definition.ts';

/** On every container of ours: which service it is. */
export const serviceLabel = 'io.corral.service';
/** What the container was made from; a container with another value is replaced. */
export const specLabel = 'io.corral.spec';

/** A definition as a container. The same definition and image give the same `specLabel`. Pure. */
export function containerSpec(service: ServiceDefinition, imageId: string, cgroupParent: string): ContainerSpec {
  const {
    origin: _origin, after: _after, scope: _scope, builtIn: _builtIn, oneshot: _oneshot, createOnly: _createOnly, schedule: _schedule, restart: _restart,
    build: _build, priority: _priority, stopGraceMs: _grace, ...fields
  } = service;
  const spec = { ...fields, cgroupParent: service.cgroupParent ?? cgroupParent };
  const digest = createHash('sha256').update(JSON.stringify([spec, imageId])).digest('hex').slice(0, 16);
  return { ...spec, labels: { ...service.labels, [serviceLabel]: service.name, [specLabel]: digest } };
}
