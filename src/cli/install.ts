/** What `ros install` prints: the plan, how far it is, what became of it. */
import type { InstallEvent, InstallPlan, InstallResult } from '../api/types.ts';
import { RosError } from '../lib/errors.ts';
import type { Context } from './command.ts';
import { duration, inWords, oneLine, table } from './format.ts';
import { noProgress, progressOn } from './progress.ts';

const tables = { gpt: 'a new GPT', dos: 'a new MBR partition table', own: 'the partitions as they are' } as const;

export function planLines(plan: InstallPlan): string {
  const { device, medium, partitions, cloudConfig, append, images, notes } = plan;
  const named = device === undefined ? '' : [device.path, size(device.bytes), device.model, device.serial, device.transport].filter((word) => word !== '').join(', ');
  const rows = [
    ...(device === undefined ? [] : [['disk', oneLine(named)], ...several('on it now', device.contents.length === 0 ? ['nothing'] : device.contents)]),
    ...(medium === undefined ? [] : [['install', `CorralOS ${medium.version} (${medium.flavour}, ${size(medium.bytes)}) from ${medium.source}`]]),
    ...several(`onto ${tables[plan.type]}`, partitions.map(({ path, label, bytes }) => `${path === undefined ? '' : `${path} `}${label} ${size(bytes)}`)),
    ['configured by', cloudConfig.origin],
    ...(append.length === 0 ? [] : [['parameters', append.join(' ')]]),
    ...several('images', images),
    ...several('note', notes),
  ];
  return table(rows.map((cells) => cells.map(oneLine)));
}

function several(title: string, lines: readonly string[]): string[][] { return lines.map((line, index) => [index === 0 ? title : '', line]); }

function size(bytes: number): string {
  if (bytes >= 2 ** 40) return `${(bytes / 2 ** 40).toFixed(1)} TiB`;
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`;
}

export interface FollowFlags { readonly json: boolean; readonly debug: boolean }

/** Returns the exit code. Whoever goes away does not end it. */
export async function followInstall(events: AsyncIterable<InstallEvent>, { json, debug }: FollowFlags, context: Context): Promise<number> {
  const progress = json || debug ? noProgress : progressOn(context.io);
  let step = { name: '', startMs: 0 };
  const ended = async (): Promise<void> => { if (debug && !json && step.name !== '') await context.warn(`${step.name}: ${inWords(context.io.now().getTime() - step.startMs)}`); };
  try {
    for await (const event of events) {
      if (json) await context.print(`${JSON.stringify(event)}\n`);
      if (event.kind === 'progress') {
        if (event.step !== step.name) { await ended(); step = { name: event.step, startMs: context.io.now().getTime() }; }
        await progress.show(`${event.step}: ${percent(event.doneBytes, event.totalBytes)}`);
        continue;
      }
      await progress.clear();
      if (event.kind === 'failed') throw new RosError(event.error.code, event.error.message, event.error.hint === undefined ? {} : { hint: event.error.hint });
      await ended();
      if (!json) await context.print(resultText(event.result));
      return 0;
    }
  } finally {
    await progress.clear();
  }
  throw new RosError('ERR_ROS_STREAM', 'cannot tell how the installation ends: this command was ended, or the supervisor\'s answer was', { hint: 'it goes on if the machine does: ros logs -f' });
}

function percent(done: number, total: number): string { return total <= 0 ? '' : `${Math.floor(done / total * 100)}%`; }

function resultText({ device, version, tookMs, bytesWritten, reboots }: InstallResult): string {
  const end = reboots ? 'the machine restarts now: take the medium out' : 'it starts from there at the next boot: take the medium out before';
  return `installed ${version} to ${device ?? 'the partitions'} in ${duration(tookMs)} (${size(bytesWritten)} written and read back)\n${end}\n`;
}
