/**
 * `ros supervise`: the story of a boot, and what runs after it. Everything with a lifetime is made here and passed down.
 * Nothing here may throw or exit: what fails is logged, shown at login, and tried again or done without.
 */
import { mkdir } from 'node:fs/promises';
import { routes } from '../api/routes.ts';
import { serveApi } from '../api/server.ts';
import { controlSocketPath, type BootReport, type PowerAction } from '../api/types.ts';
import { plainSet, settingsOf } from '../config/index.ts';
import { createDockerEngine } from '../engine/docker-engine.ts';
import { Daemon } from '../engine/daemon.ts';
import { systemClock } from '../lib/clock.ts';
import { causeOf } from '../lib/errors.ts';
import { createLogBook } from '../lib/log.ts';
import { version } from '../lib/version.ts';
import { Images } from '../services/images.ts';
import { ServiceManager } from '../services/manager.ts';
import { emptyPlan } from '../services/plan.ts';
import { Repositories } from '../services/repository.ts';
import { readTextFile, writeFileAtomic } from '../sys/files.ts';
import { connectInit } from '../sys/init-link.ts';
import { bootId } from '../sys/proc.ts';
import { openKernelLog } from '../sys/sinks.ts';
import { prepareContainer } from './apply/prepare.ts';
import { ConfigApply } from './config-apply.ts';
import { loginMessage } from './login-message.ts';
import { paths, type Machine } from './machine.ts';
import { loadArchived } from './phases/preload.ts';
import { systemContainerd, systemDockerd } from './phases/system-docker.ts';
import { reloadAfter } from './phases/system-services.ts';
import { keepUserServices } from './phases/user-docker.ts';
import { Power } from './power.ts';
import { offerRescue } from './recovery.ts';
import { PublishedPorts } from './published-ports.ts';
import { watchRootImage } from './root-image.ts';
import { Schedules } from './schedules.ts';
import { bootSequence } from './sequences.ts';
import { runSequence } from './sequencer.ts';
import { machineStatus } from './status.ts';
import { SystemPorts } from './system-ports.ts';
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
  const configApply = new ConfigApply(machine);
  const power = new Power(machine, init);
  init.onEvent((event) => { power.onInitEvent(event); });
  await serveApi({ socketPath: controlSocketPath, groupId: rosGroup, routes: routes(machine, configApply), log });
  setInterval(() => { machine.refreshLogin(); }, refreshEveryMs);
  watchRootImage(machine);
  await boot();
  configApply.start().catch((error: unknown) => { log.error(`config: ${causeOf(error)}`); });

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
    const userEngine = createDockerEngine(paths.userSocket);
    // The user plane has a cgroup of its own, from which its dockerd goes on.
    const planes = { system: { engine: systemEngine, cgroupParent: '/system', seesPids: true }, user: { engine: userEngine, cgroupParent: '', seesPids: false } };
    const images = new Images({ clock, log, auths: () => created.settings.registryAuths, archives: (engine, reference, onProgress) => loadArchived(created, engine, reference, onProgress) });
    const systemPorts = new SystemPorts({ clock, log });
    setInterval(() => { void systemPorts.look(); }, refreshEveryMs);
    let booted = false;
    const services: ServiceManager = new ServiceManager({
      planes, images, clock, log, stoppedDir: paths.stopped,
      prepare: (service, containerId) => prepareContainer(created, service, containerId),
      onEngineLost: (scope) => { if (scope === 'system') systemDocker.poke(); else void keepUserServices(created); },
      onEngineEvent: (scope, { kind }) => { if (scope === 'user' && (kind === 'started' || kind === 'exited')) publishedPorts.changed(); },
      onChange: () => { created.refreshLogin(); systemPorts.changed(); publishedPorts.changed(); },
      onReady: (name, startMs, endMs) => {
        timeline.add({ name, kind: 'service', startMs, endMs });
        void reloadAfter(created, name);
        if (name === 'docker') systemPorts.forget(); // it has just made the packet filter's table anew
      },
    });
    const containerd = new Daemon({ ...systemContainerd, clock, log, onUp: () => undefined });
    const systemDocker = new Daemon({
      ...systemDockerd(() => created.systemDockerSet), answers: (timeoutMs) => systemEngine.ping(timeoutMs), clock, log,
      // The first time the boot sequence does it, when the images are there.
      onUp: () => {
        if (booted) services.engineUp('system').catch((error: unknown) => { log.error(`services: ${causeOf(error)}`); systemDocker.poke(); });
        booted = true;
      },
    });
    const created: Machine = {
      clock, log, book, timeline, version, systemEngine, containerd, systemDocker, systemDockerSet: plainSet, services, userEngine, planes, images,
      schedules: new Schedules(services, clock, log),
      plan: emptyPlan,
      repositories: () => new Repositories({ repositories: created.settings.repositories, cacheDirectory: paths.cache, clock, retries: created.settings.httpLoadRetries }),
      configuredServices: [],
      warnings: new Map(),
      settings: settingsOf({}),
      applied: undefined, unfinished: {}, hooks: [], datasource: undefined,
      found: { value: undefined, problems: [] },
      state: { kind: 'ram' },
      status: () => machineStatus(created),
      refreshLogin: atMostEvery(refreshMs, async () => { await writeFileAtomic(paths.motd, loginMessage(await created.status()), 0o644); }),
      power: (action: PowerAction, why: string) => { power.begin(action, why); },
    };
    const publishedPorts = new PublishedPorts(created, {
      published: async () => services.isReady('docker') ? userEngine.publishedPorts() : [],
      reserved: () => {
        const { SYSTEM_TCP_PORTS: tcp = '', SYSTEM_UDP_PORTS: udp = '' } = created.plan.services.get('docker')?.environment ?? {};
        return { tcp, udp };
      },
    });
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
