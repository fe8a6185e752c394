/** Errors as a user sees them, and the exit code that goes with each. */
import { causeOf, RosError } from '../lib/errors.ts';
import { oneLine } from './format.ts';
import type { Io } from './io.ts';

/** Prints `ros: cannot …: …` and, when there is one, `hint: …`. Returns 2 for what was not understood, else 1. */
export async function reportError(error: unknown, io: Io): Promise<number> {
  await io.stderr.write(`ros: ${oneLine(causeOf(error))}\n`);
  if (!(error instanceof RosError)) return 1;
  if (error.hint !== undefined) await io.stderr.write(`hint: ${oneLine(error.hint)}\n`);
  return error.code === 'ERR_ROS_USAGE' ? 2 : 1;
}
