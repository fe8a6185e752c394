import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { configHandlers } from '../../../src/api/handlers/config.ts';
import { serveApi, type Route } from '../../../src/api/server.ts';
import { reference } from '../../../src/api/reference.ts';
import { ros, temporaryDirectory, type Run } from '../cli/support.ts';
import { bench, type Bench } from '../supervisor/config-support.ts';

const closers: (() => void)[] = [];
afterEach(() => { for (const close of closers.splice(0)) close(); });

/** `ros config …` against the handlers themselves. */
async function machine(text?: string): Promise<Bench & { config(this: void, words: string, stdin?: string): Promise<Run> }> {
  const made = await bench(text);
  const handlers = configHandlers(made.machine, made.admin, made.applier);
  const paths: Readonly<Record<keyof typeof handlers, string>> = {
    view: 'GET ', value: 'GET /value', set: 'POST /set', merge: 'POST /merge', file: 'GET /file', replace: 'POST /file', validate: 'POST /validate', export: 'GET /export',
    images: 'POST /images', starter: 'GET /starter', schema: 'GET /schema', plan: 'POST /plan', apply: 'POST /apply', confirm: 'POST /confirm', history: 'GET /history',
    diff: 'GET /diff', undo: 'POST /undo', status: 'GET /status',
  };
  const routes = Object.entries(paths).map(([name, route]): Route => {
    const [method, path = ''] = route.split(' ');
    expect(Object.keys(reference)).toContain(`${method} /v1/config${path}`);
    return { method: method as 'GET' | 'POST', path: `/v1/config${path}`, handler: handlers[name as keyof typeof handlers] };
  });
  const socketPath = join(temporaryDirectory(), 'control.sock');
  const server = await serveApi({ socketPath, groupId: process.getgid?.() ?? 0, routes, log: made.machine.log });
  closers.push(() => { server.closeAllConnections(); server.close(); });
  return { ...made, config: (words, stdin) => ros(`config ${words}`, socketPath, stdin === undefined ? { isTty: true } : { stdin }) };
}

describe('ros config, all the way', () => {
  it('sets, gets, shows and goes back', async () => {
    const { config, read } = await machine('# mine\nhostname: a\n');
    expect(await config('set rancher.ssh.port 2222')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect((await config('get rancher.ssh.port')).stdout).toBe('2222\n');
    expect((await config('get hostnam')).stderr).toContain('hint: did you mean "hostname"?');
    expect((await config('show --origin')).stdout).toMatch(/^rancher\.ssh\.port: 2222 +# cloud-config\.yml$/m);
    expect((await config('set rancher.ssh.port many')).stderr).toMatch(/rancher\.ssh\.port: /);
    expect((await config('diff')).stdout).toBe('+ rancher.ssh.port: 2222\n');
    expect((await config('undo')).stderr).toBe('version 1 (as it was) is back\n');
    expect(read()).toBe('# mine\nhostname: a\n');
    expect((await config('history')).stdout).toMatch(/^\*3 .*undo: back to version 1\n 2 .*set rancher\.ssh\.port\n 1 .*as it was\n$/);
  });

  it('merges what comes in, with the line ends of another system', async () => {
    const { config, read } = await machine();
    expect(await config('merge', '#cloud-config\r\nhostname: b\r\nrunmcd: [x]\r\n')).toMatchObject({ code: 0, stderr: expect.stringContaining('did you mean "runcmd"?') as string });
    expect(read()).toContain('hostname: b');
    expect((await config('merge', 'hostname: [\n')).code).toBe(1);
  });

  it('validates, exports, generates and names images', async () => {
    const { config } = await machine('hostname: a\nrancher: {password: hunter2, services: {web: {image: nginx}}}\n');
    expect(await config('validate', 'rancher: {dockr: {}}\n')).toMatchObject({ code: 1, stdout: 'warning: standard input, line 1, column 11: rancher.dockr: unknown key; did you mean "docker"?\n' });
    expect(await config('validate')).toMatchObject({ code: 0, stdout: '' });
    expect(await config('export')).toMatchObject({ stdout: '#cloud-config\nhostname: a\nrancher:\n  services:\n    web:\n      image: nginx\n' });
    expect((await config('export -p')).stdout).toContain('hunter2');
    expect((await config('images')).stdout).toBe('nginx\n');
    expect((await config('schema --keys')).stdout).toMatch(/^rancher\.ssh\.port$/m);
    expect((await config('validate', (await config('generate')).stdout)).code).toBe(0);
  });

  it('applies on trial, keeps what is confirmed and undoes the rest', async () => {
    const made = await machine();
    expect(await made.config('apply --try 60s -', 'hostname: b\n')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^hostname .*\napplied hostname\non trial for 1m 0s: /) as string });
    expect((await made.config('status')).stdout).toMatch(/^trial\n {2}undone in 1m 0s unless confirmed/m);
    expect((await made.config('set hostname c')).stderr).toMatch(/^ros: cannot change configuration .*: another one is on trial\nhint: /);
    expect(await made.config('confirm')).toMatchObject({ code: 0, stdout: 'the configuration is kept\n' });
    expect(await made.config('confirm')).toMatchObject({ code: 1 });
    await made.config('apply --try 60s -', 'hostname: c\n');
    expect(await made.config('undo')).toMatchObject({ code: 0, stderr: 'the trial has ended: the configuration from before it is in force\n' });
    expect(made.appliedNames).toEqual(['b', 'c', 'b']);
  });

  it('plans without changing anything', async () => {
    const { config, read } = await machine();
    expect(await config('plan -', 'hostname: b\n')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^hostname +at once /) as string });
    expect((await config('plan')).stdout).toBe('the machine is as the configuration says\n');
    expect(read()).toBe('hostname: a\n');
  });

  it('takes no rubbish for a request', async () => {
    const { admin, applier, machine: fake } = await machine();
    const handlers = configHandlers(fake, admin, applier);
    const ask = (body: unknown) => ({ params: {}, query: new URLSearchParams('from=x'), body, signal: new AbortController().signal });
    for (const request of [handlers.set(ask({ key: 1, value: 'x' })), handlers.merge(ask(undefined)), handlers.undo(ask({ to: -1 })), handlers.apply(ask({ trySeconds: 5 })), handlers.diff(ask(undefined)), handlers.plan(ask({ text: 3 }))]) {
      await expect(request).rejects.toMatchObject({ code: 'ERR_ROS_BAD_REQUEST' });
    }
  });

  it('is written down in the guide, command by command', () => {
    const guide = readFileSync(join(import.meta.dirname, '../../../docs/configuration.md'), 'utf8');
    for (const name of ['get', 'set', 'merge', 'export', 'validate', 'generate', 'images', 'syslinux', 'show', 'schema', 'edit', 'plan', 'apply', 'confirm', 'history', 'diff', 'undo', 'status']) expect(guide).toMatch(new RegExp(`ros config ${name}\\b`));
  });
});
