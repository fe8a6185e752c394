/** What is done inside a container: files put in and read, commands run. Docker's side of it; docker-engine.ts joins it in. */
import type Docker from 'dockerode';
import { PassThrough, type Readable } from 'node:stream';
import { RosError } from '../lib/errors.ts';
import { firstFile } from '../sys/tar-pack.ts';
import type { ExecOptions, ExecResult } from './engine.ts';

const firstLookMs = 500;
const lastLookMs = 5000;
const endTimeoutMs = 2000;

/**
 * Runs a command until its process ends. What it leaves running in the background may go on and print: nobody waits for
 * that. One that takes longer than `timeoutMs` goes on as well, for an engine cannot end it: bound it with `timeout`.
 */
export async function execIn(docker: Docker, id: string, { command, user, environment = {}, timeoutMs, tailBytes }: ExecOptions): Promise<ExecResult> {
  const exec = await docker.getContainer(id).exec({
    Cmd: [...command], AttachStdout: true, AttachStderr: true, AttachStdin: false, Tty: false,
    Env: Object.entries(environment).map(([key, value]) => `${key}=${value}`), ...(user !== undefined && { User: user }),
  });
  const stream = await exec.start({ hijack: false, stdin: false }) as unknown as Readable;
  const tail = new Tail(tailBytes);
  const ended = drain(docker, stream, tail);
  const deadline = Date.now() + timeoutMs;
  try {
    for (let pauseMs = firstLookMs; ; pauseMs = Math.min(pauseMs * 2, lastLookMs)) {
      const streamEnded = await Promise.race([ended.then(() => true), pause(Math.max(0, Math.min(pauseMs, deadline - Date.now())))]);
      // The stream ends a moment before the engine knows the exit code.
      const result = await outcome(exec, streamEnded ? endTimeoutMs : 0);
      if (result !== undefined) return { exitCode: result, output: tail.text };
      if (Date.now() >= deadline) throw new RosError('ERR_ROS_TIMEOUT', `cannot run "${command[0] ?? ''}" in container "${id.slice(0, 12)}": not done after ${timeoutMs / 1000} s`);
    }
  } finally {
    stream.destroy();
  }
}

async function outcome(exec: Docker.Exec, waitMs: number): Promise<number | undefined> {
  for (let waited = 0; ; waited += 50) {
    const { Running, ExitCode } = await exec.inspect();
    if (!Running && ExitCode !== null) return ExitCode;
    if (waited >= waitMs) return undefined;
    await pause(50);
  }
}

function drain(docker: Docker, stream: Readable, tail: Tail): Promise<void> {
  const sink = new PassThrough();
  sink.on('data', (chunk: Buffer) => { tail.add(chunk); });
  docker.modem.demuxStream(stream, sink, sink);
  return new Promise((resolve) => { for (const event of ['end', 'close', 'error']) stream.once(event, () => { setImmediate(resolve); }); });
}

function pause(ms: number): Promise<false> { return new Promise((resolve) => { setTimeout(() => { resolve(false); }, ms); }); }

/** The last bytes of what comes. */
class Tail {
  #kept = Buffer.alloc(0);
  readonly #limit: number;
  constructor(limit: number) { this.#limit = limit; }
  add(chunk: Buffer): void { this.#kept = Buffer.concat([this.#kept, chunk]).subarray(-this.#limit); }
  get text(): string { return this.#kept.toString('utf8'); }
}

/** Over the container's root, into its volumes too, whether it runs or not. */
export async function putFilesIn(docker: Docker, id: string, tar: Uint8Array): Promise<void> {
  await docker.getContainer(id).putArchive(Buffer.from(tar), { path: '/' });
}

/** The bytes of a file of a container, following links inside of it. Throws when it is larger than `maxBytes`. */
export async function readFileIn(docker: Docker, id: string, path: string, maxBytes: number): Promise<Buffer | undefined> {
  const stream = await docker.getContainer(id).getArchive({ path }) as Readable;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes + 4096) { stream.destroy(); throw new RosError('ERR_ROS_TOO_LARGE', `cannot read file "${path}" of container "${id.slice(0, 12)}": it is larger than ${maxBytes} bytes`); }
    chunks.push(chunk);
  }
  return firstFile(Buffer.concat(chunks));
}
