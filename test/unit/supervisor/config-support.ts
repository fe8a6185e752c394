/** A machine as far as its configuration goes, in a directory of its own, with a clock that tests own. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { loadConfig, settingsOf } from '../../../src/config/index.ts';
import { ConfigAdmin } from '../../../src/supervisor/config-admin.ts';
import { ConfigApply, type ApplyPlace } from '../../../src/supervisor/config-apply.ts';
import type { Machine } from '../../../src/supervisor/machine.ts';

const cleanUps: (() => void)[] = [];
afterEach(() => { for (const cleanUp of cleanUps.splice(0)) cleanUp(); });

export interface Bench {
  readonly machine: Machine;
  readonly admin: ConfigAdmin;
  readonly applier: ConfigApply;
  /** Another supervisor on the same machine. */
  restarted(this: void): ConfigApply;
  readonly conf: string;
  write(this: void, name: string, text: string): void;
  read(this: void, name?: string): string;
  /** Host names, in the order in which they were put into effect. */
  readonly appliedNames: string[];
  /** Lets time go by, and what is due happen. */
  pass(this: void, ms: number): Promise<void>;
  failApply: Error | undefined;
}

export async function bench(text = 'hostname: a\n', cmdline = ''): Promise<Bench> {
  const root = mkdtempSync(join(tmpdir(), 'ros-config-'));
  cleanUps.push(() => { rmSync(root, { recursive: true, force: true }); });
  const conf = join(root, 'conf');
  mkdirSync(join(conf, 'cloud-config.d'), { recursive: true });
  if (text !== '') writeFileSync(join(conf, 'cloud-config.yml'), text);

  let nowMs = 1_000_000;
  const timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const machine = {
    clock: {
      uptimeMs: () => nowMs,
      now: () => new Date(Date.UTC(2026, 7, 1, 12) + nowMs),
      after(delayMs: number, callback: () => void) {
        const timer = { atMs: nowMs + delayMs, callback };
        timers.add(timer);
        return () => { timers.delete(timer); };
      },
    },
    log: quiet, warnings: new Map<string, string>(), refreshLogin: () => undefined, unfinished: {}, hooks: [], datasource: undefined,
    found: { value: undefined, problems: [] }, state: { kind: 'disk' },
  } as unknown as Machine;
  const load: ApplyPlace['load'] = (cloudConfig) => loadConfig({ confDirectory: conf, cmdline, readOnly: true, ...(cloudConfig !== undefined && { cloudConfig }) });
  const reload = async (): Promise<void> => { machine.settings = settingsOf((await load()).config); };
  await reload();
  machine.applied = machine.settings;
  const made: Bench = {
    machine, conf, appliedNames: [], failApply: undefined,
    admin: new ConfigAdmin(machine, { directory: conf, load, reload }),
    applier: undefined as unknown as ConfigApply,
    restarted: () => new ConfigApply(machine, place),
    write: (name, content) => { writeFileSync(join(conf, name), content); },
    read: (name = 'cloud-config.yml') => readFileSync(join(conf, name), 'utf8'),
    async pass(ms) {
      nowMs += ms;
      for (const timer of [...timers].filter(({ atMs }) => atMs <= nowMs)) { timers.delete(timer); timer.callback(); }
      // What was begun comes first in the queue; this is let in behind it, and finds nothing to do.
      await made.applier.endTrial('', true).catch(() => undefined);
      await new Promise((resolve) => { setImmediate(resolve); });
    },
  };
  const place: ApplyPlace = {
    directory: conf, load, reload, inForceFile: join(root, 'in-force.yml'), bootId: async () => 'this-boot',
    async apply() {
      if (made.failApply !== undefined) throw made.failApply;
      await reload();
      machine.applied = machine.settings;
      made.appliedNames.push(machine.settings.hostname);
      return { changes: [{ part: 'hostname', ok: true, detail: 'hostname' }], needsReboot: [] };
    },
  };
  const applier = new ConfigApply(machine, place);
  await applier.start();
  return Object.assign(made, { applier });
}
