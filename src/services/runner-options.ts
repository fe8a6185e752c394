/** What a service's runner is given: its engine, what it shares with the others, and whom it tells. */
import type { ServiceState } from '../api/types.ts';
import type { Plane } from '../engine/engine.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Turns } from '../lib/turns.ts';
import type { ServiceDefinition } from './definition.ts';
import type { Images } from './images.ts';

export interface RunnerOptions {
  readonly plane: Plane;
  readonly images: Images;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: () => void;
  readonly onTransition: (name: string, from: ServiceState, to: ServiceState, detail: string) => void;
  readonly onReady: (name: string, startMs: number, endMs: number) => void;
  readonly turn: Turns;
  /** Called before every start of its container, which is made and does not run. Never rejects. */
  readonly prepare?: (service: ServiceDefinition, containerId: string) => Promise<void>;
  /** What the service still waits for, in words; empty when it may start. */
  readonly blockers: (service: ServiceDefinition) => string[];
}
