/** Where the time comes from. */
import { constants } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { NtpSetting } from '../../config/index.ts';
import { writeFileAtomic } from '../../sys/files.ts';
import { paths } from '../machine.ts';
import type { Part } from './part.ts';

const service = 'ntp';
/** Read by the service's ntp-init. */
const sourcesFile = join(paths.runtimeEtc, 'chrony.sources');
/** The service reads its sources anew when something is written to it. */
const changed = '/run/chrony-dhcp/changed';

export const ntpPart: Part = {
  name: 'ntp', keys: ['ntp'], effect: 'now',
  of: ({ ntp }) => ntp,
  what: (before, { ntp }) => (ntp.enabled === before.ntp.enabled ? 'ntp: servers' : `ntp: the service is ${ntp.enabled ? 'started' : 'stopped'}`),
  async boot(machine, { ntp }) {
    await writeSources(ntp);
    // Before the plan knows it: it is not started then.
    if (!ntp.enabled) await machine.services.markStopped(service, true);
  },
  async apply({ services }, before, { ntp }) {
    await writeSources(ntp);
    if (!services.has(service)) return;
    if (!ntp.enabled) await services.stop(service);
    else if (!before.ntp.enabled) await services.start(service);
    else await poke();
  },
};

/** As chrony's `sourcedir` takes them; no file where the configuration names none. Pure. */
export function ntpSources({ servers, pools }: NtpSetting): string {
  const usable = (name: string): boolean => /^[A-Za-z0-9._:-]+$/.test(name);
  return [...servers.filter(usable).map((name) => `server ${name} iburst\n`), ...pools.filter(usable).map((name) => `pool ${name} iburst maxsources 4\n`)].join('');
}

async function writeSources(ntp: NtpSetting): Promise<void> {
  const text = ntpSources(ntp);
  if (text === '') { await rm(sourcesFile, { force: true }); return; }
  await mkdir(paths.runtimeEtc, { recursive: true });
  await writeFileAtomic(sourcesFile, text, 0o644);
}

/** Nobody listens: then it reads them when it starts. */
async function poke(): Promise<void> {
  const fifo = await open(changed, constants.O_WRONLY | constants.O_NONBLOCK).catch(() => undefined);
  await fifo?.write('configured\n').finally(() => fifo.close());
}
