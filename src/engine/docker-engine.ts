/** The Docker engine behind the seam. The only importer of dockerode. */
import Docker from 'dockerode';
import { PassThrough, type Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { causeOf, RosError } from '../lib/errors.ts';
import { boundedLines } from '../lib/bounded-lines.ts';
import { withTimeout } from '../lib/wait.ts';
import { BoundedAgent } from './bounded-agent.ts';
import { createOptions } from './create-options.ts';
import { execIn, putFilesIn, readFileIn } from './inside.ts';
import { followSteps, PullProgress } from './progress.ts';
import type { ContainerInfo, ContainerSpec, Engine, EngineEvent, Health, LogOptions } from './engine.ts';

const watchedEvents = ['start', 'die', 'oom', 'destroy', 'health_status'];

export function createDockerEngine(socketPath: string): Engine {
  const docker = new Docker({ socketPath, agent: new BoundedAgent() } as Docker.DockerOptions);

  async function inspect(name: string): Promise<ContainerInfo | undefined> {
    try {
      return containerInfo(await docker.getContainer(name).inspect());
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      const damaged = statusOf(error) === 500 ? await listed(name).catch(() => undefined) : undefined;
      if (damaged !== undefined) return damaged;
      throw failure('inspect container', name, error);
    }
  }

  /** What the engine still lists of a container that it cannot look into: a power cut has emptied some of its files. */
  async function listed(name: string): Promise<ContainerInfo | undefined> {
    const raw = (await docker.listContainers({ all: true })).find(({ Id, Names }) => Id === name || Names.includes(`/${name}`));
    return raw && {
      id: raw.Id, name: cleanName(raw.Names[0] ?? name), imageId: raw.ImageID, labels: raw.Labels, running: raw.State === 'running', pid: 0,
      health: 'none', exitCode: 0, oomKilled: false, startedAt: '', isDamaged: true,
    };
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

    async publishedPorts() {
      const found = await docker.listContainers();
      return found.flatMap(({ Names: [name = ''], Ports: ports }) => ports
        // Without a port of the machine it is one that the image merely exposes.
        .filter(({ PublicPort }) => PublicPort !== undefined)
        .map(({ IP, PublicPort, Type }) => ({ container: cleanName(name), address: IP, port: Number(PublicPort), protocol: Type })));
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

    async kill(id, signal) {
      await docker.getContainer(id).kill({ signal }).catch((error: unknown) => { throw failure('signal container', id, error); });
    },

    async rename(id, name) {
      await docker.getContainer(id).rename({ name }).catch((error: unknown) => { throw failure('rename container', id, error); });
    },

    async remove(id, { keepVolumes = false } = {}) {
      await docker.getContainer(id).remove({ force: true, v: !keepVolumes }).catch((error: unknown) => {
        // 409: the engine is already removing it.
        if (statusOf(error) !== 404 && statusOf(error) !== 409) throw failure('remove container', id, error);
      });
    },

    async pull(reference, auth, signal, onProgress) {
      try {
        // Without a tag the engine would fetch every tag there is.
        const stream = await docker.pull(withTag(reference), { abortSignal: signal, ...(auth && { authconfig: auth }) });
        const progress = new PullProgress();
        await followSteps(stream as Readable, (step) => { onProgress(progress.add(step)); });
      } catch (error) {
        throw failure('pull image', reference, error);
      }
    },

    async tag(imageId, reference) {
      const at = withTag(reference);
      const colon = at.lastIndexOf(':');
      await docker.getImage(imageId).tag({ repo: at.slice(0, colon), tag: at.slice(colon + 1) }).catch((error: unknown) => { throw failure('tag image', reference, error); });
    },

    async build(context, { tag, dockerfile, noCache, pull, forceRemove, networkMode }, signal, onProgress) {
      try {
        const stream = await docker.buildImage(context, {
          t: tag, nocache: noCache, rm: true, forcerm: forceRemove, networkmode: networkMode, abortSignal: signal,
          ...(dockerfile !== undefined && { dockerfile }), ...(pull && { pull }),
        });
        await followSteps(stream as Readable, ({ stream: text }) => { for (const line of (text ?? '').split('\n')) if (line.trim() !== '') onProgress(line.trim()); });
      } catch (error) {
        throw failure('build image', tag, error);
      }
    },

    async load(archive, signal) {
      try {
        const loaded: string[] = [];
        const stream: unknown = await docker.loadImage(archive, { quiet: true, abortSignal: signal });
        await followSteps(stream as Readable, ({ stream: text }) => { for (const line of (text ?? '').split('\n')) if (line.trim() !== '') loaded.push(line.trim()); });
        return loaded;
      } catch (error) {
        throw failure('load', 'archive', error);
      }
    },

    async exec(id, options) {
      try {
        return await execIn(docker, id, options);
      } catch (error) {
        if (error instanceof RosError) throw error;
        throw failure(`run "${options.command[0] ?? ''}" in container`, id.slice(0, 12), error);
      }
    },

    async putFiles(id, tar) {
      await putFilesIn(docker, id, tar).catch((error: unknown) => { throw failure('put files into container', id.slice(0, 12), error); });
    },

    async readFile(id, path, maxBytes) {
      try {
        return await readFileIn(docker, id, path, maxBytes);
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        if (error instanceof RosError) throw error;
        throw failure(`read "${path}" of container`, id.slice(0, 12), error);
      }
    },

    async logs(id, options: LogOptions, signal, onLine) {
      const query = { stdout: true, stderr: true, timestamps: true, ...(options.tail !== undefined && { tail: options.tail }), ...(options.since !== undefined && { since: options.since }) };
      const container = docker.getContainer(id);
      const raw: NodeJS.ReadableStream | Buffer = options.follow === true
        ? await container.logs({ ...query, follow: true, abortSignal: signal })
        : await container.logs({ ...query, follow: false });
      const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
      const readers = (['stdout', 'stderr'] as const).map(async (name) => {
        for await (const text of boundedLines(streams[name], { longer: 'cut' })) {
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
        for await (const line of boundedLines(stream)) {
          const event = engineEvent(parseJson(line));
          if (event !== undefined) onEvent(event);
        }
      } catch (error) {
        if (!signal.aborted) throw failure('follow events of', socketPath, error);
      }
    },
  };
}

/** A reference that names a tag or a digest as it is, any other as its `latest`. */
function withTag(reference: string): string {
  return reference.includes('@') || reference.lastIndexOf(':') > reference.lastIndexOf('/') ? reference : `${reference}:latest`;
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
    name: cleanName(raw.Name),
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

/** As Docker itself allows them: names are shown at login, and who answers in User Docker's place may say anything. */
export function cleanName(name: string): string { return name.replace(/^\//, '').replaceAll(/[^\w.-]/g, '?').slice(0, 128); }

function failure(verb: string, name: string, error: unknown): RosError {
  const json = (error as { json?: { message?: string } }).json;
  // The client's own words in front say only that it was HTTP.
  const cause = json?.message ?? causeOf(error).replace(/^\(HTTP code \d+\) [\w ]+ - /, '');
  return new RosError('ERR_ROS_ENGINE', `cannot ${verb} "${name}": ${cause}`, { cause: error });
}

function statusOf(error: unknown): number | undefined { return (error as { statusCode?: number }).statusCode; }

function parseJson(line: string): unknown {
  try { return JSON.parse(line); } catch { return undefined; }
}
