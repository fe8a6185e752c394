import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { fetchText, setProxies } from '../../../src/sys/http.ts';

let servers: Server[];
async function serve(said: string): Promise<string> {
  const server = createServer((request, response) => { response.end(`${said} ${request.url}`); });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  servers.push(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
beforeEach(() => { servers = []; });
afterEach(() => { setProxies({}); for (const server of servers) server.close(); });

describe('a proxy', () => {
  it('is asked for everything but what it is not for', async () => {
    const [host, proxy] = [await serve('direct'), await serve('by proxy')];
    const fetch = async (): Promise<string> => {
      const fetched = await fetchText(`${host}/x`, { retries: 0, maxBytes: 1000, clock: systemClock });
      return fetched.status === 'fresh' ? fetched.text : '';
    };
    expect(await fetch()).toBe('direct /x');
    setProxies({ http_proxy: proxy });
    expect(await fetch()).toBe(`by proxy ${host}/x`);
    setProxies({ http_proxy: proxy, no_proxy: '127.0.0.1' });
    expect(await fetch()).toBe('direct /x');
  });
});
