/**
 * A daemon of the engine's (dockerd, containerd): started or adopted, watched, restarted. It outlives the supervisor on
 * purpose (it is a session of its own), so everything about it is derived: the socket says whether it answers, the pid
 * file who it is.
 */
import { basename } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { waitFor } from '../lib/wait.ts';
import { spawnDaemon } from '../sys/exec.ts';
import { boundLog, readTextFile } from '../sys/files.ts';
import { processName } from '../sys/proc.ts';
import { awaitSocket } from '../sys/socket.ts';

export interface DaemonOptions {
  readonly name: string;
  readonly program: string;
  /** Asked for at every start: the configuration may have changed. */
  readonly args: () => readonly string[];
  /** `NAME=value`, asked for likewise. */
  readonly environment?: () => readonly string[];
  readonly socketPath: string;
  readonly pidFile: string;
  /** dockerd writes its pid file itself, and refuses to start when it finds its own pid there. */
  readonly writesPidFile: boolean;
  /** Kept below `logLimit` bytes, with one older file beside it. */
  readonly logFile: string;
  readonly cgroup: string;
  /** Resolves when the daemon answers; rejects after `timeoutMs`. */
  readonly answers: (timeoutMs: number) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  /** Called after every start or adoption, when the daemon answers. */
  readonly onUp: () => void;
}

const readyTimeoutMs = 180_000;
const readyPauseMs = 250;
/** Bytes. */
const logLimit = 4 * 1024 * 1024;
/** A daemon may say more than that between two checks. */
const logReadLimit = 4 * logLimit;
const checkEveryMs = 10_000;
const pingTimeoutMs = 15_000;
/** A daemon that misses this many pings in a row hangs, and is killed. */
const pingsMissed = 3;
const firstDelayMs = 200;
const lastDelayMs = 10_000;
/** After this long without a fall the delay before a restart starts small again. */
const stableMs = 60_000;
/** A daemon that was told to end and has not by then is killed. */
const endTimeoutMs = 30_000;

export class Daemon {
  readonly #options: DaemonOptions;
  /** Of a process that an earlier supervisor started only pings and the pid tell. */
  #exited: Promise<string> = new Promise(() => undefined);
  #isChild = false;
  #poke: () => void = () => undefined;
  #stopping = false;
  /** It ends because `restart` told it to. */
  #replacing = false;
  /** Who waits for the next start's result. */
  #waiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];

  constructor(options: DaemonOptions) { this.#options = options; }

  /** Brings the daemon up and keeps it up from then on. Resolves when it first answers. */
  async start(): Promise<'adopted' | 'started'> {
    const how = await this.#bringUp();
    this.#options.onUp();
    void this.#keepUp();
    return how;
  }

  async isRunning(): Promise<boolean> { return (await this.#pid()) !== undefined; }

  /** Starts the process unless it runs, and does not wait for it: `start` does. */
  async launch(): Promise<void> {
    if ((await this.#pid()) === undefined) this.#spawn();
  }

  /** Checks at once: whoever sees the daemon's event stream end calls this, and a death is noticed in milliseconds. */
  poke(): void { this.#poke(); }

  /**
   * Ends the daemon; its containers go on. Resolves when the one that takes its place answers. Rejects with why that did not come up: it is tried again
   * all the same, with what `args` then says.
   */
  async restart(): Promise<void> {
    this.#replacing = true;
    const up = this.nextStart();
    up.catch(() => undefined);
    await this.#end();
    this.#poke(); // an adopted one is not our child: nobody tells us
    await up;
  }

  /** The result of the next start, whoever has caused it. */
  nextStart(): Promise<void> { return new Promise((resolve, reject) => { this.#waiting.push({ resolve, reject }); }); }

  async #end(): Promise<void> {
    const pid = await this.#pid();
    if (pid === undefined) return;
    process.kill(pid, 'SIGTERM');
    const gone = async (): Promise<void> => { if ((await this.#pid()) === pid) throw new Error('it still runs'); };
    await waitFor(gone, { clock: this.#options.clock, what: `${this.#options.name} to end`, timeoutMs: endTimeoutMs, pauseMs: 100 })
      .catch(() => { process.kill(pid, 'SIGKILL'); });
  }

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
      if (this.#replacing) {
        this.#replacing = false;
        log.info(`engine[${name}]: ended as it was told to, start again`);
      } else {
        log.error(`engine[${name}]: ${reason}, start again in ${delayMs} ms`);
        await clock.sleep(delayMs);
        delayMs = Math.min(delayMs * 2, lastDelayMs);
      }
      try {
        await this.#bringUp();
        this.#tell(({ resolve }) => { resolve(); });
        this.#options.onUp();
      } catch (error) {
        log.error(`engine[${name}]: ${causeOf(error)}`);
        this.#tell(({ reject }) => { reject(error); });
      }
    }
  }

  #tell(result: (one: { readonly resolve: () => void; readonly reject: (error: unknown) => void }) => void): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) result(one);
  }

  async #bringUp(): Promise<'adopted' | 'started'> {
    const { name, socketPath, answers, clock, log } = this.#options;
    const running = await this.#pid();
    if (running !== undefined && !this.#isChild) {
      log.info(`engine[${name}]: runs already as process ${running}, adopting it`);
      await waitFor(() => answers(pingTimeoutMs), { clock, what: `${name} (process ${running}) to answer`, timeoutMs: readyTimeoutMs, pauseMs: readyPauseMs });
      return 'adopted';
    }
    if (!this.#isChild) this.#spawn();
    let ended: string | undefined;
    void this.#exited.then((reason) => { ended = reason; });
    await awaitSocket(socketPath, clock, readyTimeoutMs, this.#exited);
    await waitFor(async () => {
      if (ended !== undefined) throw new RosError('ERR_ROS_ENGINE', ended);
      // It listens early and answers when it is ready: one long ping costs less than many short ones.
      await answers(readyTimeoutMs);
    }, { clock, what: `${name} to answer`, timeoutMs: readyTimeoutMs, pauseMs: readyPauseMs, giveUp: () => ended !== undefined });
    return 'started';
  }

  #spawn(): void {
    const { program, args, environment, logFile, cgroup, pidFile, writesPidFile } = this.#options;
    this.#isChild = true;
    this.#exited = new Promise((resolve) => {
      const end = (reason: string): void => { this.#isChild = false; resolve(reason); };
      const onExit = (reason: string, killed: boolean): void => {
        if (killed) end(reason);
        else void lastWords(logFile).then((said) => { end(`${reason}${said}`); });
      };
      spawnDaemon(program, args(), { logFile, cgroup, onExit, ...(!writesPidFile && { pidFile }), ...(environment && { environment: environment() }) }).catch((error: unknown) => { end(causeOf(error)); });
    });
  }

  /** Resolves with the reason when the daemon is gone; a daemon that hangs is killed first. */
  async #untilDown(): Promise<string> {
    const { name, answers, clock, log, logFile } = this.#options;
    let missed = 0;
    for (;;) {
      const poked = new Promise<undefined>((resolve) => { this.#poke = () => { resolve(undefined); }; });
      const reason = await Promise.race([this.#exited, poked, clock.sleep(checkEveryMs).then(() => undefined)]);
      if (reason !== undefined) return reason;
      if (this.#stopping) return 'stopped';
      const pid = await this.#pid();
      if (pid === undefined && !this.#isChild) return 'its process is gone';
      // A full disk, say: no reason to think ill of the daemon.
      await boundLog(logFile, logLimit).catch((error: unknown) => { log.warn(`engine[${name}]: cannot shorten its log: ${causeOf(error)}`); });
      try {
        await answers(pingTimeoutMs);
        missed = 0;
      } catch (error) {
        missed += 1;
        if (missed >= pingsMissed && pid !== undefined) {
          process.kill(pid, 'SIGKILL');
          if (this.#isChild) await this.#exited;
          return `did not answer ${missed} times (${causeOf(error)}), killed`;
        }
      }
    }
  }

  /** The daemon's pid when that process lives and is this program. */
  async #pid(): Promise<number | undefined> {
    const pid = Number.parseInt((await readTextFile(this.#options.pidFile, 64)) ?? '', 10);
    return Number.isInteger(pid) && (await processName(pid)) === basename(this.#options.program) ? pid : undefined;
  }
}

/** The last line of a log, for the end of an error; empty when there is none. Who was killed had no time for last words. */
async function lastWords(path: string): Promise<string> {
  const lines = ((await readTextFile(path, logReadLimit).catch(() => undefined)) ?? '').trim().split('\n');
  return lines.at(-1) === '' ? '' : `: ${(lines.at(-1) ?? '').slice(0, 300)}`;
}
