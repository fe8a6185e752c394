/**
 * The machine's time zone. The image carries no zone files (0.4 MB): Node has the same data in itself, so the one file
 * that is needed is made from it, in /run/etc/localtime, where the images' /etc/localtime leads to.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RosError } from '../../lib/errors.ts';
import { suggest } from '../../lib/suggest.ts';
import { isZone, zoneFile } from '../../lib/zone-file.ts';
import { writeFileAtomic } from '../../sys/files.ts';
import { paths } from '../machine.ts';
import type { Part } from './part.ts';

export const timezonePart: Part = {
  name: 'timezone', keys: ['timezone'], effect: 'now',
  of: ({ timezone }) => timezone,
  what: (_before, { timezone }) => `timezone: ${timezone ?? 'UTC'}; what runs already takes it when it starts again`,
  // Scheduled services go by it.
  adopt: ({ timezone }) => { if (timezone === undefined || !isZone(timezone)) delete process.env['TZ']; else process.env['TZ'] = timezone; },
  boot: (_machine, { timezone }) => writeZone(timezone),
  apply: (_machine, _before, { timezone }) => writeZone(timezone),
};

/** There in any case: user containers like to mount it. */
async function writeZone(zone = 'UTC'): Promise<void> {
  const known = isZone(zone);
  await mkdir(paths.runtimeEtc, { recursive: true });
  await writeFileAtomic(join(paths.runtimeEtc, 'localtime'), await zoneFile(known ? zone : 'UTC'), 0o644);
  await writeFileAtomic(join(paths.runtimeEtc, 'timezone'), `${known ? zone : 'UTC'}\n`, 0o644);
  if (known) return;
  const meant = suggest(zone, Intl.supportedValuesOf('timeZone'));
  throw new RosError('ERR_ROS_TIMEZONE', `cannot set timezone "${zone}": there is no such zone${meant === undefined ? '' : `, did you mean "${meant}"?`}`);
}
