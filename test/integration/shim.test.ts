/** The real shim as PID 1 of a PID namespace, with scripts for a supervisor. Only boot.c, which needs a machine, is another. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { buildForTests, buildProduct, Shim, type Options } from './shim/shim.ts';

let directory: string;
let binary: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'shim-build-'));
  binary = buildForTests(directory);
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

const shim = (options: Options): Shim => new Shim(binary, options);

/** Lives as long as it may, prints what it hears. */
const steady = `
alive
echo "up as $$"
while :; do alive; hear 0.2 && echo "heard $heard"; done
`;

test('the product is small and static', () => {
  const product = buildProduct(directory);
  expect(statSync(product).size).toBeLessThan(64 * 1024);
  expect(readFileSync(product).includes('ld-musl')).toBe(false);
});

test('the supervisor gets its contract: arguments, environment, descriptors, session, signals', async () => {
  await using init = shim({
    supervisor: `
      echo "args $0 $*"
      echo "env $(tr '\\0' ' ' < /proc/$$/environ)."
      ls -l /proc/$$/fd > list # no pipe: bash would have its end open
      sed -n 's/.* \\([0-9]*\\) -> /fd \\1 /p' list
      read -r _ _ _ _ _ session _ < /proc/$$/stat
      echo "session $(( session == $$ ))"
      grep -E 'Sig(Blk|Ign)' /proc/self/status
      echo listed
      ${steady}`,
  });
  await init.line(/^listed/);
  const said = init.lines;
  expect(said).toContain(`args ${init.file('ros')} supervise`);
  expect(said).toContain('env PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ TERM=linux .');
  const fds = said.filter((line) => line.startsWith('fd ') && !line.includes(init.directory));
  expect(fds.map((line) => line.replace(/\[\d+\]/, ''))).toEqual([
    'fd 0 /dev/null', expect.stringMatching(/^fd 1 /), expect.stringMatching(/^fd 2 /), 'fd 3 socket:',
  ]);
  expect(said).toContain('session 1');
  expect(said).toContain('SigBlk:\t0000000000000000');
  expect(said).toContain('SigIgn:\t0000000000000000');
});

test('reaps 500 orphans, reports some and counts the rest', async () => {
  await using init = shim({
    supervisor: `for i in {1..500}; do (sleep 0.5 &); done; ${steady}`,
    env: { log_window: '3000' },
  });
  let counted = 0;
  let reported = 0;
  while (counted < 500) {
    const line = await init.line(/init: reaped (?:\d+ \(sleep\) from \/.*: exit 0|\.\.\. and (\d+) more)$/);
    counted += Number(line[1] ?? 1);
    if (line[1] === undefined) reported++;
  }
  expect(counted).toBe(500);
  expect(reported).toBeLessThanOrEqual(100); // 20 a window; a busy machine may take several windows
  expect([...init.children().values()]).not.toContain('Z');
});

test('reports how an orphan ended', async () => {
  await using init = shim({
    supervisor: `(bash -c 'sleep 0.3; exit 7' &); (bash -c 'sleep 0.3; kill -SEGV $$' &); ${steady}`,
  });
  const first = await init.line(/\(bash\) from .*: (.*)/);
  const second = await init.line(/\(bash\) from .*: (.*)/);
  expect([first[1], second[1]].sort()).toEqual(['exit 7', 'signal 11 (Segmentation fault)']);
});

describe('the supervisor', () => {
  test('is started again when it dies, each time later, and its children live on', async () => {
    const now = 'read -r seconds _ < /proc/uptime; echo';
    await using init = shim({
      supervisor: `${now} "up at $seconds"; sleep 1000 & alive; hear 0.2; ${now} "down at $seconds"; kill -9 $$`,
    });
    for (const delayMs of [200, 400, 800]) {
      const down = await init.line(/^down at (.*)/);
      await init.line(/supervisor: died: signal 9 \(Killed\)/);
      await init.line(new RegExp(`restart in ${delayMs} ms`));
      const up = await init.line(/^up at (.*)/);
      expect(Number(up[1]) - Number(down[1])).toBeGreaterThanOrEqual(delayMs / 1000 - 0.02);
    }
    expect(init.lines.filter((line) => line.includes('(sleep)'))).toEqual([]);
  });

  test('that was proven is started again without the delay of its earlier deaths', async () => {
    await using init = shim({
      supervisor: `[ -e third ] && for i in {1..8}; do alive; hear 0.2; done
        [ -e second ] && touch third; [ -e first ] && touch second; touch first; exit 3`,
      env: { proven: '1000' },
    });
    const restarts: (string | undefined)[] = [];
    while (restarts.length < 4) restarts.push((await init.line(/restart in (.*)/))[1]);
    expect(restarts).toEqual(['200 ms (death 1)', '400 ms (death 2)', '800 ms (death 3)', '200 ms (death 1)']);
  });

  test('is replaced when its heartbeat stops', async () => {
    await using init = shim({ supervisor: steady, env: { silence: '1000' } });
    const before = await init.line(/^up as (\d+)/);
    init.signalSupervisor('SIGSTOP');
    await init.line(/silent for too long/);
    await init.line(/died: signal 9/);
    const after = await init.line(/^up as (\d+)/);
    expect(after[1]).not.toBe(before[1]);
  });

  test('is replaced when its first heartbeat never comes, and that is not a life', async () => {
    await using init = shim({
      supervisor: 'echo mute; sleep 1000',
      env: { first_alive: '300', silence: '100', proven: '200', delay_min: '10' },
    });
    await init.line(/^mute/);
    await init.line(/silent for too long/);
    await init.line(/death 1/);
    await init.line(/death 2/);
  });

  test('that chatters without an end does not keep the shim from its other duties', async () => {
    await using init = shim({ supervisor: `echo up; for i in {1..8}; do yes alive >&3 & done; wait` });
    await init.line(/^up/);
    init.signal('SIGTERM');
    await init.line(/signal 15: term/, 3000);
  });

  test('that says nonsense is told so in the log and nothing else happens', async () => {
    await using init = shim({
      supervisor: `say "$(printf 'x%.0s' {1..5000})"; say end world; say ending poweroff; say; echo said; ${steady}`,
    });
    for (const words of ['xxxxx', 'end world', 'ending poweroff', '$']) {
      await init.line(new RegExp(`said something unknown: ${words}`));
    }
    init.signal('SIGUSR2');
    await init.line(/heard event poweroff/);
  });

  test('that dies six times in a row makes room for a rescue shell, and gets another chance after it', async () => {
    await using init = shim({
      supervisor: '[ -e repaired ] || exit 1; ' + steady,
      shell: 'echo "shell $* session $(( $(cut -d" " -f6 /proc/$$/stat) == $$ ))"; echo words; touch repaired; exit 4',
      env: { delay_min: '10', CONSOLE: join(directory, 'console') },
      before: `touch ${join(directory, 'console')}`,
    });
    for (let death = 1; death < 6; death++) await init.line(new RegExp(`death ${death}`));
    await init.line(/<1>init: the supervisor died 6 times in a row; here is a shell/);
    await init.line(/rescue shell: exit 4/);
    await init.line(/^up as/);
    expect(readFileSync(join(directory, 'console'), 'utf8')).toContain('words');
  });
});

test('without a root image there is a shell, and after it another search', async () => {
  await using init = shim({
    supervisor: steady,
    shell: 'touch root',
    env: { ROOT: 'root', CONSOLE: '/dev/null' },
  });
  await init.line(/rescue shell: exit 0/);
  await init.line(/^up as/);
});

describe('signals', () => {
  test.each([
    ['SIGINT', 'ctrl-alt-del'], ['SIGTERM', 'term'], ['SIGPWR', 'power'], ['SIGUSR2', 'poweroff'], ['SIGUSR1', 'halt'],
  ] as const)('%s reaches the supervisor as %s', async (signal, event) => {
    await using init = shim({ supervisor: steady });
    await init.line(/^up/);
    init.signal(signal);
    await init.line(new RegExp(`^heard event ${event}$`));
  });

  test.each([
    ['SIGINT', 'reboot', 'SIGHUP'], ['SIGTERM', 'reboot', 'SIGHUP'], ['SIGPWR', 'poweroff', 'SIGINT'],
    ['SIGUSR2', 'poweroff', 'SIGINT'], ['SIGUSR1', 'halt', 'SIGINT'],
  ] as const)('%s that nobody answers ends in %s', async (signal, how, ending) => {
    await using init = shim({ supervisor: steady, env: { answer: '500' } });
    await init.line(/^up/);
    init.signal(signal);
    await init.line(/^heard/);
    await init.line(/has not ended the machine in time/);
    await init.line(new RegExp(`end: ${how} now`));
    expect((await init.ended).signal).toBe(ending);
  });

  test('an answer gives the supervisor the time it asked for', async () => {
    await using init = shim({
      supervisor: `echo up; until hear 0.2; do alive; done; say ending halt 2; ${steady}`,
      env: { answer: '300' },
    });
    await init.line(/^up/);
    const askedAtMs = performance.now();
    init.signal('SIGTERM');
    await init.line(/has not ended the machine in time/);
    expect(performance.now() - askedAtMs).toBeGreaterThan(2000);
    await init.line(/end: halt now/);
  });

  test('without a supervisor the shim ends the machine at once', async () => {
    await using init = shim({ supervisor: 'exit 1', env: { delay_min: '60000', delay_max: '60000' } });
    await init.line(/restart in/);
    init.signal('SIGTERM');
    await init.line(/end: reboot now/, 3000);
    expect((await init.ended).signal).toBe('SIGHUP');
  });

  test('a supervisor that takes nothing from its socket does not block the shim', async () => {
    await using init = shim({
      supervisor: 'echo up; while :; do alive; sleep 0.2; done',
      env: { answer: '60000' },
    });
    await init.line(/^up/);
    const flood = setInterval(() => { for (let i = 0; i < 20; i++) init.signal('SIGUSR1'); }, 1);
    try {
      await init.line(/does not take events: Resource temporarily unavailable/, 30_000);
    } finally {
      clearInterval(flood);
    }
    init.signalSupervisor('SIGKILL'); // still listening: it sees the death, and what was left to do
    await init.line(/end: halt now/);
  });
});

describe('the end', () => {
  test('asks with TERM, insists with KILL, and is over in time', async () => {
    await using init = shim({
      supervisor: `
        bash -c 'trap "echo polite; exit" TERM; echo ready; while :; do sleep 0.1; done' &
        bash -c 'trap "" TERM; echo ready; while :; do sleep 0.1; done' &
        alive; hear 2; say end poweroff; ${steady}`,
      env: { term: '1000' },
    });
    await init.line(/end: poweroff$/);
    await init.line(/^polite/);
    const term = await init.line(/end: TERM: some left after (\d+) ms/);
    expect(Number(term[1])).toBeGreaterThanOrEqual(1000);
    await init.line(/end: KILL: all gone/);
    await init.line(/end: sync: done/);
    await init.line(/end: unmount: done/);
    await init.line(/end: last sync: done/);
    await init.line(/end: poweroff now/);
    expect(await init.ended).toEqual({ code: null, signal: 'SIGINT' });
  });

  test('does not wait when all have gone', async () => {
    await using init = shim({ supervisor: `sleep 1000 & alive; say end reboot; sleep 1000`, env: { term: '60000' } });
    const term = await init.line(/end: TERM: all gone after (\d+) ms/);
    expect(Number(term[1])).toBeLessThan(5000);
    expect((await init.ended).signal).toBe('SIGHUP');
  });

  test('reaches a stopped process', async () => {
    await using init = shim({
      supervisor: `bash -c 'trap "echo woken; exit" TERM; kill -STOP $$; sleep 1000' &
        alive; until grep -q '^State:.T' /proc/$!/status; do :; done; say end poweroff; sleep 1000`,
    });
    await init.line(/^woken/);
    await init.line(/end: poweroff now/);
  });

  test('takes the last words of a supervisor that dies', async () => {
    await using init = shim({
      supervisor: `[ -e go ] && sleep 1000; echo up; until [ -e go ]; do alive; hear 0.1; done; say end halt; exit 0`,
    });
    await init.line(/^up/);
    init.signal('SIGSTOP'); // so that it finds the words and the death at once
    writeFileSync(init.file('go'), '');
    await vi.waitUntil(() => [...init.children().values()].includes('Z'), { timeout: 10_000 });
    init.signal('SIGCONT');
    await init.line(/end: halt now/);
  });

  test('goes on by itself when the supervisor dies after it has announced it', async () => {
    await using init = shim({ supervisor: 'alive; say ending reboot 60; hear 0.5; kill -9 $$' });
    await init.line(/died before the machine had ended/);
    await init.line(/end: reboot now/);
  });

  test('unmounts what is mounted, newest first', async () => {
    const points = ['a', 'a/b', 'with space'];
    await using init = shim({
      before: `mkdir a 'with space'; mount -t tmpfs t a; mkdir a/b; mount -t tmpfs t a/b; mount -t tmpfs t 'with space'
        grep " $PWD/" /proc/self/mountinfo > table`,
      supervisor: steady,
      env: { MOUNTS: 'table', answer: '100' },
    });
    await init.line(/^up/);
    using mounts = init.mounts();
    expect(points.filter((point) => mounts.at(point))).toEqual(points);
    init.signal('SIGTERM');
    await init.ended;
    expect(points.filter((point) => mounts.at(point))).toEqual([]);
  });

  test('makes read-only what stays busy, and has no word for a medium that is', async () => {
    await using init = shim({
      before: `mkdir disk medium; for m in disk medium; do mount -t tmpfs t $m; mkdir $m/inner; mount -t tmpfs t $m/inner; done
        echo "1 1 0:1 / $PWD/disk rw shared:1 - ext4 /dev/sda1 rw,relatime" > table
        echo "2 1 0:2 / $PWD/medium ro,nosuid - iso9660 /dev/sr0 ro,relatime" >> table`,
      supervisor: `alive; say end poweroff; ${steady}`,
      env: { MOUNTS: 'table' },
    });
    await init.line(/end: \S+\/disk is busy; now read-only/);
    await init.line(/end: poweroff now/);
    expect(init.lines.filter((line) => line.includes('/medium'))).toEqual([]);
  });
});
