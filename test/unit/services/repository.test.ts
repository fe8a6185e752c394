import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../../src/lib/clock.ts';
import { Repositories, type RepositoriesOptions } from '../../../src/services/repository.ts';
import { inTurn, startWebServer, status, type WebServer } from '../../lib/web-server.ts';

let web: WebServer;
let folder = '';
/** What the wall clock says. */
let today = new Date(0);
beforeEach(async () => {
  web = await startWebServer();
  folder = mkdtempSync(join(tmpdir(), 'ros-repository-'));
  today = new Date('2026-03-01T12:00:00Z');
});
afterEach(async () => {
  await web.close();
  rmSync(folder, { recursive: true });
});

const clock: Clock = { ...systemClock, now: () => today, sleep: async (_delayMs, signal) => { signal?.throwIfAborted(); } };
const cached = { refresh: false };
const fresh = { refresh: true };
const zfs = 'zfs:\n  image: os-zfs:1\n';
const cache = (): string => join(folder, 'cache');

/** As a machine that has just booted: nothing is known but what is in the cache. */
function repositories(urls: Readonly<Record<string, string>> = { core: web.url }, options: Partial<RepositoriesOptions> = {}): Repositories {
  return new Repositories({ repositories: urls, cacheDirectory: cache(), clock, retries: 0, timeoutMs: 2000, ...options });
}

/** A repository in a folder; returns its URL. */
function folderRepository(name: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, path, '..'), { recursive: true });
    writeFileSync(join(folder, name, path), text);
  }
  return pathToFileURL(join(folder, name)).href;
}

function publish(names: readonly string[], files: Readonly<Record<string, string>> = {}): void {
  web.answers.set('/index.yml', `services: [${names.join(', ')}]\nconsoles: [alpine]\nengines: []\nrevision: ${names.length}\n`);
  for (const [name, text] of Object.entries(files)) web.answers.set(`/${name.charAt(0)}/${name}.yml`, text);
}

describe('the index', () => {
  it('lists the services of all repositories by name, and tells of each repository', async () => {
    publish(['zfs', 'alsa', 'zfs']);
    const local = folderRepository('local', { 'index.yml': 'services: [htop]\n' });
    expect(await repositories({ core: `${web.url}/`, local }).index(cached)).toEqual({
      services: [
        { name: 'alsa', repository: 'core', url: `${web.url}/a/alsa.yml` },
        { name: 'htop', repository: 'local', url: `${local}/h/htop.yml` },
        { name: 'zfs', repository: 'core', url: `${web.url}/z/zfs.yml` },
      ],
      repositories: [
        { name: 'core', url: web.url, services: 2, fetchedAt: '2026-03-01T12:00:00.000Z' },
        { name: 'local', url: local, services: 1 },
      ],
    });
  });

  it('has nothing without a repository', async () => {
    expect(await repositories({}).index(cached)).toEqual({ services: [], repositories: [] });
  });

  it('takes a service that two repositories have from the one whose name comes first', async () => {
    const urls = { beta: folderRepository('b', { 'index.yml': 'services: [x]', 'x/x.yml': 'x: {image: beta}' }), alpha: folderRepository('a', { 'index.yml': 'services: [x]', 'x/x.yml': 'x: {image: alpha}' }) };
    expect((await repositories(urls).index(cached)).services).toEqual([{ name: 'x', repository: 'alpha', url: `${urls.alpha}/x/x.yml` }]);
    expect(await repositories(urls).serviceFile('x', cached)).toEqual({ text: 'x: {image: alpha}', origin: `${urls.alpha}/x/x.yml`, repository: 'alpha' });
  });

  it('ignores what cannot be the name of a service, and says so', async () => {
    const local = folderRepository('local', { 'index.yml': 'services: [good, ../bad, "", [x], 7, a/b]\n' });
    const { services, repositories: [state] } = await repositories({ local }).index(cached);
    expect(services.map(({ name }) => name)).toEqual(['good']);
    expect(state).toMatchObject({ services: 1, problem: 'ignored in its index, not names of services: "../bad", "", a list and 2 more' });
  });

  it.each([
    ['is not there', undefined, /^cannot fetch "http:.*\/index\.yml": there is no such file/],
    ['is a page for people', '<html><body>Log in to the hotel\'s network</body></html>', 'it is not the index of a repository: there is no list of services in it'],
    ['is empty', '', 'it is empty'],
    ['is no YAML', 'services: [', /^cannot use "http:.*\/index\.yml": line 1, column \d+: /],
    ['has no list', 'services: zfs\n', 'there is no list of services in it'],
    ['is too large', `services: []\n#${'x'.repeat(1024 * 1024)}`, 'it is larger than 1048576 bytes'],
  ])('of a repository that %s is told as its problem, and the others are there', async (_what, text, problem) => {
    if (text !== undefined) web.answers.set('/index.yml', text);
    const local = folderRepository('local', { 'index.yml': 'services: [htop]\n' });
    const { services, repositories: states } = await repositories({ core: web.url, local }).index(fresh);
    expect(services.map(({ name }) => name)).toEqual(['htop']);
    expect(states).toEqual([{ name: 'core', url: web.url, services: 0, problem: expect.stringMatching(problem) as string }, { name: 'local', url: local, services: 1 }]);
  });

  it('asks all repositories at once', async () => {
    const waiting: (() => void)[] = [];
    const together = (names: string) => (_request: unknown, response: { end(text: string): void }): void => {
      waiting.push(() => { response.end(names); });
      if (waiting.length === 2) for (const answer of waiting) answer();
    };
    web.answers.set('/a/index.yml', together('services: [a]'));
    web.answers.set('/b/index.yml', together('services: [b]'));
    expect((await repositories({ a: `${web.url}/a`, b: `${web.url}/b` }).index(fresh)).services).toHaveLength(2);
  });

  it('shows no name and password of a repository', async () => {
    publish(['zfs'], { zfs });
    const secret = web.url.replace('//', '//joe:secret@');
    const all = repositories({ core: secret, gone: `${secret}/gone` });
    const shown = JSON.stringify([await all.index(fresh), await all.serviceFile('zfs', fresh), await all.serviceFile('gone', cached).catch((error: unknown) => String(error))]);
    expect(shown).toContain(web.url);
    expect(shown).not.toContain('secret');
    for (const name of readdirSync(cache())) expect(readFileSync(join(cache(), name), 'utf8')).not.toContain('secret');
  });

  it('is not waited for when it is cancelled', async () => {
    const controller = new AbortController();
    web.answers.set('/index.yml', () => { controller.abort(); });
    await expect(repositories().index({ refresh: true, signal: controller.signal })).rejects.toThrow('aborted');
  });
});

describe('a service file', () => {
  it('is read from its repository and kept under RancherOS\'s name for it, for root only', async () => {
    publish(['zfs'], { zfs });
    expect(await repositories().serviceFile('zfs', cached)).toEqual({ text: zfs, origin: `${web.url}/z/zfs.yml`, repository: 'core', fetchedAt: '2026-03-01T12:00:00.000Z' });
    const path = join(cache(), createHash('md5').update(`${web.url}/z/zfs.yml`).digest('hex'));
    expect(readFileSync(path, 'utf8')).toBe(zfs);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('comes from the cache without a question, unless it is to be fresh', async () => {
    publish(['zfs'], { zfs });
    await repositories().serviceFile('zfs', cached);
    expect(web.asked).toEqual(['/index.yml', '/z/zfs.yml']);
    publish(['zfs'], { zfs: 'zfs:\n  image: os-zfs:two\n' });
    expect((await repositories().serviceFile('zfs', cached)).text).toBe(zfs);
    expect(web.asked).toHaveLength(2);
    today = new Date('2026-03-02T12:00:00Z');
    expect(await repositories().serviceFile('zfs', fresh)).toMatchObject({ text: 'zfs:\n  image: os-zfs:two\n', fetchedAt: '2026-03-02T12:00:00.000Z' });
    expect((await repositories().serviceFile('zfs', cached)).text).toBe('zfs:\n  image: os-zfs:two\n');
  });

  it('is not sent again when it has not changed', async () => {
    publish(['zfs'], { zfs });
    await repositories().serviceFile('zfs', cached);
    today = new Date('2026-03-02T12:00:00Z');
    const seen: (string | undefined)[] = [];
    web.answers.set('/z/zfs.yml', (request, response) => { seen.push(request.headers['if-none-match']); response.writeHead(304).end(); });
    expect(await repositories().serviceFile('zfs', fresh)).toMatchObject({ text: zfs, fetchedAt: '2026-03-02T12:00:00.000Z' });
    expect(await repositories().serviceFile('zfs', cached)).toMatchObject({ text: zfs, fetchedAt: '2026-03-02T12:00:00.000Z' });
    expect(seen).toEqual([`"${zfs.length}"`]);
  });

  it('is there without a network, and how old it is is told', async () => {
    publish(['zfs'], { zfs });
    await repositories().serviceFile('zfs', cached);
    const { url } = web;
    await web.close();
    today = new Date('2026-03-04T13:00:00Z');
    expect(await repositories({ core: url }).serviceFile('zfs', cached)).toEqual({ text: zfs, origin: `${url}/z/zfs.yml`, repository: 'core', fetchedAt: '2026-03-01T12:00:00.000Z' });
    const problem = (path: string): string => `cannot fetch "${url}/${path}": the connection was refused; used is the copy of 3 days ago`;
    expect(await repositories({ core: url }).serviceFile('zfs', fresh)).toMatchObject({ text: zfs, problem: problem('z/zfs.yml') });
    expect(await repositories({ core: url }).index(fresh)).toMatchObject({ services: [{ name: 'zfs' }], repositories: [{ services: 1, fetchedAt: '2026-03-01T12:00:00.000Z', problem: problem('index.yml') }] });
    today = new Date('1970-01-01T00:01:00Z');
    expect((await repositories({ core: url }).serviceFile('zfs', fresh)).problem).toContain('used is the copy of 2026-03-01T12:00:00.000Z');
    web = await startWebServer();
  });

  it('is there without a network even when the index is not', async () => {
    publish(['zfs'], { zfs });
    await repositories().urlFile(`${web.url}/z/zfs.yml`, cached);
    web.answers.set('/index.yml', status(500));
    expect((await repositories().serviceFile('zfs', cached)).text).toBe(zfs);
  });

  it('is asked of nobody while the network is not to be asked', async () => {
    publish(['zfs', 'alsa'], { zfs });
    await repositories().serviceFile('zfs', cached);
    web.asked.length = 0;
    const offline = { refresh: false, offline: true };
    expect((await repositories().serviceFile('zfs', offline)).text).toBe(zfs);
    await expect(repositories().serviceFile('alsa', offline)).rejects.toMatchObject({ code: 'ERR_ROS_OFFLINE', message: expect.stringMatching(/^cannot fetch "http:.*\/a\/alsa\.yml": /) as string });
    expect((await repositories({ other: `${web.url}/other` }).index(offline)).repositories).toMatchObject([{ services: 0, problem: expect.stringContaining('the network is not asked') as string }]);
    const local = folderRepository('local', { 'index.yml': 'services: [x]', 'x/x.yml': 'x: {image: x}' });
    expect(await repositories({ core: web.url, local }).serviceFile('x', offline)).toMatchObject({ repository: 'local' });
    expect(web.asked).toEqual([]);
  });

  it('is asked for again after an error of the server, and every pause is told', async () => {
    publish(['zfs']);
    web.answers.set('/z/zfs.yml', inTurn(status(500), zfs));
    const told: string[] = [];
    expect((await repositories(undefined, { retries: 1, onRetry: (message) => { told.push(message); } }).serviceFile('zfs', cached)).text).toBe(zfs);
    expect(told).toEqual([`cannot fetch "${web.url}/z/zfs.yml": HTTP status 500, next try in 1 s`]);
  });

  it.each([
    ['empty', ' \n', 'it is empty'],
    ['a page for people', '<html>\n<title>Log in</title></html>', 'it is not a service file: it must be a map of services'],
    ['half of a file', 'zfs:\n  image: "os-z', /^cannot use .*: line \d+, column \d+: /],
    ['too large', `zfs: {image: x}\n#${'x'.repeat(256 * 1024)}`, 'it is larger than 262144 bytes'],
  ])('that is %s is refused, and does not replace a good copy', async (_what, text, why) => {
    publish(['zfs'], { zfs: text });
    await expect(repositories().serviceFile('zfs', cached)).rejects.toThrow(why);
    publish(['zfs'], { zfs });
    await repositories().serviceFile('zfs', cached);
    publish(['zfs'], { zfs: text });
    expect(await repositories().serviceFile('zfs', fresh)).toMatchObject({ text: zfs, problem: expect.stringMatching(why) as string });
    expect((await repositories().serviceFile('zfs', cached)).text).toBe(zfs);
  });

  it('that nobody offers is an error with the name that was meant, and with what could not be read', async () => {
    publish(['zfs']);
    await expect(repositories({}).serviceFile('zfs', cached)).rejects.toThrow('cannot find service "zfs": there is no repository');
    await expect(repositories().serviceFile('zsf', cached)).rejects.toMatchObject({ code: 'ERR_ROS_NO_SERVICE', message: 'cannot find service "zsf": no repository offers it', hint: 'did you mean "zfs"?' });
    await expect(repositories({ core: web.url, gone: `${web.url}/gone` }).serviceFile('x', cached)).rejects.toThrow(`cannot find service "x": no repository offers it; repository "gone" cannot be read: cannot fetch "${web.url}/gone/index.yml": there is no such file (HTTP status 404)`);
    await expect(repositories().serviceFile('../../etc/passwd', cached)).rejects.toThrow('cannot find service "../../etc/passwd": this is not a name that a service can have');
  });

  it('that is offered but not there is looked for in the next repository', async () => {
    publish(['zfs']);
    const other = folderRepository('other', { 'index.yml': 'services: [zfs]', 'z/zfs.yml': zfs });
    expect(await repositories({ core: web.url, other }).serviceFile('zfs', cached)).toMatchObject({ repository: 'other' });
    await expect(repositories().serviceFile('zfs', cached)).rejects.toMatchObject({ code: 'ERR_ROS_NOT_FOUND', message: `cannot fetch "${web.url}/z/zfs.yml": there is no such file (HTTP status 404)` });
  });
});

describe('a file by its URL', () => {
  it('is fetched and kept as those of repositories are', async () => {
    web.answers.set('/mine.yml', zfs);
    expect(await repositories({}).urlFile(`${web.url}/mine.yml`, cached)).toMatchObject({ text: zfs, origin: `${web.url}/mine.yml` });
    web.answers.delete('/mine.yml');
    expect((await repositories({}).urlFile(`${web.url}/mine.yml`, cached)).text).toBe(zfs);
  });

  it('that is in a folder is read each time and never kept', async () => {
    const url = `${folderRepository('local', { 'mine.yml': zfs })}/mine.yml`;
    expect(await repositories({}).urlFile(url, cached)).toEqual({ text: zfs, origin: url });
    writeFileSync(join(folder, 'local/mine.yml'), 'other: {image: y}\n');
    expect((await repositories({}).urlFile(url, cached)).text).toBe('other: {image: y}\n');
    rmSync(join(folder, 'local/mine.yml'));
    await expect(repositories({}).urlFile(url, cached)).rejects.toThrow(`cannot read file "${join(folder, 'local/mine.yml')}": there is no such file`);
    expect(readdirSync(folder)).toEqual(['local']);
  });

  it.each(['file:mine.yml', 'file://host/mine.yml', 'file:/mine.yml'])('must be absolute, which %s is not', async (url) => {
    await expect(repositories({}).urlFile(url, cached)).rejects.toThrow(`cannot use "${url}": must be absolute, as file:///path is`);
  });
});

describe('the cache', () => {
  const files = (): { text: string; meta: string } => {
    const base = join(cache(), createHash('md5').update(`${web.url}/x.yml`).digest('hex'));
    return { text: base, meta: `${base}.json` };
  };
  const load = (ask = cached): Promise<{ text: string; problem?: string }> => repositories({}).urlFile(`${web.url}/x.yml`, ask);

  it('after a power cut between its two files has the old text, with what belongs to it', async () => {
    web.answers.set('/x.yml', 'x: {image: old}\n');
    await load();
    const old = readFileSync(files().text);
    web.answers.set('/x.yml', 'x: {image: newer}\n');
    await load(fresh);
    writeFileSync(files().text, old);
    expect((await load()).text).toBe('x: {image: old}\n');
    web.asked.length = 0;
    expect((await load(fresh)).text).toBe('x: {image: newer}\n');
    expect((await load()).text).toBe('x: {image: newer}\n');
    expect(web.asked).toHaveLength(1);
  });

  it.each<[string, () => void]>([
    ['a text that is not what was kept', () => { writeFileSync(files().text, 'x: {image: tampered}\n'); }],
    ['half a text', () => { writeFileSync(files().text, 'x: {im'); }],
    ['no text', () => { rmSync(files().text); }],
    ['no note about it', () => { rmSync(files().meta); }],
    ['a broken note', () => { writeFileSync(files().meta, '{"url":'); }],
    ['a note of something else', () => { writeFileSync(files().meta, '[]'); }],
    ['a folder in its place', () => { rmSync(files().text); mkdirSync(files().text); }],
  ])('that has %s is as good as empty', async (_what, harm) => {
    web.answers.set('/x.yml', 'x: {image: good}\n');
    await load();
    harm();
    expect((await load()).text).toBe('x: {image: good}\n');
    expect(web.asked).toHaveLength(2);
  });

  it('that cannot be written keeps nobody from a file', async () => {
    web.answers.set('/x.yml', 'x: {image: good}\n');
    writeFileSync(cache(), 'a file where the folder should be');
    expect(await load()).toMatchObject({ text: 'x: {image: good}\n', problem: expect.stringContaining('cannot write file') as string });
  });

  it('holds one whole text however many ask at once', async () => {
    let count = 0;
    web.answers.set('/x.yml', (_request, response) => { count += 1; response.writeHead(200, { etag: `"${count}"` }).end(`x: {image: "${count}"}\n`); });
    await Promise.all(Array.from({ length: 8 }, () => load(fresh)));
    web.answers.set('/x.yml', status(500));
    expect((await load()).text).toMatch(/^x: \{image: "[1-8]"\}\n$/);
    expect(readdirSync(cache())).toHaveLength(2);
  });
});
