/** The table of datasources, and asking them: all at once, bounded in time, the first that has something wins. */
import { causeOf } from '../../lib/errors.ts';
import type { Problem } from '../problem.ts';
import type { Found } from '../user-data.ts';
import { configDrive } from './config-drive.ts';
import type { Datasource, DatasourceContext, Volumes } from './datasource.ts';

export const datasources: readonly Datasource[] = [configDrive];

export interface Probe {
  readonly found: Found | undefined;
  readonly problems: readonly Problem[];
}

export interface ProbeOptions {
  /** `rancher.cloud_init.datasources`: names, with an argument behind a colon. `*` is all of them. */
  readonly names: readonly string[];
  readonly volumes: Volumes;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly table?: readonly Datasource[];
}

/** Never throws; a datasource that fails is a problem, one that has nothing is not. */
export async function probeDatasources(options: ProbeOptions): Promise<Probe> {
  const { names, volumes, timeoutMs, table = datasources } = options;
  const problems: Problem[] = [];
  const ended = new AbortController();
  const parts = [ended.signal, AbortSignal.timeout(timeoutMs), ...(options.signal === undefined ? [] : [options.signal])];
  const context: DatasourceContext = { volumes, signal: AbortSignal.any(parts) };

  const chosen = names.includes('*') ? table.map(({ name }) => name) : names;
  const asked = chosen.map(async (spec) => {
    const [name = '', ...rest] = spec.split(':');
    const datasource = table.find((candidate) => candidate.name === name);
    if (datasource === undefined) {
      problems.push({ severity: 'warning', source: `datasource ${name}`, message: 'no such datasource, or not active yet' });
      return undefined;
    }
    try {
      return await datasource.fetch(rest.length === 0 ? undefined : rest.join(':'), context);
    } catch (error) {
      problems.push({ severity: 'error', source: `datasource ${name}`, message: causeOf(error) });
      return undefined;
    }
  });
  const found = await firstFound(asked, context.signal);
  ended.abort();
  return { found, problems };
}

/** The first that has something; undefined when none has, or when time is up. */
async function firstFound(asked: readonly Promise<Found | undefined>[], signal: AbortSignal): Promise<Found | undefined> {
  if (signal.aborted) return undefined;
  const timeUp = new Promise<undefined>((resolve) => { signal.addEventListener('abort', () => { resolve(undefined); }, { once: true }); });
  const winner = Promise.any(asked.map(async (one) => (await one) ?? Promise.reject(new Error('nothing here')))).catch(() => undefined);
  return Promise.race([winner, timeUp]);
}
