import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ConfigChange, ConfigPlan, ConfigProblem, ConfigStatus } from '../../../src/api/types.ts';
import { fail, lines, ros, serve, temporaryDirectory } from './support.ts';

const changed: ConfigChange = { written: true, valid: true, version: 3, problems: [], notes: [] };
const problem: ConfigProblem = { severity: 'error', source: 'x.yml', line: 3, column: 5, path: 'rancher.ssh.port', message: 'expected number, received string', snippet: 'port: …\n      ^' };
const told = 'error: x.yml, line 3, column 5: rancher.ssh.port: expected number, received string\n    port: …\n          ^\n';
const fileOf = (text: string): string => {
  const file = join(temporaryDirectory(), 'x.yml');
  writeFileSync(file, text);
  return file;
};

describe('ros config get', () => {
  it.each([
    ['a word', 'kitchen', 'kitchen\n'],
    ['a number', 22, '22\n'],
    ['what is false', false, 'false\n'],
    ['a text that YAML would quote', '0644', '0644\n'],
    ['a list', ['a', 'yes'], '- a\n- \'yes\'\n\n'],
    ['a map', { a: { b: 1 } }, 'a:\n  b: 1\n\n'],
    ['nothing', undefined, '\n'],
  ])('prints %s as RancherOS does', async (_what, value, text) => {
    const api = await serve({ 'GET /v1/config/value': { path: ['x'], value, masked: false } });
    expect(await ros('config get x.y', api.socketPath)).toMatchObject({ code: 0, stdout: text, stderr: '' });
    expect(api.requests).toEqual(['GET /v1/config/value?key=x.y']);
  });

  it('shows a secret only when asked', async () => {
    const api = await serve({ 'GET /v1/config/value': { path: ['x'], value: '***', masked: true } });
    expect(await ros('c get x', api.socketPath)).toMatchObject({ code: 0, stdout: '***\n', stderr: 'ros: *** stands for a secret; --private shows it\n' });
    await ros('config get x --private --json', api.socketPath);
    expect(api.requests[1]).toBe('GET /v1/config/value?key=x&private=1');
  });

  it('says when there is no such key', async () => {
    const api = await serve({ 'GET /v1/config/value': fail(404, 'ERR_ROS_CONFIG_KEY', 'cannot find key "hostnam" in the configuration: there is no such key', 'did you mean "hostname"?') });
    expect(await ros('config get hostnam', api.socketPath)).toMatchObject({ code: 1, stdout: '', stderr: 'ros: cannot find key "hostnam" in the configuration: there is no such key\nhint: did you mean "hostname"?\n' });
    expect((await ros('config get', api.socketPath)).code).toBe(2);
  });
});

describe('ros config set, merge and undo', () => {
  it('say nothing when all is well', async () => {
    const api = await serve({ 'POST /v1/config/set': changed, 'POST /v1/config/merge': changed, 'POST /v1/config/undo': { ...changed, notes: ['version 2 is back'] } });
    expect(await ros('config set rancher.debug true', api.socketPath)).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(await ros('config merge', api.socketPath, { stdin: 'hostname: a\n' })).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const file = fileOf('hostname: b\n');
    await ros(`config merge -i ${file}`, api.socketPath);
    expect(await ros('config undo 2', api.socketPath)).toMatchObject({ code: 0, stdout: '', stderr: 'version 2 is back\n' });
    expect(api.bodies.map((body) => JSON.parse(body) as unknown)).toEqual([
      { key: 'rancher.debug', value: 'true' }, { text: 'hostname: a\n', origin: 'standard input' }, { text: 'hostname: b\n', origin: file }, { to: 2 },
    ]);
  });

  it('tell what is wrong, and fail', async () => {
    const api = await serve({ 'POST /v1/config/merge': { written: false, valid: false, problems: [problem], notes: [] } });
    expect(await ros('config merge', api.socketPath, { stdin: 'x' })).toMatchObject({ code: 1, stdout: '', stderr: `${told}ros: nothing was changed\n` });
    expect(await ros('config merge --json', api.socketPath, { stdin: 'x' })).toMatchObject({ code: 1 });
  });

  it('ask nobody about what is no input', async () => {
    const api = await serve({});
    expect(await ros('config merge', api.socketPath, { isTty: true })).toMatchObject({ code: 2 });
    expect(await ros('config merge -i /nonexistent.yml', api.socketPath)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^ros: cannot read cloud-config "\/nonexistent.yml": ENOENT/) as string });
    expect(await ros('config validate /dev/zero', api.socketPath)).toMatchObject({ code: 1, stderr: 'ros: cannot read cloud-config "/dev/zero": it is larger than 1024 KiB\n' });
    expect(await ros('config undo x', api.socketPath)).toMatchObject({ code: 2 });
    expect(api.requests).toEqual([]);
  });
});

describe('ros config validate', () => {
  it('prints problems and notes, and fails only for problems', async () => {
    const note: ConfigProblem = { severity: 'note', source: 'x.yml', line: 1, column: 1, path: 'rancher.upgrade.policy', message: 'not active yet' };
    const api = await serve({ 'POST /v1/config/validate': { valid: false, problems: [problem, note] } });
    expect(await ros(`config validate -i ${fileOf('a')}`, api.socketPath)).toMatchObject({ code: 1, stdout: `${told}note: x.yml, line 1, column 1: rancher.upgrade.policy: not active yet\n` });
    const good = await serve({ 'POST /v1/config/validate': { valid: true, problems: [note] } });
    expect(await ros('config validate', good.socketPath, { stdin: 'a' })).toMatchObject({ code: 0, stdout: 'note: x.yml, line 1, column 1: rancher.upgrade.policy: not active yet\n' });
  });

  it('checks the machine when somebody at a terminal names nothing', async () => {
    const api = await serve({ 'POST /v1/config/validate': { valid: true, problems: [] } });
    expect(await ros('config validate', api.socketPath, { isTty: true })).toMatchObject({ code: 0, stdout: '' });
    expect(api.bodies).toEqual(['{"origin":"the configuration"}']);
  });
});

describe('ros config show, export, generate, schema, images', () => {
  it('prints the configuration, and who said what', async () => {
    const api = await serve({ 'GET /v1/config': { config: { hostname: 'a', rancher: { debug: true } }, origins: [{ path: ['hostname'], origin: 'cloud-config.yml' }, { path: ['rancher', 'debug'], origin: 'kernel parameters' }], problems: [] } });
    expect((await ros('config show', api.socketPath)).stdout).toBe('hostname: a\nrancher:\n  debug: true\n');
    expect((await ros('config show --origin', api.socketPath)).stdout).toBe('hostname: a           # cloud-config.yml\nrancher.debug: true   # kernel parameters\n');
  });

  it('exports to the output or to a file for its owner only', async () => {
    const api = await serve({ 'GET /v1/config/export': { config: { hostname: 'a' }, leftOut: ['rancher.password'] } });
    expect(await ros('config export', api.socketPath)).toMatchObject({ code: 0, stdout: '#cloud-config\nhostname: a\n', stderr: 'ros: left out as secret: rancher.password (--private keeps them)\n' });
    const file = join(temporaryDirectory(), 'out.yml');
    expect(await ros(`config export -p -f -o ${file}`, api.socketPath)).toMatchObject({ code: 0, stdout: '' });
    expect(api.requests[1]).toBe('GET /v1/config/export?full=1&private=1');
    expect(readFileSync(file, 'utf8')).toBe('#cloud-config\nhostname: a\n');
    expect(statSync(file).mode & 0o777).toBe(0o400);
    expect((await ros(`config export -o ${file}`, api.socketPath)).code).toBe(0);
    expect(await ros('config export -o /proc/none/x', api.socketPath)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^ros: cannot write file "\/proc\/none\/x": ENOENT/) as string });
  });

  it('prints the starter, the schema and its keys, and images on one line', async () => {
    const schema = { type: 'object', properties: { hostname: {}, rancher: { properties: { ssh: { properties: { port: {} } } } } } };
    const api = await serve({ 'GET /v1/config/starter': { text: '#cloud-config\n' }, 'GET /v1/config/schema': schema, 'POST /v1/config/images': { images: ['a', 'b:1'] } });
    expect((await ros('config generate', api.socketPath)).stdout).toBe('#cloud-config\n');
    expect(JSON.parse((await ros('config schema', api.socketPath)).stdout)).toEqual(schema);
    expect((await ros('config schema --keys', api.socketPath)).stdout).toBe('hostname\nrancher\nrancher.ssh\nrancher.ssh.port\n');
    expect((await ros('config images', api.socketPath, { stdin: 'x' })).stdout).toBe('a b:1\n');
  });
});

const plan: ConfigPlan = {
  valid: true, problems: [],
  changes: [
    { part: 'hostname', keys: ['hostname'], effect: 'now', restarts: [], what: 'hostname' },
    { part: 'docker', keys: ['rancher.docker'], effect: 'restarts', restarts: ['docker'], what: 'rancher.docker.debug' },
    { part: 'state', keys: ['rancher.state'], effect: 'reboot', restarts: [], what: 'rancher.state' },
  ],
};
const planned = 'hostname  at once           hostname\ndocker    restarts docker   rancher.docker.debug\nstate     at the next boot  rancher.state\n';
const done = { kind: 'done', applied: { changes: [{ part: 'hostname', ok: true, detail: 'hostname' }, { part: 'docker', ok: true, detail: 'x' }], needsReboot: ['state'] } };
const applied = 'applied hostname\napplied docker\nin effect from the next boot on: state\n';

describe('ros config plan and apply', () => {
  it('tells what would change', async () => {
    const api = await serve({ 'POST /v1/config/plan': plan });
    expect(await ros('config plan', api.socketPath)).toMatchObject({ code: 0, stdout: planned });
    await ros('config plan - --replace', api.socketPath, { stdin: 'hostname: a\n' });
    expect(api.bodies).toEqual(['{}', '{"text":"hostname: a\\n","origin":"standard input","replace":true}']);
    const none = await serve({ 'POST /v1/config/plan': { ...plan, changes: [] } });
    expect((await ros('config plan', none.socketPath)).stdout).toBe('the machine is as the configuration says\n');
  });

  it('applies after telling what changes', async () => {
    const api = await serve({ 'POST /v1/config/plan': plan, 'POST /v1/config/apply': lines({ kind: 'progress', text: 'hostname' }, done) });
    expect(await ros('config apply', api.socketPath)).toMatchObject({ code: 0, stdout: planned + applied, stderr: 'hostname\n' });
  });

  it('asks first where services go down, and takes no for an answer', async () => {
    const api = await serve({ 'POST /v1/config/plan': plan, 'POST /v1/config/apply': lines(done) });
    expect(await ros('config apply', api.socketPath, { isTty: true, stdin: 'n\n' })).toMatchObject({ code: 1, stderr: 'Apply this? [Yn] ros: nothing was applied\n' });
    expect(api.requests).not.toContain('POST /v1/config/apply');
    expect(await ros('config apply', api.socketPath, { isTty: true, stdin: '\n' })).toMatchObject({ code: 0 });
    expect(await ros('config apply -f', api.socketPath, { isTty: true, stdin: 'n\n' })).toMatchObject({ code: 0 });
  });

  it('puts a configuration on trial, and says how to keep it', async () => {
    const api = await serve({ 'POST /v1/config/plan': { ...plan, changes: [] }, 'POST /v1/config/apply': lines({ kind: 'done', applied: { changes: [], needsReboot: [], trialMs: 90_000 } }), 'POST /v1/config/confirm': { notes: ['the configuration is kept'] } });
    expect((await ros(`config apply ${fileOf('hostname: b\n')} --try 90s`, api.socketPath)).stdout).toContain('on trial for 1m 30s: "sudo ros config confirm" keeps it');
    expect(JSON.parse(api.bodies[1] ?? '')).toMatchObject({ text: 'hostname: b\n', trySeconds: 90 });
    expect((await ros('config confirm', api.socketPath)).stdout).toBe('the configuration is kept\n');
    for (const wrong of ['soon', '5s', '2h']) expect((await ros(`config apply --try ${wrong}`, api.socketPath)).code).toBe(2);
  });

  it('fails when a part failed, when the text has errors, and when it does not hear the end', async () => {
    const failed = await serve({ 'POST /v1/config/plan': plan, 'POST /v1/config/apply': lines({ kind: 'done', applied: { changes: [{ part: 'mounts', ok: false, detail: 'no such device' }], needsReboot: [] } }) });
    expect(await ros('config apply', failed.socketPath)).toMatchObject({ code: 1, stdout: `${planned}failed mounts: no such device\n` });
    const wrong = await serve({ 'POST /v1/config/plan': { valid: false, problems: [problem], changes: [] } });
    expect(await ros('config apply', wrong.socketPath)).toMatchObject({ code: 1, stdout: '', stderr: `${told}ros: nothing was changed\n` });
    expect(wrong.requests).toHaveLength(1);
    const cut = await serve({ 'POST /v1/config/plan': plan, 'POST /v1/config/apply': lines({ kind: 'progress', text: 'network' }) });
    expect(await ros('config apply', cut.socketPath)).toMatchObject({ code: 1, stderr: expect.stringContaining('hint: ros config status') as string });
  });

  it('is done behind a change that asks for it, and not behind one that failed', async () => {
    const api = await serve({ 'POST /v1/config/set': changed, 'POST /v1/config/plan': plan, 'POST /v1/config/apply': lines(done) });
    expect(await ros('config set hostname b --apply', api.socketPath)).toMatchObject({ code: 0, stdout: planned + applied });
    const wrong = await serve({ 'POST /v1/config/merge': { ...changed, valid: false } });
    await ros('config merge --apply', wrong.socketPath, { stdin: 'x' });
    expect(wrong.requests).toEqual(['POST /v1/config/merge']);
  });
});

describe('ros config history, diff and status', () => {
  it('lists versions, the newest first', async () => {
    const api = await serve({ 'GET /v1/config/history': { versions: [{ n: 12, at: '2026-08-01T11:00:00Z', why: 'set hostname', current: true }, { n: 2, at: '2026-07-31T11:00:00Z', why: 'merge', current: false }] } });
    expect((await ros('config history', api.socketPath)).stdout).toBe('*12  11:00:00             set hostname\n 2   2026-07-31 11:00:00  merge\n');
    const none = await serve({ 'GET /v1/config/history': { versions: [] } });
    expect(await ros('config history', none.socketPath)).toMatchObject({ code: 0, stdout: '' });
  });

  it('prints what differs, value by value', async () => {
    const api = await serve({ 'GET /v1/config/diff': { from: '1', to: 'the file', same: false, changes: [{ path: ['hostname'], before: 'a', after: 'b' }, { path: ['rancher', 'modules'], after: ['zfs', 'x y'] }] } });
    expect((await ros('config diff 1', api.socketPath)).stdout).toBe('- hostname: a\n+ hostname: b\n+ rancher.modules: [zfs, x y]\n');
    await ros('config diff 1 2 --private', api.socketPath);
    expect(api.requests).toEqual(['GET /v1/config/diff?from=1', 'GET /v1/config/diff?from=1&to=2&private=1']);
  });

  it('tells the whole status', async () => {
    const status: ConfigStatus = {
      layers: [{ name: 'built-in', source: 'built-in', usedLastGood: false }, { name: 'cloud-config.yml', source: '/var/lib/rancher/conf/cloud-config.yml', usedLastGood: true }],
      problems: [problem], pending: plan.changes.slice(0, 1),
      datasource: { source: 'ec2', why: 'it answered first', tookMs: 1234, tried: [{ source: 'gce', result: 'no answer' }] },
      hooks: [{ name: 'runcmd 1', exitCode: 0, at: '', tookMs: 1200, output: 'x' }, { name: 'runcmd 2', exitCode: 3, at: '', tookMs: 40, output: 'one\ntwo\u001b[2J\n' }],
      trial: { endsInMs: 42_000 },
    };
    const api = await serve({ 'GET /v1/config/status': status });
    expect((await ros('config status', api.socketPath)).stdout).toBe(`layers
  built-in          built-in
  cloud-config.yml  /var/lib/rancher/conf/cloud-config.yml (broken: its last good copy is in force)

problems
  error: x.yml, line 3, column 5: rancher.ssh.port: expected number, received string
      port: …
            ^

datasource
  ec2: it answered first (after 1.2 s)
  gce  no answer

to apply
  hostname  at once  hostname

trial
  undone in 42s unless confirmed: sudo ros config confirm

hooks
  runcmd 1: done after 1.20 s
  runcmd 2: failed with exit code 3 after 0.04 s
      one
      two [2J
`);
  });
});

describe('ros config edit', () => {
  const file = { text: 'hostname: a\n', digest: 'd1' };
  const places: string[] = [];
  /** Somebody who writes these texts into the file, one after the other, and answers questions with the words. */
  const edit = (socketPath: string, texts: readonly string[], answers: readonly string[] = [], environment: NodeJS.ProcessEnv = {}) => {
    const rest = [...texts];
    const said = [...answers];
    const started: (readonly string[])[] = [];
    return ros('config edit', socketPath, {
      isTty: true, environment,
      runProgram: async (program, args) => {
        started.push([program, ...args.slice(0, -1)]);
        const place = args.at(-1) ?? '';
        places.push(place);
        expect(statSync(place).mode & 0o777).toBe(0o600);
        expect(statSync(dirname(place)).mode & 0o777).toBe(0o700);
        writeFileSync(place, rest.shift() ?? readFileSync(place, 'utf8'));
        return 0;
      },
      stdin: said.join('\n'),
    }).then((run) => ({ ...run, started }));
  };

  it('saves what was edited, and leaves nothing behind', async () => {
    const api = await serve({ 'GET /v1/config/file': file, 'POST /v1/config/file': changed });
    const run = await edit(api.socketPath, ['hostname: b\n'], [], { EDITOR: 'vim -n' });
    expect(run).toMatchObject({ code: 0, started: [['vim', '-n']] });
    expect(api.bodies).toEqual(['{"text":"hostname: b\\n","digest":"d1"}']);
    expect(existsSync(dirname(places.at(-1) ?? ''))).toBe(false);
  });

  it('saves nothing when nothing was changed', async () => {
    const api = await serve({ 'GET /v1/config/file': file });
    expect(await edit(api.socketPath, [])).toMatchObject({ code: 0, stderr: 'ros: nothing was changed\n', started: [['nano']] });
  });

  it('offers a text with errors again', async () => {
    let tries = 0;
    const api = await serve({
      'GET /v1/config/file': file,
      'POST /v1/config/file': (_request, response) => { response.end(JSON.stringify(++tries === 1 ? { ...changed, written: false, valid: false, problems: [problem] } : changed)); },
    });
    const run = await edit(api.socketPath, ['hostname: [', 'hostname: b\n'], ['y']);
    expect(run).toMatchObject({ code: 0, stderr: `${told}Edit it again? [Yn] ` });
    expect(run.started).toHaveLength(2);
    tries = 0;
    expect(await edit(api.socketPath, ['hostname: ['], ['n'])).toMatchObject({ code: 1, stderr: `${told}Edit it again? [Yn] ros: nothing was changed\n` });
  });

  it('keeps the text of who was overtaken', async () => {
    const api = await serve({ 'GET /v1/config/file': file, 'POST /v1/config/file': fail(409, 'ERR_ROS_CONFLICT', 'cannot change configuration: changed meanwhile') });
    const { stderr, code } = await edit(api.socketPath, ['hostname: mine\n']);
    expect(code).toBe(1);
    const kept = /your text is in (\S+)/.exec(stderr)?.[1] ?? '';
    expect(readFileSync(kept, 'utf8')).toBe('hostname: mine\n');
  });

  it('needs a terminal, and an editor that ends well', async () => {
    const api = await serve({ 'GET /v1/config/file': file });
    expect(await ros('config edit', api.socketPath)).toMatchObject({ code: 2 });
    expect(await ros('config edit', api.socketPath, { isTty: true, runProgram: async () => 1 })).toMatchObject({ code: 1, stderr: 'ros: cannot edit configuration: nano ended with exit code 1; nothing was changed\n' });
  });
});

describe('ros config syslinux', () => {
  const told = { device: '/dev/vda2', parameters: ['quiet', 'panic=5'], digest: 'd1' };
  const route = 'POST /v1/boot/parameters';
  const served = (problems: object[] = []) => serve({ 'GET /v1/boot/parameters': told, [route]: { ...told, written: true, problems } });
  const note = 'note: the kernel parameters count from the next start on\n';

  it('opens them in an editor, a line each, and sets what comes back', async () => {
    const api = await served();
    let shown = '';
    const run = await ros('config syslinux', api.socketPath, {
      isTty: true, environment: { EDITOR: 'vi' },
      runProgram: async (_program, args) => { shown = readFileSync(args.at(-1) ?? '', 'utf8'); writeFileSync(args.at(-1) ?? '', '# comment\nquiet rancher.debug=true\n'); return 0; },
    });
    expect(run).toMatchObject({ code: 0, stderr: note });
    expect(shown).toMatch(/^# Kernel parameters [^]*\nquiet\npanic=5\n$/);
    expect(api.bodies).toEqual(['{"parameters":["quiet","rancher.debug=true"],"digest":"d1"}']);
  });

  it('offers a text again that the boot loader could not pass', async () => {
    let tries = 0;
    const api = await serve({
      'GET /v1/boot/parameters': told,
      [route]: (request, response) => { if (tries++ === 0) fail(400, 'ERR_ROS_BAD_REQUEST', 'cannot take kernel parameter "a="b""')(request, response); else response.end(JSON.stringify({ ...told, written: true, problems: [] })); },
    });
    const texts = ['a="b"\n', '  # c\n a=b\n'];
    const run = await ros('config syslinux', api.socketPath, { isTty: true, stdin: 'y\n', runProgram: async (_program, args) => { writeFileSync(args.at(-1) ?? '', texts.shift() ?? ''); return 0; } });
    expect(run).toMatchObject({ code: 0, stderr: expect.stringMatching(/^ros: cannot take kernel parameter "a="b"[^]*Edit it again\? \[Yn\] note:/) as string });
    expect(api.bodies).toEqual(['{"parameters":["a=\\"b\\""],"digest":"d1"}', '{"parameters":["a=b"],"digest":"d1"}']);
  });

  it('sets and shows them without a terminal, which it else needs', async () => {
    const api = await served([{ severity: 'warning', source: 'kernel parameters', path: 'rancher.x', message: 'no such key' }]);
    expect(await ros('config syslinux --set a=1', api.socketPath)).toMatchObject({ code: 0, stdout: '', stderr: expect.stringMatching(/no such key[^]*note: the kernel/) as string });
    expect(api.bodies).toEqual(['{"parameters":["a=1"]}']);
    expect(JSON.parse((await ros('config syslinux --json', api.socketPath)).stdout)).toEqual(told);
    expect(await ros('config syslinux', api.socketPath)).toMatchObject({ code: 2 });
  });
});

describe('ros c', () => {
  it('is ros config, and no name of an object\'s own', async () => {
    expect((await ros('c', '')).stdout).toContain('config get ');
    expect((await ros('constructor', '')).code).toBe(2);
  });
});
