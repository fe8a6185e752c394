/**
 * A container that publishes a port on which the system itself listens is not reached there: what is the system's is never handed to the user plane
 * (system-ports.ts). Docker cannot know that, being in another network, so it is told here: in the log, and at login for as long as there is such a container.
 */
import { join } from 'node:path';
import type { PublishedPort } from '../engine/engine.ts';
import { causeOf } from '../lib/errors.ts';
import { readTextFile } from '../sys/files.ts';
import { isLoopback, listeners, type Listener } from '../sys/listeners.ts';
import { paths, type Machine } from './machine.ts';

/** Ports that are the system's whether anything listens or not: what the container `docker` is told in its environment. */
export type ReservedPorts = Readonly<Record<'tcp' | 'udp', string>>;

const topic = 'port ';
/** Containers come in groups. */
const soonMs = 1000;
/** Of what is told at login. */
const mostTold = 20;
const modeFile = join(paths.userEngine, 'mode');

/** Without a network of its own (`rancher.docker.isolation: host`) the user plane's ports are the machine's, and Docker itself says what cannot be had. */
export async function planeIsApart(file: string = modeFile): Promise<boolean> {
  return ((await readTextFile(file, 64).catch(() => undefined)) ?? 'plane').trim() !== 'host';
}

/** One sentence for each port of a container that reaches the system instead. Pure. */
export function conflicts(published: readonly PublishedPort[], system: readonly Listener[], reserved: ReservedPorts): string[] {
  return [...new Set(published.flatMap(({ container, address, port, protocol }) => {
    if (protocol !== 'tcp' && protocol !== 'udp') return [];
    const there = system.filter((one) => one.port === port && one.protocol === protocol);
    const isReserved = isWithin(port, reserved[protocol]);
    if (there.length === 0 && !isReserved) return [];
    // A listener at a loopback address takes nothing from a client elsewhere.
    const fromOutside = isReserved || there.some((one) => !isLoopback(one.address));
    const who = fromOutside && !isLoopback(address) ? 'who connects to it' : 'who connects to it from the machine itself';
    return [`Container "${container}" publishes port ${port}/${protocol}, which is the system's own: ${who} does not reach the container`];
  }))];
}

/** `22,8000-8010`, as in the rules of the packet filter. */
function isWithin(port: number, ranges: string): boolean {
  return ranges.split(',').some((range) => {
    const [first = NaN, last = first] = range.trim().split('-').map(Number);
    return first <= port && port <= last;
  });
}

interface Sources {
  /** What the containers that run now publish; nothing while there is no User Docker. */
  readonly published: () => Promise<readonly PublishedPort[]>;
  readonly reserved: () => ReservedPorts;
  readonly system?: () => Promise<readonly Listener[]>;
  readonly isApart?: () => Promise<boolean>;
}

export class PublishedPorts {
  readonly #machine: Pick<Machine, 'clock' | 'log' | 'warnings' | 'refreshLogin'>;
  readonly #sources: Required<Sources>;
  #isDue = false;

  constructor(machine: Pick<Machine, 'clock' | 'log' | 'warnings' | 'refreshLogin'>, sources: Sources) {
    this.#machine = machine;
    this.#sources = { system: () => listeners('self'), isApart: planeIsApart, ...sources };
  }

  /** A user container has started or ended, or a service of the system has. */
  changed(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#machine.clock.after(soonMs, () => { this.#isDue = false; void this.look(); });
  }

  /** Never throws. */
  async look(): Promise<void> {
    const { published, system, reserved, isApart } = this.#sources;
    try {
      const ports = await isApart() ? await published() : [];
      this.#tell(ports.length === 0 ? [] : conflicts(ports, await system(), reserved()).slice(0, mostTold));
    } catch (error) {
      // User Docker is between two starts: its containers, and what was said of them, may well be there still.
      this.#machine.log.debug(`published-ports: ${causeOf(error)}`);
    }
  }

  #tell(sentences: readonly string[]): void {
    const { warnings, log, refreshLogin } = this.#machine;
    const told = [...warnings.keys()].filter((key) => key.startsWith(topic));
    const gone = told.filter((key) => !sentences.includes(key.slice(topic.length)));
    const added = sentences.filter((sentence) => !warnings.has(topic + sentence));
    for (const key of gone) warnings.delete(key);
    for (const sentence of added) {
      log.warn(`user-docker: ${sentence}`);
      warnings.set(topic + sentence, `${sentence}.`);
    }
    if (gone.length > 0 || added.length > 0) refreshLogin();
  }
}
