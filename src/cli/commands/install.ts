import type { InstallRequest } from '../../api/types.ts';
import { RosError } from '../../lib/errors.ts';
import { defineCommand, toJson, type Context } from '../command.ts';
import { readInput, warnOf } from '../config.ts';
import { followInstall, planLines } from '../install.ts';
import { usageError } from '../parse.ts';
import { reportError } from '../report-error.ts';

export const install = defineCommand({
  name: 'install',
  group: 'Machine',
  summary: 'Install the system to a disk',
  description: 'Shows what would be done to which disk, asks, and installs from the medium that the machine was started from; then\nrestarts the machine. Everything on the disk is lost. A disk that is in use is refused, and without -f one with data.\nIt goes on when this command is ended; "ros logs -f" follows it then. docs/install.md tells more.',
  options: {
    device: { type: 'string', alias: ['d'], value: 'DISK', describe: 'the whole disk to install to: /dev/sda' },
    'install-type': { type: 'string', alias: ['t'], value: 'TYPE', describe: 'generic (GPT; the default), gptsyslinux (the same), syslinux (MBR), noformat (your own partitions, by label)' },
    'cloud-config': { type: 'string', alias: ['c'], value: 'FILE|URL', describe: 'what the installed machine is configured with (this machine\'s configuration)' },
    image: { type: 'string', alias: ['i'], value: 'PATH', describe: 'install from this folder, ISO file or device (the boot medium)' },
    append: { type: 'strings', alias: ['a'], value: 'TEXT', describe: 'kernel parameters of your own' },
    force: { type: 'boolean', alias: ['f'], describe: 'do not ask, and write over a disk with data' },
    'no-reboot': { type: 'boolean', describe: 'do not restart the machine at the end' },
    plan: { type: 'boolean', alias: ['dry-run'], describe: 'show what would be done, and do nothing' },
    partition: { type: 'string', alias: ['p'], value: 'DEVICE', describe: 'noformat: the state partition (the one labelled RANCHER_STATE)' },
    statedir: { type: 'string', value: 'DIR', describe: 'noformat: the folder of the state partition that becomes the state' },
    save: { type: 'boolean', alias: ['s'], describe: 'take the images of services that you have enabled along' },
    kexec: { type: 'boolean', alias: ['k'], describe: 'accepted for RancherOS\'s sake: the machine restarts through its firmware' },
    debug: { type: 'boolean', describe: 'print each step with the time it took' },
    json: { type: 'boolean', describe: 'print JSON: lines of plan, progress and result; with --plan the plan' },
  },
  async run({ options }, context) {
    const { json = false, force = false, debug = false } = options;
    const request: InstallRequest = {
      ...(options.device !== undefined && { device: options.device }),
      ...(options['install-type'] !== undefined && { type: options['install-type'] }),
      ...(options['cloud-config'] !== undefined && { cloudConfig: await cloudConfigOf(options['cloud-config'], context) }),
      ...(options.image !== undefined && { image: options.image }),
      ...(options.append !== undefined && { append: options.append.join(' ') }),
      ...(options.partition !== undefined && { partition: options.partition }),
      ...(options.statedir !== undefined && { stateDirectory: options.statedir }),
      ...(options.save === true && { save: true }), ...(force && { force }), reboot: options['no-reboot'] !== true,
    };
    const { install: api } = await context.client();
    const plan = await api.plan(request);
    if (json) await context.print(options.plan === true ? toJson(plan) : `${JSON.stringify({ kind: 'plan', plan })}\n`);
    else {
      await warnOf(plan.cloudConfig.problems, context);
      await context.print(planLines(plan));
      if (options.kexec === true) await context.warn('note: -k has no effect: the machine restarts through its firmware');
    }
    for (const { code, message, hint } of plan.refusals) await reportError(new RosError(code, message, hint === undefined ? {} : { hint }), context.io);
    if (plan.refusals.length > 0) return 1;
    if (options.plan === true) return 0;
    if (!force && !(await isWanted(plan.device?.path, json, context))) throw new RosError('ERR_ROS_NOT_CONFIRMED', 'nothing was installed');
    return followInstall(api.run({ ...request, digest: plan.digest }), { json, debug }, context);
  },
});

/** A URL is fetched by the supervisor, which knows the machine's proxies; a file may lie in the console, which only we see. */
async function cloudConfigOf(given: string, context: Context): Promise<NonNullable<InstallRequest['cloudConfig']>> {
  return /^https?:\/\//i.test(given) ? { origin: given } : readInput(given.replace(/^file:\/\//i, ''), context);
}

async function isWanted(disk: string | undefined, json: boolean, { io }: Context): Promise<boolean> {
  if (json || !io.stdin.isTty) throw usageError('"ros install" cannot ask whether it may: nobody sits at a terminal', 'add -f');
  await io.stderr.write(`Install to ${disk ?? 'these partitions'}? [yN] `);
  return /^y(es)?$/i.test((await io.stdin.readLine() ?? '').trim());
}
