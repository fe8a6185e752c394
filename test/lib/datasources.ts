/** Datasources asked in a test: no drive, no firmware, no network but what the test brings. */
import { systemClock } from '../../src/lib/clock.ts';
import type { Datasource, DatasourceContext, Facts, Volumes } from '../../src/config/datasources/datasource.ts';
import { chooseDatasources } from '../../src/config/datasources/index.ts';
import { probeDatasources, type Probe, type ProbeOptions } from '../../src/config/datasources/probe.ts';
import { createWeb } from '../../src/config/datasources/web.ts';
import type { Dmi } from '../../src/sys/firmware.ts';

export const noDmi: Dmi = { vendor: '', product: '', serial: '', assetTag: '', biosVendor: '', oemStrings: [] };
export const facts = (dmi: Partial<Dmi> = {}, cmdline = ''): Facts => ({ dmi: { ...noDmi, ...dmi }, cmdline });

/** Volumes of which those with one of `labels` hold the files of `folder`. */
export function volumes(folder = '', labels: readonly string[] = [], shares: readonly string[] = []): Volumes & { mounted: Volumes['mounted']; readonly log: string[] } {
  const log: string[] = [];
  return {
    log,
    findByLabel: async (wanted) => (wanted.some((label) => labels.includes(label)) ? '/dev/sr0' : undefined),
    hasShare: async (tag) => shares.includes(tag),
    async mounted(source, fstype, use) {
      if (folder === '') throw new Error('no such device');
      log.push(`mount ${source}${fstype === undefined ? '' : ` ${fstype}`}`);
      try { return await use(folder); } finally { log.push(`unmount ${source}`); }
    },
  };
}

export function context(over: Partial<DatasourceContext> = {}): DatasourceContext {
  const { signal } = new AbortController();
  return {
    volumes: volumes(), facts: facts(), web: createWeb(systemClock, signal), signal,
    guestInfo: async () => undefined, firmwareFile: async () => undefined, gateways: async () => [], ...over,
  };
}

type ProbeOver = Partial<Omit<ProbeOptions, 'context'>> & { readonly context?: Partial<DatasourceContext>; readonly table?: readonly Datasource[] };

/** Chooses and asks, with all that is said of either. */
export async function probe(names: readonly string[], { context: over = {}, table, ...options }: ProbeOver = {}): Promise<Probe> {
  const whole = context(over);
  const { choices, problems } = table === undefined ? chooseDatasources(names, whole.facts) : chooseDatasources(names, whole.facts, table);
  const result = await probeDatasources(choices, { clock: systemClock, timeoutMs: 2000, retry: false, graceMs: 50, pauseMs: 5, context: whole, ...options });
  return { ...result, problems: [...problems, ...result.problems] };
}
