/** Ending the machine: the supervisor is asked, and process 1 directly where that is wanted or the only way left. */
import type { PowerAction } from '../api/types.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import type { Context } from './command.ts';

export const forceOption = { type: 'boolean', alias: ['f'], describe: 'do not ask the supervisor, tell process 1 directly' } as const;

const signals = { reboot: 'SIGTERM', poweroff: 'SIGUSR2', halt: 'SIGUSR1' } as const satisfies Record<PowerAction, NodeJS.Signals>;
const words = { reboot: 'rebooting', poweroff: 'powering off', halt: 'halting' } as const satisfies Record<PowerAction, string>;

/** What says that nobody is there who could do it: anything else is an answer, and stands. */
const noAnswer = new Set(['ERR_ROS_UNREACHABLE', 'ERR_ROS_TIMEOUT', 'ERR_ROS_BAD_ANSWER']);

export async function endMachine(action: PowerAction, isForced: boolean, { io, print, warn, client }: Context): Promise<void> {
  if (!isForced) {
    try {
      await (await client()).power(action);
      return await print(`${words[action]}\n`);
    } catch (error) {
      // Without root the signal would fail too, and less clearly.
      if (io.euid !== 0 || !(error instanceof RosError) || !noAnswer.has(error.code)) throw error;
      await warn(`ros: ${causeOf(error)}`);
    }
  }
  await io.signalInit(signals[action]);
  await print(`${words[action]} (told process 1 directly)\n`);
}
