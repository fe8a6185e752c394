/**
 * Ports that the system's own programs listen on are not handed to the user plane. What comes in from outside the packet
 * filter decides by looking for a listener (plane-network); for connections from the machine itself it cannot, so it has a
 * set, which is kept here: after every change of a service, and now and then for what is no service.
 */
import { causeOf } from '../lib/errors.ts';
import { run } from '../sys/exec.ts';
import { exists } from '../sys/files.ts';
import { listeners, type Listener } from '../sys/listeners.ts';
import type { Machine } from './machine.ts';
import { planeIsApart } from './published-ports.ts';

const table = 'inet corral_plane';
/** plane-network makes it before the table. */
const link = '/sys/class/net/uplane';
/** Services take a moment from running to listening. */
const laterMs = [500, 5000, 30_000] as const;

export class SystemPorts {
  #known = '';
  /** Before User Docker's first start there is nothing to tell. */
  #isThere = false;
  #cancels: (() => void)[] = [];
  readonly #machine: Pick<Machine, 'clock' | 'log'>;

  constructor(machine: Pick<Machine, 'clock' | 'log'>) { this.#machine = machine; }

  /** Looks soon and again a little later. */
  changed(): void {
    if (!this.#isThere) return;
    for (const cancel of this.#cancels) cancel();
    this.#cancels = laterMs.map((delayMs) => this.#machine.clock.after(delayMs, () => { void this.look(); }));
  }

  /** The packet filter has been made anew: what it was told is gone. */
  forget(): void { this.#known = ''; this.#isThere = true; this.changed(); }

  /** Tells the packet filter when something has changed. Never throws. */
  async look(): Promise<void> {
    if (!this.#isThere) return;
    try {
      if (!await planeIsApart() || !await exists(link)) return; // there is no table
      const rules = setRules(await listeners('self'));
      if (rules === this.#known) return;
      await run('nft', ['-f', '-'], { input: rules });
      this.#known = rules;
    } catch (error) {
      // Mostly its table is not made yet; a later look finds it.
      this.#machine.log.debug(`system-ports: ${causeOf(error)}`);
    }
  }
}

/** What the packet filter is to be told of these listeners; the same text for the same ports. Pure. */
export function setRules(all: readonly Listener[]): string {
  return (['tcp', 'udp'] as const).flatMap((protocol) => {
    const ports = [...new Set(all.filter((one) => one.protocol === protocol).map(({ port }) => port))].sort((a, b) => a - b);
    const name = `${table} listening_${protocol}`;
    return [`flush set ${name}`, ...(ports.length === 0 ? [] : [`add element ${name} { ${ports.join(', ')} }`])];
  }).join('\n');
}
