/** When the commands of the configuration run. */
import { causeOf } from '../../lib/errors.ts';
import { note } from '../apply/applied.ts';
import { runningConsole } from '../apply/console-files.ts';
import { bootcmdPart, runcmdPart } from '../apply/later.ts';
import { bootHooks, consoleHooks, HookRuns } from '../hooks.ts';
import { proxyVariables } from '../proxies.ts';
import type { Machine } from '../machine.ts';

/** Who wants to log in goes first: hooks wait for sshd, but not for ever, for one of them may be what mends it. */
const sshFirstMs = 60_000;

const machines = new WeakMap<Machine, Promise<Follower>>();

/** `bootcmd`: before System Docker and all services, with the state partition open. Once a boot. */
export async function runBootCommands(machine: Machine): Promise<void> { await (await followerOf(machine)).boot(); }

/** From now on: `runcmd` and the scripts, at every start of the console. Nothing waits for them. */
export async function followConsole(machine: Machine): Promise<void> { (await followerOf(machine)).begin(); }

/**
 * Commands that have come with user-data after their time in this boot run now; those that have run do not again. Never
 * rejects.
 */
export async function runLateCommands(machine: Machine): Promise<void> {
  try {
    const follower = await followerOf(machine);
    await follower.boot();
    await follower.look(true);
    for (const { name } of [bootcmdPart, runcmdPart]) note(machine, name, []);
  } catch (error) {
    machine.log.error(`hooks: ${causeOf(error)}`);
  }
}

class Follower {
  readonly #machine: Machine;
  readonly #runs: HookRuns;
  /** The start of the console whose hooks run or have run. */
  #current = '';
  #follows = false;

  constructor(machine: Machine, runs: HookRuns) {
    this.#machine = machine;
    this.#runs = runs;
  }

  async boot(): Promise<void> {
    const { bootcmd, network } = this.#machine.settings;
    await this.#runs.run('boot', 'boot', bootHooks(bootcmd, proxyVariables(network.proxy)));
  }

  begin(): void {
    if (this.#follows) return;
    this.#follows = true;
    const soon = (): void => { this.look().catch((error: unknown) => { this.#machine.log.error(`hooks: ${causeOf(error)}`); }); };
    this.#machine.services.events.follow(({ service, to }) => { if (service === 'console' && (to === 'running' || to === 'healthy')) soon(); });
    soon();
  }

  /** Runs the hooks of the console's present start; with `again`, those of it that are new. */
  async look(again = false): Promise<void> {
    const { services } = this.#machine;
    const id = runningConsole(services);
    const { startedAt, pid } = services.statuses().find(({ name }) => name === 'console') ?? {};
    const start = `${id} ${startedAt}`;
    if (id === undefined || pid === undefined || (start === this.#current && !again)) return;
    this.#current = start;
    const isOver = (): boolean => this.#current !== start || runningConsole(services) !== id;
    await services.until(() => services.isReady('console') || isOver(), sshFirstMs, () => 'sshd does not greet').catch(() => undefined);
    if (!isOver()) await this.#runs.run('console', start, await consoleHooks(this.#machine, id, pid), isOver);
  }
}

function followerOf(machine: Machine): Promise<Follower> {
  const known = machines.get(machine);
  if (known !== undefined) return known;
  const runs = new HookRuns(machine);
  const made = runs.load().then(() => new Follower(machine, runs));
  machines.set(machine, made);
  return made;
}
