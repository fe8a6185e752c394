/**
 * Commands that the configuration runs: `bootcmd` on the machine at every boot, `runcmd` and the owner's scripts in the
 * console at each of its starts. One after the other; one that fails is told and does not stop the others. What ran is kept in
 * /run, so that a supervisor that takes over goes on where the last one ended and runs nothing twice.
 */
import { open } from 'node:fs/promises';
import type { CommandSetting } from '../config/index.ts';
import { causeOf } from '../lib/errors.ts';
import { Turns } from '../lib/turns.ts';
import { readTextFile, writeFileAtomic } from '../sys/files.ts';
import { runJob, type JobResult } from '../sys/job.ts';
import { fingerprint } from './apply/applied.ts';
import { loginEnvironment } from './apply/environment.ts';
import { paths, type HookResult, type Machine } from './machine.ts';

export interface Hook {
  readonly name: string;
  /** Another command of the same name has another one; the name when absent. */
  readonly key?: string;
  run(): Promise<JobResult>;
}

/** Of one run of all hooks: of a boot, or of a start of the console. */
interface Progress {
  readonly id: string;
  readonly results: readonly HookResult[];
  /** The keys of those that have begun. */
  readonly begun: readonly string[];
  readonly doing?: { readonly name: string; readonly at: string };
}
type Kept = Readonly<Partial<Record<HookKind, Progress>>>;
export type HookKind = 'boot' | 'console';

const kinds: readonly HookKind[] = ['boot', 'console'];
/** A boot waits for them. */
const bootcmdMs = 120_000;
/** Nothing waits for them; a pull of many images may take long. */
const consoleHookMs = 3_600_000;
const killAfterS = 10;
const tailBytes = 4096;
const limit = 1024 * 1024;
const hooksCgroup = `${paths.systemCgroup}/hooks`;

/** The scripts of the machine's owner, in their order. The last is the console's own file, the others the machine's. */
export const scripts = ['/var/lib/rancher/conf/cloud-config-script', '/opt/rancher/bin/start.sh', '/etc/rc.local'] as const;

export class HookRuns {
  readonly #machine: Pick<Machine, 'clock' | 'log' | 'warnings' | 'refreshLogin' | 'hooks'>;
  readonly #file: string;
  readonly #oneAtATime: Readonly<Record<HookKind, Turns>> = { boot: new Turns(1), console: new Turns(1) };
  #kept: Kept = {};

  constructor(machine: Pick<Machine, 'clock' | 'log' | 'warnings' | 'refreshLogin' | 'hooks'>, file: string = paths.hooks) {
    this.#machine = machine;
    this.#file = file;
  }

  /** What another supervisor of this boot has run. */
  async load(): Promise<void> {
    const text = await readTextFile(this.#file, limit).catch(() => undefined);
    try { this.#kept = text === undefined ? {} : JSON.parse(text) as Kept; } catch { this.#kept = {}; }
    this.#show();
  }

  /**
   * Runs the hooks of a run that have not run yet. `id` tells one run of a kind from the next. Ends early when `isOver` says
   * so. Never rejects.
   */
  async run(kind: HookKind, id: string, hooks: readonly Hook[], isOver: () => boolean = () => false): Promise<void> {
    await this.#oneAtATime[kind].take(0, () => this.#run(kind, id, hooks, isOver));
  }

  async #run(kind: HookKind, id: string, hooks: readonly Hook[], isOver: () => boolean): Promise<void> {
    const { clock } = this.#machine;
    const kept = this.#kept[kind];
    if (kept?.id !== id) {
      if (hooks.length === 0 && kept === undefined) return;
      await this.#keep(kind, { id, results: [], begun: [] });
    } else if (kept.doing !== undefined) {
      const { name, at } = kept.doing;
      await this.#keep(kind, { id, begun: kept.begun, results: [...kept.results, { name, at, exitCode: -1, tookMs: 0, output: 'the supervisor was replaced while it ran; how it ended is not known' }] });
    }
    for (const hook of hooks) {
      const { results = [], begun = [] } = this.#kept[kind] ?? {};
      const key = hook.key ?? hook.name;
      if (begun.includes(key)) continue;
      if (isOver()) return;
      const at = clock.now().toISOString();
      const startMs = clock.uptimeMs();
      await this.#keep(kind, { id, results, begun: [...begun, key], doing: { name: hook.name, at } });
      const { exitCode, output } = await hook.run().catch((error: unknown): JobResult => ({ exitCode: -1, output: causeOf(error) }));
      if (isOver()) return;
      const result: HookResult = { name: hook.name, exitCode, at, tookMs: Math.round(clock.uptimeMs() - startMs), output: output.trim() };
      await this.#keep(kind, { id, results: [...results, result], begun: [...begun, key] });
      this.#tell(result);
    }
  }

  /** Without the output, which may be anything: `ros config status` has it. */
  #tell({ name, exitCode, tookMs }: HookResult): void {
    const { log, warnings, refreshLogin } = this.#machine;
    const words = exitCode === -1 ? 'did not come to its end' : `ended with exit code ${exitCode}`;
    if (exitCode === 0) log.info(`hook[${name}]: done in ${tookMs} ms`);
    else log.warn(`hook[${name}]: ${words} after ${tookMs} ms`);
    if (exitCode === 0) warnings.delete(`hook ${name}`);
    else warnings.set(`hook ${name}`, `Configuration: ${name} ${words}; "ros config status" shows what it said.`);
    refreshLogin();
  }

  async #keep(kind: HookKind, progress: Progress): Promise<void> {
    this.#kept = { ...this.#kept, [kind]: progress };
    this.#show();
    await writeFileAtomic(this.#file, JSON.stringify(this.#kept), 0o600).catch((error: unknown) => { this.#machine.log.warn(`hooks: ${causeOf(error)}`); });
  }

  #show(): void { this.#machine.hooks = kinds.flatMap((kind) => this.#kept[kind]?.results ?? []); }
}

/** On the machine itself, in the root image with the state open: neither an engine nor a container is needed, and what is mounted is mounted for all. */
export function bootHooks(commands: readonly CommandSetting[], environment: Readonly<Record<string, string>>, cgroup: string = hooksCgroup): Hook[] {
  return commands.map((command, index) => ({
    name: `bootcmd ${index + 1}`, key: `bootcmd ${fingerprint([index, command])}`,
    run: () => runJob(words(command), { environment, timeoutMs: bootcmdMs, tailBytes, cgroup }),
  }));
}

/** In the console's container, whose first process is `pid` as the machine counts. */
export async function consoleHooks({ applied, settings, systemEngine }: Machine, id: string, pid: number, places: readonly string[] = scripts): Promise<Hook[]> {
  const { runcmd } = applied ?? settings;
  const environment = loginEnvironment(applied ?? settings);
  const inConsole = (name: string, command: readonly string[]): Hook => ({
    name, key: name.startsWith('/') ? name : fingerprint([name, command]),
    run: () => systemEngine.exec(id, {
      command: ['timeout', '-k', String(killAfterS), String(consoleHookMs / 1000), ...command], environment, timeoutMs: consoleHookMs + 2 * killAfterS * 1000, tailBytes,
    }),
  });
  const found = await Promise.all(places.map(async (path) => ({ path, kind: await kindOfScript(path === '/etc/rc.local' ? `/proc/${pid}/root${path}` : path) })));
  return [
    ...runcmd.map((command, index) => inConsole(`runcmd ${index + 1}`, words(command))),
    // As RancherOS does: what begins like a program is one, everything else is for the shell.
    ...found.flatMap(({ path, kind }) => (kind === undefined ? [] : [inConsole(path, kind === 'program' ? ['sh', '-c', 'chmod 755 "$0"; exec "$0"', path] : ['sh', path])])),
  ];
}

async function kindOfScript(path: string): Promise<'program' | 'text' | undefined> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    if (!(await file.stat()).isFile()) return undefined;
    const { bytesRead, buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer.toString('latin1') === '#!' ? 'program' : 'text';
  } finally {
    await file.close();
  }
}

function words(command: CommandSetting): readonly string[] { return typeof command === 'string' ? ['sh', '-c', command] : command; }
