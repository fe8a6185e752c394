import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import Docker from 'dockerode';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BoundedAgent } from '../../../src/engine/bounded-agent.ts';
import { boundedLines } from '../../../src/lib/bounded-lines.ts';

describe('answers of an engine', () => {
  let folder: string;
  let server: Server;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'engine-'));
    server = createServer((request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      if (request.url?.includes('/version')) { response.end('{"Version":"1"}'); return; }
      const more = (): void => { while (!response.destroyed && response.write('[[[['.repeat(10_000))); };
      response.on('drain', more).on('error', () => undefined);
      more();
    });
    await new Promise<void>((resolve) => { server.listen(join(folder, 'sock'), resolve); });
  });
  afterEach(() => { server.closeAllConnections(); server.close(); rmSync(folder, { recursive: true }); });

  it('end at a limit, and the next is asked for as ever', async () => {
    const docker = new Docker({ socketPath: join(folder, 'sock'), agent: new BoundedAgent(200_000) } as Docker.DockerOptions);
    await expect(docker.listContainers()).rejects.toThrow(/its answer is longer than/);
    expect((await docker.version()).Version).toBe('1');
  });

  it('do not cost the client a description of every socket it has', async () => {
    const agent = new BoundedAgent();
    const docker = new Docker({ socketPath: join(folder, 'sock'), agent } as Docker.DockerOptions);
    const version = docker.version();
    // As docker-modem does it, and while there is a socket.
    expect(inspect({ agent }, { showHidden: true, depth: null })).toBe('{ agent: BoundedAgent }');
    await version;
    expect(inspect({ agent }, { showHidden: true, depth: null })).toBe('{ agent: BoundedAgent }');
  });
});

describe('lines of a stream', () => {
  const all = async (pieces: readonly (string | Buffer)[], options: Parameters<typeof boundedLines>[1] = {}): Promise<string[]> => {
    const lines: string[] = [];
    for await (const line of boundedLines(Readable.from(pieces), options)) lines.push(line);
    return lines;
  };

  it('come whole, wherever they are cut', async () => {
    const text = 'one\ntwö\r\n\nthe last';
    for (let cut = 0; cut <= text.length; cut += 1) expect(await all([Buffer.from(text).subarray(0, cut), Buffer.from(text).subarray(cut)])).toEqual(['one', 'twö', '', 'the last']);
  });

  it('are cut where somebody wants to read on', async () => {
    expect(await all([...Array<string>(30).fill('x'.repeat(100)), 'y\nshort\n', 'z'.repeat(1001)], { maxBytes: 1000, longer: 'cut' })).toEqual(['x'.repeat(1000), 'short', 'z'.repeat(1000)]);
  });

  it('end with an error at one that does not end', async () => {
    // Also when its end comes with it.
    await expect(all([`${'x'.repeat(1001)}\nshort\n`], { maxBytes: 1000 })).rejects.toThrow('a line is longer than 1000 bytes');
    await expect(all(Array<string>(100).fill('x'.repeat(100)), { maxBytes: 1000 })).rejects.toThrow('a line is longer than 1000 bytes');
  });
});
