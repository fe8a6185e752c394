/**
 * A dockerd process of ours: started or adopted, watched, restarted. It outlives the supervisor on purpose (it is a
 * session of its own), so everything about it is derived: the socket says whether it answers, the pid file who it is.
 */
import type { Clock } from '../lib/clock.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { waitFor } from '../lib/wait.ts';
import { spawnDaemon } from '../sys/exec.ts';
import { readTextFile } from '../sys/files.ts';
import { processName } from '../sys/proc.ts';
import { awaitSocket } from '../sys/socket.ts';
import type { Engine } from './engine.ts';

export interface DaemonOptions {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly socketPath: string;
  readonly pidFile: string;
  readonly logFile: string;
  readonly cgroup: string;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  /** Called after every start or adoption, when the daemon answers. */
  readonly onUp: () => void;
}

const readyTimeoutMs = 180_000;
const readyPauseMs = 250;
const logReadLimit = 16 * 1024 * 1024;
const checkEveryMs = 10_000;
const pingTimeoutMs = 15_000;
/** A daemon that misses this many pings in a row hangs, and is killed. */
const pingsMissed = 3;
const firstDelayMs = 200;
const lastDelayMs = 10_000;
/** After this long without a fall the delay before a restart starts small again. */
const stableMs = 60_000;

export class EngineDaemon {
  readonly #options: DaemonOptions;
  #exited: Promise<string> = new Promise(() => undefined);
  #poke: () => void = () => undefined;
  #stopping = false;

  constructor(options: DaemonOptions) { this.#options = options; }

  /** Brings the daemon up and keeps it up from then on. Resolves when it first answers. */
  async start(): Promise<'adopted' | 'started'> {
    const how = await this.#bringUp();
    this.#options.onUp();
    void this.#keepUp();
    return how;
  }

  async isRunning(): Promise<boolean> { return (await this.#pid()) !== undefined; }

  /** Checks at once: whoever sees the daemon's event stream end calls this, and a death is noticed in milliseconds. */
  poke(): void { this.#poke(); }

  /** Ends the daemon. Its containers are the caller's to stop before. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping = true;
    const pid = await this.#pid();
    if (pid === undefined) return;
    process.kill(pid, 'SIGTERM');
    await waitFor(async () => { if ((await this.#pid()) !== undefined) throw new Error('it still runs'); },
      { clock: this.#options.clock, what: `${this.#options.name} to end`, timeoutMs, pauseMs: 100 });
  }

  async #keepUp(): Promise<void> {
    const { name, log, clock } = this.#options;
    let delayMs = firstDelayMs;
    for (;;) {
      const upSinceMs = clock.uptimeMs();
      const reason = await this.#untilDown();
      if (this.#stopping) return;
      if (clock.uptimeMs() - upSinceMs > stableMs) delayMs = firstDelayMs;
      log.error(`engine[${name}]: ${reason}, start again in ${delayMs} ms`);
      await clock.sleep(delayMs);
      delayMs = Math.min(delayMs * 2, lastDelayMs);
      try {
        await this.#bringUp();
        this.#options.onUp();
      } catch (error) {
        log.error(`engine[${name}]: ${causeOf(error)}`);
      }
    }
  }

  async #bringUp(): Promise<'adopted' | 'started'> {
    const { name, program, args, socketPath, logFile, cgroup, engine, clock, log } = this.#options;
    const running = await this.#pid();
    if (running === undefined) {
      let ended: string | undefined;
      this.#exited = new Promise((resolve) => {
        void spawnDaemon(program, args, { logFile, cgroup, onExit: (reason) => { void lastWords(logFile).then((said) => { ended = `${reason}${said}`; resolve(ended); }); } })
          .catch((error: unknown) => { ended = causeOf(error); resolve(ended); });
      });
      await awaitSocket(socketPath, clock, readyTimeoutMs, this.#exited);
      await waitFor(async () => {
        if (ended !== undefined) throw new RosError('ERR_ROS_ENGINE', ended);
        // It listens early and answers when it is ready: one long ping costs less than many short ones.
        await engine.ping(readyTimeoutMs);
      }, { clock, what: `${name} to answer`, timeoutMs: readyTimeoutMs, pauseMs: readyPauseMs, giveUp: () => ended !== undefined });
      return 'started';
    }
    log.info(`engine[${name}]: runs already as process ${running}, adopting it`);
    this.#exited = new Promise(() => undefined); // not our child: only pings and the pid tell
    await waitFor(async () => { await engine.ping(pingTimeoutMs); }, { clock, what: `${name} (process ${running}) to answer`, timeoutMs: readyTimeoutMs, pauseMs: readyPauseMs });
    return 'adopted';
  }

  /** Resolves with the reason when the daemon is gone; a daemon that hangs is killed first. */
  async #untilDown(): Promise<string> {
    const { engine, clock } = this.#options;
    let missed = 0;
    for (;;) {
      const poked = new Promise<undefined>((resolve) => { this.#poke = () => { resolve(undefined); }; });
      const reason = await Promise.race([this.#exited, poked, clock.sleep(checkEveryMs).then(() => undefined)]);
      if (reason !== undefined) return reason;
      if (this.#stopping) return 'stopped';
      const pid = await this.#pid();
      if (pid === undefined) return 'its process is gone';
      try {
        await engine.ping(pingTimeoutMs);
        missed = 0;
      } catch (error) {
        missed += 1;
        if (missed >= pingsMissed) {
          process.kill(pid, 'SIGKILL');
          return `did not answer ${missed} times (${causeOf(error)}), killed`;
        }
      }
    }
  }

  /** The daemon's pid when that process lives and is a dockerd. */
  async #pid(): Promise<number | undefined> {
    const pid = Number.parseInt((await readTextFile(this.#options.pidFile, 64)) ?? '', 10);
    return Number.isInteger(pid) && (await processName(pid)) === 'dockerd' ? pid : undefined;
  }
}

/** The last line of a log, for the end of an error; empty when there is none. */
async function lastWords(path: string): Promise<string> {
  const lines = ((await readTextFile(path, logReadLimit).catch(() => undefined)) ?? '').trim().split('\n');
  return lines.at(-1) === '' ? '' : `: ${(lines.at(-1) ?? '').slice(0, 300)}`;
}
