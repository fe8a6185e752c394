/**
 * `ros supervise`: the story of a boot, and what runs after it. Everything with a lifetime is made here and passed down.
 * Nothing here may throw or exit: what fails is logged, shown at login, and tried again or done without.
 */
import { mkdir } from 'node:fs/promises';
import { routes } from '../api/routes.ts';
import { serveApi } from '../api/server.ts';
import { controlSocketPath, type BootReport, type PowerAction } from '../api/types.ts';
import { settingsOf } from '../config/index.ts';
import { createDockerEngine } from '../engine/docker-engine.ts';
import { Daemon } from '../engine/daemon.ts';
import { systemClock } from '../lib/clock.ts';
import { causeOf } from '../lib/errors.ts';
import { createLogBook } from '../lib/log.ts';
import { version } from '../lib/version.ts';
import { ServiceManager } from '../services/manager.ts';
import { readTextFile, writeFileAtomic } from '../sys/files.ts';
import { connectInit } from '../sys/init-link.ts';
import { bootId } from '../sys/proc.ts';
import { openKernelLog } from '../sys/sinks.ts';
import { loginMessage } from './login-message.ts';
import { paths, type Machine } from './machine.ts';
import { systemContainerd, systemDockerd } from './phases/system-docker.ts';
import { Power } from './power.ts';
import { offerRescue } from './recovery.ts';
import { bootSequence } from './sequences.ts';
import { runSequence } from './sequencer.ts';
import { machineStatus } from './status.ts';
import { Timeline } from './timeline.ts';

const initFd = 3;
const rosGroup = 1102;
const reportLimit = 1024 * 1024;
/** Login text and timeline are written at most this often, whatever happens. */
const refreshMs = 500;
/** Addresses change without telling us. */
const refreshEveryMs = 30_000;

export async function supervise(): Promise<void> {
  const clock = systemClock;
  const book = createLogBook(clock, 'info');
  const { log } = book;
  // The last resort against a mistake of ours: PID 1 starts us again, and the containers do not notice.
  process.on('uncaughtException', (error) => { process.stderr.write(`ros: ${error.stack ?? String(error)}\n`, () => { process.exit(70); }); });
  const init = connectInit(initFd);
  await mkdir(paths.run, { recursive: true });
  book.addSink(await openKernelLog());
  log.info(`supervisor: CorralOS ${version} takes over`);

  const timeline = await openTimeline();
  timeline.milestone('supervisor');
  const machine = createMachine();
  const power = new Power(machine, init);
  init.onEvent((event) => { power.onInitEvent(event); });
  await serveApi({ socketPath: controlSocketPath, groupId: rosGroup, routes: routes(machine), log });
  setInterval(() => { machine.refreshLogin(); }, refreshEveryMs);
  await boot();

  async function boot(): Promise<void> {
    for (;;) {
      try {
        await runSequence(bootSequence, machine, { clock, log, timeline, onWarning: (phase, cause) => { machine.warnings.set(`phase ${phase}`, `Boot phase ${phase} failed: ${cause}`); } });
        log.info(`supervisor: boot done ${(clock.uptimeMs() / 1000).toFixed(1)} s after kernel start`);
        machine.refreshLogin();
        return;
      } catch (error) {
        if (power.ending) return;
        await offerRescue(machine, causeOf(error));
      }
    }
  }

  function createMachine(): Machine {
    const systemEngine = createDockerEngine(paths.systemSocket);
    let booted = false;
    const services: ServiceManager = new ServiceManager({
      engine: systemEngine, clock, log, cgroupParent: '/system', stoppedDir: paths.stopped,
      onEngineLost: () => { systemDocker.poke(); },
      onChange: () => { created.refreshLogin(); },
      onReady: (name, startMs, endMs) => { timeline.add({ name, kind: 'service', startMs, endMs }); },
    });
    const containerd = new Daemon({ ...systemContainerd, clock, log, onUp: () => undefined });
    const systemDocker = new Daemon({
      ...systemDockerd, answers: (timeoutMs) => systemEngine.ping(timeoutMs), clock, log,
      // The first time the boot sequence does it, when the images are there.
      onUp: () => {
        if (booted) services.engineUp().catch((error: unknown) => { log.error(`services: ${causeOf(error)}`); systemDocker.poke(); });
        booted = true;
      },
    });
    const created: Machine = {
      clock, log, book, timeline, version, systemEngine, containerd, systemDocker, services,
      userEngine: createDockerEngine(paths.userSocket),
      warnings: new Map(),
      settings: settingsOf({}),
      found: { value: undefined, problems: [] },
      state: { kind: 'ram' },
      status: () => machineStatus(created),
      refreshLogin: atMostEvery(refreshMs, async () => { await writeFileAtomic(paths.motd, loginMessage(await created.status()), 0o644); }),
      power: (action: PowerAction, why: string) => { power.begin(action, why); },
    };
    return created;
  }

  async function openTimeline(): Promise<Timeline> {
    const id = await bootId();
    const earlier = parseReport(await readTextFile(paths.bootReport, reportLimit).catch(() => undefined));
    let latest: BootReport | undefined;
    const save = atMostEvery(refreshMs, async () => { await writeFileAtomic(paths.bootReport, JSON.stringify(latest), 0o644); });
    return new Timeline(clock, id, earlier, (report) => { latest = report; save(); });
  }

  /** A call of the result runs `work` soon, once for all calls until then; its failure is logged. */
  function atMostEvery(delayMs: number, work: () => Promise<void>): () => void {
    let planned = false;
    return () => {
      if (planned) return;
      planned = true;
      clock.after(delayMs, () => { planned = false; work().catch((error: unknown) => { log.warn(causeOf(error)); }); });
    };
  }
}

function parseReport(text: string | undefined): BootReport | undefined {
  try { return text === undefined ? undefined : (JSON.parse(text) as BootReport); } catch { return undefined; }
}
