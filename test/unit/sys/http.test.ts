import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../../src/lib/clock.ts';
import { fetchBytes, fetchText, httpStatusOf, withoutUserinfo, type FetchOptions } from '../../../src/sys/http.ts';
import { inTurn, startWebServer, status, type Answer, type WebServer } from '../../lib/web-server.ts';

let web: WebServer;
beforeEach(async () => { web = await startWebServer(); });
afterEach(async () => { await web.close(); });

/** Real time, but nobody waits between two tries; `pauses` are in ms. */
function impatientClock(): Clock & { readonly pauses: number[] } {
  const pauses: number[] = [];
  return { ...systemClock, pauses, sleep: async (delayMs, signal) => { pauses.push(delayMs); signal?.throwIfAborted(); } };
}

const fetch = (path: string, options: Partial<FetchOptions> = {}) =>
  fetchText(path.startsWith('/') ? web.url + path : path, { retries: 0, maxBytes: 1000, clock: impatientClock(), ...options });

describe('fetching a text', () => {
  it('gives it with its ETag, and nothing when the ETag still holds', async () => {
    web.answers.set('/a', 'grüße\n');
    const first = await fetch('/a');
    expect(first).toEqual({ status: 'fresh', text: 'grüße\n', etag: '"6"' });
    expect(await fetch('/a', { etag: '"6"' })).toEqual({ status: 'unchanged' });
    expect(await fetch('/a', { etag: '"old"' })).toEqual(first);
  });

  it('tries again after what may pass, waits longer each time and says so', async () => {
    web.answers.set('/a', inTurn(status(500), status(503), status(429), (request) => { request.socket.destroy(); }, 'text'));
    const clock = impatientClock();
    const told: string[] = [];
    expect(await fetch('/a', { retries: 4, clock, onRetry: (message) => { told.push(message); } })).toEqual({ status: 'fresh', text: 'text' });
    expect(clock.pauses).toEqual([1000, 2000, 4000, 8000]);
    expect(told[0]).toBe(`cannot fetch "${web.url}/a": HTTP status 500, next try in 1 s`);
    expect(told[3]).toBe(`cannot fetch "${web.url}/a": the connection was closed before all had come, next try in 8 s`);
  });

  it('gives up after as many tries as it may have', async () => {
    web.answers.set('/a', status(502));
    await expect(fetch('/a', { retries: 2 })).rejects.toThrow(`cannot fetch "${web.url}/a": HTTP status 502`);
    expect(web.asked).toHaveLength(3);
  });

  it.each([[404, 'there is no such file (HTTP status 404)', 'ERR_ROS_NOT_FOUND'], [410, 'there is no such file (HTTP status 410)', 'ERR_ROS_NOT_FOUND'], [403, 'HTTP status 403', 'ERR_ROS_FETCH'], [304, 'HTTP status 304', 'ERR_ROS_FETCH']])('does not try again after a %d', async (code, words, name) => {
    web.answers.set('/a', status(code));
    await expect(fetch('/a', { retries: 5 })).rejects.toMatchObject({ code: name, message: `cannot fetch "${web.url}/a": ${words}` });
    expect(web.asked).toHaveLength(1);
  });

  it('does not wait for ever: neither for the head of an answer nor for its end', async () => {
    web.answers.set('/head', () => undefined);
    web.answers.set('/body', (_request, response) => { response.writeHead(200).write('half'); });
    await expect(fetch('/head', { timeoutMs: 300 })).rejects.toThrow(`cannot fetch "${web.url}/head": no answer within 0.3 s`);
    await expect(fetch('/body', { timeoutMs: 300, retries: 1 })).rejects.toThrow('no answer within 0.3 s');
    expect(web.asked).toEqual(['/head', '/body', '/body']);
  });

  it('takes no more than it was told to', async () => {
    web.answers.set('/fits', 'x'.repeat(1000));
    web.answers.set('/large', 'x'.repeat(1001));
    let sent = 0;
    web.answers.set('/endless', (_request, response) => {
      const more = (): void => { while (!response.destroyed && response.write('x'.repeat(1000))) sent += 1000; };
      response.on('drain', more);
      more();
    });
    expect(await fetch('/fits')).toMatchObject({ status: 'fresh' });
    await expect(fetch('/large', { retries: 3 })).rejects.toMatchObject({ code: 'ERR_ROS_TOO_LARGE', message: `cannot fetch "${web.url}/large": it is larger than 1000 bytes` });
    await expect(fetch('/endless', { retries: 3 })).rejects.toThrow('it is larger than 1000 bytes');
    expect(sent).toBeLessThan(10_000_000);
    expect(web.asked).toHaveLength(3);
  });

  it('refuses what is no text', async () => {
    web.answers.set('/a', (_request, response) => { response.end(Buffer.from([0xff, 0xfe, 0x00])); });
    await expect(fetch('/a')).rejects.toThrow('it is not UTF-8 text');
  });

  it('says why there is no connection', async () => {
    const { url } = web;
    await web.close();
    const clock = impatientClock();
    await expect(fetch(`${url}/a`, { retries: 2, clock })).rejects.toThrow(`cannot fetch "${url}/a": the connection was refused`);
    expect(clock.pauses).toHaveLength(2);
    web = await startWebServer();
  });

  it('ends when it is cancelled: during a try, during a pause and before', async () => {
    const trying = new AbortController();
    web.answers.set('/a', () => { trying.abort(); });
    await expect(fetch('/a', { retries: 3, signal: trying.signal })).rejects.toThrow(`cannot fetch "${web.url}/a": cancelled`);
    const pausing = new AbortController();
    web.answers.set('/b', status(500));
    await expect(fetch('/b', { retries: 3, signal: pausing.signal, onRetry: () => { pausing.abort(); } })).rejects.toThrow('cancelled');
    await expect(fetch('/c', { retries: 3, signal: AbortSignal.abort() })).rejects.toThrow('cancelled');
    expect(web.asked).toEqual(['/a', '/b']);
  });

  it('uses a name and password in the URL and shows them to nobody', async () => {
    const url = web.url.replace('//', '//joe:s%40cret@');
    web.answers.set('/a', (request, response) => { response.end(request.headers.authorization); });
    web.answers.set('/b', status(500));
    expect(await fetch(`${url}/a`)).toMatchObject({ text: `Basic ${btoa('joe:s@cret')}` });
    const told: string[] = [];
    await expect(fetch(`${url}/b`, { retries: 1, onRetry: (message) => { told.push(message); } })).rejects.toThrow(`cannot fetch "${web.url}/b": HTTP status 500`);
    expect(told).toEqual([`cannot fetch "${web.url}/b": HTTP status 500, next try in 1 s`]);
  });

  it.each([['not a url', 'it is not a URL'], ['ftp://host/x', 'it begins with "ftp:", not with http: or https:'], ['file:///etc/passwd', 'it begins with "file:", not with http: or https:']])('refuses "%s"', async (url, why) => {
    await expect(fetch(url, { retries: 3 })).rejects.toThrow(`cannot fetch "${url}": ${why}`);
  });
});

describe('fetching from a service', () => {
  it('says what it must with the method it wants, and gives bytes as they are', async () => {
    web.answers.set('/token', (request, response) => { response.end(Buffer.from([0xff, request.method === 'PUT' && request.headers['x-ttl'] === '300' ? 1 : 0])); });
    expect(await fetchBytes(`${web.url}/token`, { method: 'PUT', headers: { 'X-TTL': '300' }, retries: 0, maxBytes: 10, clock: impatientClock() })).toMatchObject({ bytes: Buffer.from([0xff, 1]) });
  });

  it('tells nobody else what is in the headers', async () => {
    const other = await startWebServer();
    const seen: unknown[] = [];
    const look: Answer = (request, response) => { seen.push(request.headers['x-token']); response.end('x'); };
    other.answers.set('/b', look);
    web.answers.set('/a', status(302, { location: '/here' }));
    web.answers.set('/here', look);
    web.answers.set('/away', status(302, { location: `${other.url}/b` }));
    await fetch('/a', { headers: { 'x-token': 'secret' } });
    await fetch('/away', { headers: { 'x-token': 'secret' } });
    await other.close();
    expect(seen).toEqual(['secret', undefined]);
  });

  it('may be shown by another name, and has a status', async () => {
    web.answers.set('/a?token=x', status(403));
    const error: unknown = await fetch('/a?token=x', { shown: 'http://host/a' }).catch((thrown: unknown) => thrown);
    expect([(error as Error).message, httpStatusOf(error)]).toEqual(['cannot fetch "http://host/a": HTTP status 403', 403]);
    expect(httpStatusOf(new Error('x'))).toBeUndefined();
  });
});

describe('a redirect', () => {
  it('is followed, up to five times', async () => {
    web.answers.set('/1', status(301, { location: '/2' }));
    web.answers.set('/2', status(302, { location: `${web.url}/x/3` }));
    web.answers.set('/x/3', status(307, { location: '../4' }));
    web.answers.set('/4', status(308, { location: '/5' }));
    web.answers.set('/5', status(303, { location: '/6' }));
    web.answers.set('/6', 'here');
    expect(await fetch('/1')).toMatchObject({ status: 'fresh', text: 'here' });
    web.answers.set('/0', status(301, { location: '/1' }));
    await expect(fetch('/0', { retries: 3 })).rejects.toThrow(`cannot fetch "${web.url}/0": it redirects more than 5 times`);
  });

  it('in a loop comes to an end', async () => {
    web.answers.set('/a', status(302, { location: '/a' }));
    await expect(fetch('/a', { retries: 3 })).rejects.toThrow('it redirects more than 5 times');
    expect(web.asked).toHaveLength(6);
  });

  it.each([['file:///etc/shadow', 'it redirects to "file:", not with http: or https:'], ['http://[', 'it redirects to what is not a URL'], [undefined, 'it redirects to nowhere']])('to %s is refused', async (location, why) => {
    web.answers.set('/a', status(302, location === undefined ? {} : { location }));
    await expect(fetch('/a')).rejects.toThrow(why);
  });
});

describe('https', () => {
  let folder = '';
  let secure: WebServer;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ros-ca-'));
    secure = await startWebServer({ key, cert });
  });
  afterEach(async () => {
    await secure.close();
    rmSync(folder, { recursive: true });
  });

  it('trusts who is in the list of authorities, and nobody else', async () => {
    secure.answers.set('/a', 'safe');
    const caFile = join(folder, 'ca.crt');
    writeFileSync(caFile, cert);
    expect(await fetch(`${secure.url}/a`, { caFile })).toMatchObject({ text: 'safe' });
    const clock = impatientClock();
    await expect(fetch(`${secure.url}/a`, { caFile: join(folder, 'none'), retries: 3, clock })).rejects.toThrow(/^cannot fetch "https:.*": .*certificate/);
    expect(clock.pauses).toEqual([]);
  });

  it('does not let itself be sent to http', async () => {
    secure.answers.set('/a', status(302, { location: `${web.url}/a` }));
    web.answers.set('/a', 'anybody could have written this');
    const caFile = join(folder, 'ca.crt');
    writeFileSync(caFile, cert);
    await expect(fetch(`${secure.url}/a`, { caFile })).rejects.toThrow('it redirects from https to http, where anybody could change it');
    expect(web.asked).toEqual([]);
  });
});

describe('a URL to be shown', () => {
  it.each([
    ['https://joe:pw@host/a@b?c@d', 'https://host/a@b?c@d'], ['https://joe@host', 'https://host'], ['https://jo@e:p@host/x', 'https://host/x'],
    ['http:/joe:pw@host/x', 'http:/host/x'], [' https:joe:pw@host', ' https:host'], ['https://host/x', 'https://host/x'], ['/var/lib/a@b.yml', '/var/lib/a@b.yml'],
  ])('%s is %s', (url, shown) => {
    expect(withoutUserinfo(url)).toBe(shown);
  });
});

/** For this test only: it says it is 127.0.0.1, from 2000 to 2100. */
const cert = `-----BEGIN CERTIFICATE-----
MIIBZzCCAQ2gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMDAwMTAxMDAwMDAwWhgPMjEwMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABF3RqToq4i/rnbji
MX2cXA0yd3MtebV5E1Y7+terwOQo9hwM8/x+cF7GuxsWLPC2w4UlZ+OLcxKG0fUs
qtADdn+jTjBMMA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYIJbG9jYWxob3N0
hwR/AAABMB0GA1UdDgQWBBRjHVT6EpoTh6fA/n9f6IWQoX/IATAKBggqhkjOPQQD
AgNIADBFAiEA1sqc6ZGtjnuNsqq9jpukQ8iZb4z6nlRmTtPVgdj1SnsCICZjH8sX
Z2GC8GM2nILDGmtJH756UPPWfJNcJ3zydLN5
-----END CERTIFICATE-----
`;
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg7IUR9UAYP3Y07j2Y
iPtQBCavf5vYUySPROGKYc2/ZmWhRANCAARd0ak6KuIv65244jF9nFwNMndzLXm1
eRNWO/rXq8DkKPYcDPP8fnBexrsbFizwtsOFJWfji3MShtH1LKrQA3Z/
-----END PRIVATE KEY-----
`;
