/** The Docker engine behind the seam. The only importer of dockerode. */
import Docker from 'dockerode';
import { PassThrough, type Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { causeOf, RosError } from '../lib/errors.ts';
import { withTimeout } from '../lib/wait.ts';
import { createOptions } from './create-options.ts';
import type { ContainerInfo, ContainerSpec, Engine, EngineEvent, Health, LogOptions } from './engine.ts';

const watchedEvents = ['start', 'die', 'oom', 'destroy', 'health_status'];

export function createDockerEngine(socketPath: string): Engine {
  const docker = new Docker({ socketPath });

  async function inspect(name: string): Promise<ContainerInfo | undefined> {
    try {
      return containerInfo(await docker.getContainer(name).inspect());
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw failure('inspect container', name, error);
    }
  }

  return {
    inspect,

    async ping(timeoutMs) { await withTimeout(docker.ping(), timeoutMs, `the engine at "${socketPath}"`); },

    async version() { return (await docker.version()).Version; },

    async imageId(reference) {
      try {
        return (await docker.getImage(reference).inspect()).Id;
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw failure('inspect image', reference, error);
      }
    },

    async list(label) {
      const found = await docker.listContainers({ all: true, filters: { label: [label] } });
      const infos = await Promise.all(found.map(({ Id }) => inspect(Id)));
      return infos.filter((info) => info !== undefined);
    },

    async create(spec: ContainerSpec) {
      try {
        return (await docker.createContainer(createOptions(spec))).id;
      } catch (error) {
        throw failure('create container', spec.name, error);
      }
    },

    async start(id) {
      await docker.getContainer(id).start().catch((error: unknown) => { if (statusOf(error) !== 304) throw failure('start container', id, error); });
    },

    async stop(id, graceS) {
      await docker.getContainer(id).stop({ t: graceS }).catch((error: unknown) => {
        if (statusOf(error) !== 304 && statusOf(error) !== 404) throw failure('stop container', id, error);
      });
    },

    async remove(id) {
      await docker.getContainer(id).remove({ force: true, v: true }).catch((error: unknown) => {
        // 409: the engine is already removing it.
        if (statusOf(error) !== 404 && statusOf(error) !== 409) throw failure('remove container', id, error);
      });
    },

    async logs(id, options: LogOptions, signal, onLine) {
      const query = { stdout: true, stderr: true, timestamps: true, ...(options.tail !== undefined && { tail: options.tail }), ...(options.since !== undefined && { since: options.since }) };
      const container = docker.getContainer(id);
      const raw: NodeJS.ReadableStream | Buffer = options.follow === true
        ? await container.logs({ ...query, follow: true, abortSignal: signal })
        : await container.logs({ ...query, follow: false });
      const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
      const readers = (['stdout', 'stderr'] as const).map(async (name) => {
        for await (const text of createInterface({ input: streams[name] })) {
          const blank = text.indexOf(' ');
          onLine(name, text.slice(0, blank), text.slice(blank + 1));
        }
      });
      const source = Buffer.isBuffer(raw) ? PassThrough.from([raw]) : raw;
      docker.modem.demuxStream(source, streams.stdout, streams.stderr);
      await finished(source as Readable).catch((error: unknown) => { if (!signal.aborted) throw error; });
      streams.stdout.end();
      streams.stderr.end();
      await Promise.all(readers);
    },

    async events(signal, onOpen, onEvent) {
      const stream = (await docker.getEvents({ filters: { type: ['container'], event: watchedEvents }, abortSignal: signal })) as Readable;
      onOpen();
      try {
        for await (const line of createInterface({ input: stream })) {
          const event = engineEvent(parseJson(line));
          if (event !== undefined) onEvent(event);
        }
      } catch (error) {
        if (!signal.aborted) throw failure('follow events of', socketPath, error);
      }
    },
  };
}

interface RawEvent { readonly Action: string; readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> } }

/** One line of the engine's event stream; undefined for what we do not act on. */
export function engineEvent(raw: unknown): EngineEvent | undefined {
  const event = raw as RawEvent | undefined;
  if (event?.Action === undefined) return undefined;
  const { ID: id, Attributes: attributes } = event.Actor;
  if (event.Action.startsWith('health_status: ')) return { kind: 'health', id, health: event.Action.slice('health_status: '.length) as Health };
  switch (event.Action) {
    case 'start': return { kind: 'started', id };
    case 'die': return { kind: 'exited', id, exitCode: Number(attributes['exitCode'] ?? 0) };
    case 'oom': return { kind: 'oom', id };
    case 'destroy': return { kind: 'removed', id };
    default: return undefined;
  }
}

function containerInfo(raw: Docker.ContainerInspectInfo): ContainerInfo {
  return {
    id: raw.Id,
    name: raw.Name.replace(/^\//, ''),
    imageId: raw.Image,
    labels: raw.Config.Labels,
    running: raw.State.Running,
    pid: raw.State.Pid,
    health: (raw.State.Health?.Status as Health | undefined) ?? 'none',
    exitCode: raw.State.ExitCode,
    oomKilled: raw.State.OOMKilled,
    startedAt: raw.State.StartedAt,
  };
}

function failure(verb: string, name: string, error: unknown): RosError {
  const json = (error as { json?: { message?: string } }).json;
  return new RosError('ERR_ROS_ENGINE', `cannot ${verb} "${name}": ${json?.message ?? causeOf(error)}`, { cause: error });
}

function statusOf(error: unknown): number | undefined { return (error as { statusCode?: number }).statusCode; }

function parseJson(line: string): unknown {
  try { return JSON.parse(line); } catch { return undefined; }
}
