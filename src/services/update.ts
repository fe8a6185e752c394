/**
 * A new image for a running service, never to leave it worse than it was: the new container proves itself before the old one
 * is given up. Where both can run at once it does so beside the old one; else in its place, and the old one is put back.
 *
 * What is remembered changes last: until then every boot, and every supervisor that takes over, makes the old one again.
 */
import type { ServiceStatus } from '../api/types.ts';
import type { ContainerInfo, OnProgress } from '../engine/engine.ts';
import type { Clock } from '../lib/clock.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import { waitFor } from '../lib/wait.ts';
import { containerSpec } from './container-spec.ts';
import type { ServiceDefinition } from './definition.ts';
import type { Images } from './images.ts';
import type { ServiceManager } from './manager.ts';
import type { ServiceRunner } from './runner.ts';

export interface UpdateOptions {
  readonly manager: ServiceManager;
  readonly images: Images;
  readonly clock: Clock;
  /** Makes the new image the one that counts; called when it has proven itself. */
  readonly remember: (image: string) => Promise<void>;
}

/** A service without a health check is taken for good after running that long. */
const provingMs = 10_000;
/** Beyond what its own health check may take. */
const proofSlackMs = 60_000;
const pullAttempts = 5;
const trialSuffix = '.new';

export async function updateService({ manager, images, clock, remember }: UpdateOptions, name: string, image: string | undefined, onProgress: OnProgress): Promise<ServiceStatus> {
  const runner = manager.runner(name, 'update');
  const { plane, definition: old } = runner;
  const oldId = await plane.engine.imageId(old.image);
  const definition: ServiceDefinition = { ...old, image: image ?? old.image };
  if (old.build !== undefined && image === undefined) await images.build(plane.engine, definition, { pull: true }, onProgress);
  else if (image === undefined || (await plane.engine.imageId(definition.image)) === undefined) await images.pull(plane.engine, definition.image, pullAttempts, onProgress);
  const newId = await plane.engine.imageId(definition.image);
  if (newId === oldId && definition.image === old.image) {
    onProgress(`${name}: ${old.image} is the newest already`);
    return runner.status();
  }
  const before = runner.state;
  // One that keeps failing is meant to be up, too: the new image may be its cure, and has to prove it.
  const wasUp = before !== 'stopped' && before !== 'failed' && before !== 'parked';
  let trial: ContainerInfo | undefined;
  try {
    if (!wasUp) { runner.redefine(definition); await remember(definition.image); return runner.status(); }
    trial = runner.started && canRunBeside(definition) ? await provenBeside(runner, definition, newId ?? '', clock, onProgress) : undefined;
    onProgress(`${name}: ${trial === undefined ? 'starting the new container in the place of the old one' : 'changing over to the new container'}`);
    await runner.bringDown();
    runner.redefine(definition);
    if (trial === undefined) {
      await manager.start(name, proofMs(definition));
      await proven(runner, definition, clock);
    } else {
      await runner.discard();
      await plane.engine.rename(trial.id, name);
      await runner.adopt({ ...trial, name });
    }
    await remember(definition.image);
    return runner.status();
  } catch (error) {
    const said = await lastWords(runner);
    if (trial !== undefined && runner.containerId !== trial.id) await plane.engine.remove(trial.id).catch(() => undefined); // a leftover is removed at the next look
    onProgress(`${name}: ${causeOf(error)}; putting the old one back`);
    // The name must mean again what it meant, or the next boot would make the new one after all.
    if (definition.image === old.image && oldId !== undefined) await plane.engine.tag(oldId, old.image);
    runner.redefine(old);
    if (wasUp && !(runner.started && await runner.isCurrent())) {
      await runner.bringDown();
      await manager.start(name).catch(() => undefined); // it may have failed before, too
    }
    throw new RosError('ERR_ROS_UPDATE', `cannot update service "${name}" to image "${definition.image}": ${causeOf(error)}${said}; it is as before, ${runner.state} from "${old.image}"`, { cause: error });
  }
}

/** Whether two containers of this definition can run at once: nothing in it that only one can have. Pure. */
export function canRunBeside({ networkMode, ports, privileged, devices, volumes, volumesFrom, pidMode, ipcMode, utsMode }: ServiceDefinition): boolean {
  const sharesMachine = networkMode === 'host' || pidMode === 'host' || ipcMode === 'host' || utsMode === 'host' || privileged;
  return !sharesMachine && ports.length === 0 && devices.length === 0 && volumesFrom.length === 0 && volumes.every((volume) => /:(?:[^:]*,)?ro(?:,|$)/.test(volume));
}

/** A container of the new definition that runs and is well, under a name of its own; removed again when it is not. */
async function provenBeside(runner: ServiceRunner, definition: ServiceDefinition, imageId: string, clock: Clock, onProgress: OnProgress): Promise<ContainerInfo> {
  const { plane, name } = runner;
  const { engine } = plane;
  const trialName = `${name}${trialSuffix}`;
  onProgress(`${name}: trying the new container beside the old one`);
  const left = await engine.inspect(trialName);
  if (left !== undefined) await engine.remove(left.id);
  const id = await engine.create({ ...containerSpec(definition, imageId, plane.cgroupParent), name: trialName });
  try {
    await runner.prepare(definition, id);
    await engine.start(id);
    const begin = clock.uptimeMs();
    return await waitFor(async () => {
      const info = await engine.inspect(id);
      if (info?.running !== true) throw new Ended(`the new container has ended with code ${info?.exitCode ?? '?'}`);
      if (info.health === 'unhealthy') throw new Ended('the new container is unhealthy');
      if (definition.healthcheck !== undefined ? info.health === 'healthy' : clock.uptimeMs() - begin >= provingMs) return info;
      throw new Error('it has not proven itself yet');
    }, { clock, what: 'the new container', timeoutMs: proofMs(definition), pauseMs: 500, giveUp: (error) => error instanceof Ended });
  } catch (error) {
    await engine.remove(id);
    throw error;
  }
}

class Ended extends Error {}

/** One that runs in place: ready when it has started, and then it must stay so. */
async function proven(runner: ServiceRunner, { healthcheck, oneshot }: ServiceDefinition, clock: Clock): Promise<void> {
  if (healthcheck !== undefined || oneshot) return;
  const restarts = runner.exits.length;
  await clock.sleep(provingMs);
  if (!runner.ready || runner.exits.length !== restarts) throw new Error(`the new container has ${runner.exits.at(-1)?.reason ?? 'ended'}`);
}

function proofMs({ healthcheck }: ServiceDefinition): number {
  const { intervalMs = 30_000, timeoutMs = 30_000, retries = 3, startPeriodMs = 0 } = healthcheck ?? {};
  return startPeriodMs + (intervalMs + timeoutMs) * (retries + 1) + proofSlackMs;
}

async function lastWords(runner: ServiceRunner): Promise<string> {
  const lines: string[] = [];
  const { containerId, plane } = runner;
  if (containerId !== undefined) await plane.engine.logs(containerId, { tail: 3 }, AbortSignal.timeout(5000), (_stream, _at, line) => { lines.push(line); }).catch(() => undefined);
  return lines.length === 0 ? '' : `; its last words: ${lines.join(' | ')}`;
}
