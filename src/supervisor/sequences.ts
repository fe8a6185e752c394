/**
 * READ THIS FIRST: what the machine does when it boots and when it ends, in order. Phases run one after the other, the
 * tasks of a phase in parallel. Every task looks first whether its work is done already: a supervisor that replaces a
 * dead one runs the same sequence and touches nothing that is as it should be.
 */
import type { Machine } from './machine.ts';
import { readEarlyConfig } from './phases/config.ts';
import { applySettings, loadModules, loadProcessorModules } from './phases/settings.ts';
import { closeState, openState } from './phases/state.ts';
import { launchContainerd, startSystemDocker, stopSystemDocker } from './phases/system-docker.ts';
import { awaitSystemServices, startSystemServices, stopServices } from './phases/system-services.ts';
import { awaitUserDocker } from './phases/user-docker.ts';
import { essential, phase, type Sequence } from './sequencer.ts';

export const bootSequence: Sequence<Machine> = [
  phase('config', readEarlyConfig, launchContainerd),
  phase('state', openState),
  essential('system-docker', startSystemDocker, applySettings, loadModules),
  essential('system-services', startSystemServices),
  phase('user-docker', awaitUserDocker, awaitSystemServices),
  phase('late', loadProcessorModules),
];

export const shutdownSequence: Sequence<Machine> = [
  phase('services', stopServices),
  phase('engine', stopSystemDocker),
  phase('state', closeState),
];
