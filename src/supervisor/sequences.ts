/**
 * READ THIS FIRST: what the machine does when it boots and when it ends, in order. Phases run one after the other, the
 * tasks of a phase in parallel. Every task looks first whether its work is done already: a supervisor that replaces a
 * dead one runs the same sequence and touches nothing that is as it should be.
 */
import type { Machine } from './machine.ts';
import { stopSwap } from './apply/swap.ts';
import { readEarlyConfig } from './phases/config.ts';
import { followConsole, runBootCommands } from './phases/hooks.ts';
import { beginNetworkDatasources } from './phases/network-datasources.ts';
import { applySettings, finishSettings, loadModules, loadProcessorModules } from './phases/settings.ts';
import { closeState, openState } from './phases/state.ts';
import { launchContainerd, startSystemDocker, stopSystemDocker } from './phases/system-docker.ts';
import { awaitSystemServices, fetchMissingServices, startSystemServices, stopServices } from './phases/system-services.ts';
import { awaitUserDocker, handOutUserDockerOptions } from './phases/user-docker.ts';
import { recoverIfAsked } from './recovery.ts';
import { essential, phase, type Sequence } from './sequencer.ts';

export const bootSequence: Sequence<Machine> = [
  phase('config', readEarlyConfig, launchContainerd),
  phase('recovery', recoverIfAsked),
  essential('state', openState),
  phase('bootcmd', runBootCommands),
  essential('system-docker', startSystemDocker, handOutUserDockerOptions, applySettings, loadModules),
  essential('system-services', startSystemServices, followConsole, beginNetworkDatasources),
  phase('user-docker', awaitUserDocker, awaitSystemServices),
  phase('late', loadProcessorModules, finishSettings, fetchMissingServices),
];

export const shutdownSequence: Sequence<Machine> = [
  phase('services', stopServices),
  phase('engine', stopSystemDocker, stopSwap),
  phase('state', closeState),
];
