/** `ros config apply`, as a command and behind others: the plan first, then what is done. */
import type { ConfigApplied, ConfigProposal } from '../api/types.ts';
import { RosError } from '../lib/errors.ts';
import { toJson, type Context } from './command.ts';
import { planText, warnOf } from './config.ts';
import { duration, oneLine } from './format.ts';
import { noProgress, progressOn } from './progress.ts';

export interface ApplyFlags {
  /** Do not ask. */
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Returns the exit code: 1 when the text has errors or a part failed. */
export async function applyProposal(proposal: ConfigProposal, { force = false, json = false }: ApplyFlags, context: Context): Promise<number> {
  const { config } = await context.client();
  const plan = await config.plan(proposal);
  if (!json) await warnOf(plan.problems.filter(({ severity }) => severity !== 'note'), context);
  if (plan.valid && !json) await context.print(planText(plan));
  if (!plan.valid) {
    if (json) await context.print(toJson(plan));
    else await context.warn('ros: nothing was changed');
    return 1;
  }
  const goesDown = plan.changes.some(({ effect }) => effect === 'restarts');
  if (goesDown && !force && !json && !(await isWanted(context))) throw new RosError('ERR_ROS_NOT_CONFIRMED', 'nothing was applied');

  const progress = json ? noProgress : progressOn(context.io);
  const done = await config.apply(proposal, progress.show).finally(() => progress.clear());
  if (json) await context.print(toJson(done));
  if ('problems' in done) { await warnOf(done.problems, context); return 1; }
  if (!json) await context.print(appliedText(done));
  return done.changes.every(({ ok }) => ok) ? 0 : 1;
}

/** Nobody to ask is a yes, as for every script of RancherOS: what goes down was said before. */
async function isWanted({ io }: Context): Promise<boolean> {
  if (!io.stdin.isTty) return true;
  await io.stderr.write('Apply this? [Yn] ');
  return /^(?:y(?:es)?)?$/i.test((await io.stdin.readLine() ?? 'n').trim());
}

function appliedText({ changes, needsReboot, trialMs }: ConfigApplied): string {
  return [
    ...changes.map(({ part, ok, detail }) => (ok ? `applied ${part}` : `failed ${part}: ${oneLine(detail)}`)),
    ...(needsReboot.length === 0 ? [] : [`in effect from the next boot on: ${needsReboot.join(', ')}`]),
    ...(trialMs === undefined ? [] : [`on trial for ${duration(trialMs)}: "sudo ros config confirm" keeps it, else the one from before comes back`]),
  ].map((line) => `${line}\n`).join('');
}
