/** A control API that answers what a test says, and `ros` run against it with everything it prints caught. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { ServiceStatus } from '../../../src/api/types.ts';
import type { Io } from '../../../src/cli/io.ts';
import { runCli } from '../../../src/cli/main.ts';
import { readBounded } from '../../../src/cli/read-bounded.ts';

/** A value is answered as JSON; a function answers by itself. */
export type Answer = ((request: IncomingMessage, response: ServerResponse) => void) | object;
export type Routes = Readonly<Record<string, Answer>>;

export interface FakeApi {
  readonly socketPath: string;
  /** `GET /v1/status`, in order. */
  readonly requests: string[];
  readonly bodies: string[];
}

const cleanUps: (() => void)[] = [];
afterEach(() => { for (const cleanUp of cleanUps.splice(0)) cleanUp(); });

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'ros-cli-'));
  cleanUps.push(() => { rmSync(directory, { recursive: true, force: true }); });
  return directory;
}

/** Serves `routes` (keys like `GET /v1/status`, without the query) on `socketPath`, a fresh one unless given. */
export async function serve(routes: Routes, socketPath = join(temporaryDirectory(), 'control.sock')): Promise<FakeApi> {
  const api: FakeApi = { socketPath, requests: [], bodies: [] };
  const server: Server = createServer((request, response) => {
    const { method = '', url = '' } = request;
    api.requests.push(`${method} ${url}`);
    let body = '';
    request.on('data', (chunk: Buffer) => { body += chunk.toString(); });
    request.on('end', () => {
      if (body !== '') api.bodies.push(body);
      const answer = routes[`${method} ${url.split('?')[0] ?? ''}`];
      if (typeof answer === 'function') answer(request, response);
      else if (answer === undefined) fail(404, 'ERR_ROS_NO_ROUTE', 'cannot find this')(request, response);
      else response.end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => { server.listen(socketPath, resolve); });
  cleanUps.push(() => { server.closeAllConnections(); server.close(); });
  return api;
}

export function fail(status: number, code: string, message: string, hint?: string) {
  return (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(status).end(JSON.stringify({ code, message, ...(hint === undefined ? {} : { hint }) }));
  };
}

export function lines(...values: object[]) {
  return (_request: IncomingMessage, response: ServerResponse): void => {
    response.end(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
  };
}

export interface Run { code: number; stdout: string; stderr: string; signals: string[]; programs?: { program: string; args: readonly string[]; env: NodeJS.ProcessEnv }[] }

export const now = new Date('2026-08-01T12:00:00Z');

interface Over extends Partial<Omit<Io, 'stdin' | 'stdout' | 'stderr'>> {
  /** Sees all of stdout whenever there is more of it. */
  readonly onPrint?: (stdout: string) => void;
  /** What somebody types, or what comes in. */
  readonly stdin?: string;
  /** Whether all three are a terminal. */
  readonly isTty?: boolean;
}

/** Runs `ros` with these words. */
export async function ros(words: string, socketPath: string, { onPrint, stdin, isTty = false, ...over }: Over = {}): Promise<Run> {
  const run: Run = { code: -1, stdout: '', stderr: '', signals: [] };
  const io: Io = {
    stdin: { isTty, read: async (limit) => readBounded(async function* () { yield stdin ?? ''; }(), limit), readLine: async () => stdin?.split('\n')[0] },
    stdout: { isTty, async write(text) { run.stdout += text; onPrint?.(run.stdout); } },
    stderr: { isTty, async write(text) { run.stderr += text; } },
    columns: 80,
    euid: 0,
    signal: new AbortController().signal,
    now: () => now,
    controlSocketPath: socketPath,
    dockerSocketPath: '/nonexistent/docker.sock',
    version: 'v0.1.0',
    signalInit: async (signal) => { run.signals.push(signal); },
    runProgram: async (program, args, env) => { (run.programs ??= []).push({ program, args, env }); return 0; },
    environment: { PATH: '/usr/bin' },
    ...over,
  };
  run.code = await runCli(words === '' ? [] : words.split(' '), io);
  return run;
}

export function service(over: Partial<ServiceStatus>): ServiceStatus {
  const runs = ['running', 'healthy', 'unhealthy'].includes(over.state ?? 'healthy');
  return {
    name: 'ntp', state: 'healthy', detail: '', image: 'corralos/ntp:v0.1.0', scope: 'system', enabled: true,
    containerId: '0123456789abcdef0123', restarts: 0, ...(runs && { pid: 321, startedAt: '2026-08-01T11:57:57Z', upMs: 123_000 }), ...over,
  };
}
