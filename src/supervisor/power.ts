/** The end of the machine: runs the shutdown sequence once, in bounded time, then tells PID 1. */
import type { PowerAction } from '../api/types.ts';
import { causeOf } from '../lib/errors.ts';
import { withTimeout } from '../lib/wait.ts';
import type { InitEvent, InitLink } from '../sys/init-link.ts';
import type { Machine } from './machine.ts';
import { runSequence } from './sequencer.ts';
import { shutdownSequence } from './sequences.ts';

const actionOf: Readonly<Record<InitEvent, PowerAction>> = { 'ctrl-alt-del': 'reboot', term: 'reboot', power: 'poweroff', poweroff: 'poweroff', halt: 'halt' };
/** PID 1's own limit lies this much behind ours, so that it is ours that is logged. */
const marginMs = 5000;

export class Power {
  readonly #machine: Machine;
  readonly #init: InitLink;
  #ending = false;

  constructor(machine: Machine, init: InitLink) { this.#machine = machine; this.#init = init; }

  get ending(): boolean { return this.#ending; }

  onInitEvent(event: InitEvent): void { this.begin(actionOf[event], `event ${event}`); }

  begin(action: PowerAction, why: string): void {
    const { log, settings } = this.#machine;
    const limitMs = settings.shutdownTimeoutMs;
    this.#init.ending(action, Math.ceil((limitMs + marginMs) / 1000)); // every event wants its answer, also a second one
    if (this.#ending) return;
    this.#ending = true;
    log.info(`power: ${action} (${why})`);
    void this.#run(limitMs).finally(() => { this.#init.end(action); });
  }

  async #run(limitMs: number): Promise<void> {
    const { clock, log, timeline } = this.#machine;
    try {
      await withTimeout(runSequence(shutdownSequence, this.#machine, { clock, log, timeline, onWarning: () => undefined }), limitMs, 'the shutdown sequence');
    } catch (error) {
      log.error(`power: ${causeOf(error)}; ending anyway`);
    }
  }
}
