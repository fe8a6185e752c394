import type { Catalog, ServiceStatus } from '../../api/types.ts';
import { defineCommand, jsonOption, toJson } from '../command.ts';
import { duration, inWords, oneLine } from '../format.ts';

export const serviceList = defineCommand({
  name: 'service list',
  group: 'Services',
  summary: 'List the services and how they do',
  description: 'Lists the services: whether each is enabled, its state, since when it runs, how often it was restarted\nin this boot, and what there is to say about it.',
  options: {
    all: { type: 'boolean', alias: ['a'], describe: 'also those that could be enabled, and the repositories they come from' },
    update: { type: 'boolean', alias: ['u'], describe: 'first ask the repositories what they have now' },
    quiet: { type: 'boolean', alias: ['q'], describe: 'print names only' },
    json: jsonOption,
  },
  async run({ options }, { io, print, warn, client }) {
    const control = await client();
    const catalog = options.all === true || options.update === true ? await control.available(options.update === true) : undefined;
    const services = (await control.services()).toSorted(byName);
    const listed = options.all === true ? catalog : undefined;
    if (options.json === true) await print(toJson(catalog === undefined ? services : { services, catalog }));
    else if (options.quiet === true) await print(rowsOf(services, listed).map(({ name }) => `${name}\n`).join(''));
    else await print(`${format(services, listed)}${catalog === undefined ? '' : formatRepositories(catalog, io.now())}`);

    const failed = options.update === true ? catalog?.repositories.filter(({ problem }) => problem !== undefined) ?? [] : [];
    for (const { name, problem } of failed) await warn(`ros: cannot update repository "${name}": ${oneLine(problem ?? '')}`);
    return failed.length === 0 ? 0 : 1;
  },
});

interface Row {
  readonly name: string;
  readonly enabled: boolean;
  /** Absent: it is not part of this machine. */
  readonly service?: ServiceStatus;
  readonly repository: string;
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

/** What is part of this machine and what could be, by name, nothing twice. */
function rowsOf(services: readonly ServiceStatus[], catalog: Catalog | undefined): readonly Row[] {
  const rows = new Map<string, Row>(catalog?.services.map(({ name, enabled, repository = '-' }) => [name, { name, enabled, repository }]));
  for (const service of services) {
    const { name, enabled } = service;
    rows.set(name, { name, enabled, service, repository: rows.get(name)?.repository ?? '-' });
  }
  return [...rows.values()].toSorted(byName);
}

/**
 * Every line begins as in RancherOS, `enabled  name` or `disabled name`: what people wrote to read it goes on working.
 * With a catalog each says the repository too.
 */
export function format(services: readonly ServiceStatus[], catalog?: Catalog): string {
  const listed = rowsOf(services, catalog);
  const isAll = catalog !== undefined;
  const rows = [
    ['NAME', 'STATE', 'UPTIME', 'RESTARTS', ...(isAll ? ['REPOSITORY'] : []), 'DETAIL'],
    ...listed.map(({ name, service, repository }) => [
      oneLine(name), service?.state ?? '-', service?.upMs === undefined ? '-' : duration(service.upMs), String(service?.restarts ?? '-'),
      ...(isAll ? [oneLine(repository)] : []), oneLine(service?.detail ?? ''),
    ]),
  ];
  const widths = (rows[0] ?? []).slice(0, -1).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row, index) => {
    const { enabled } = listed[index - 1] ?? {};
    const first = enabled === undefined ? 'ENABLED' : enabled ? 'enabled' : 'disabled';
    return `${`${first.padEnd(9)}${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd()}\n`;
  }).join('');
}

/** A line each, below the table. Of those on this machine only what is wrong with them: there is nothing to fetch. */
function formatRepositories({ repositories }: Catalog, now: Date): string {
  const lines = repositories
    .filter(({ url, problem }) => !url.startsWith('file:') || problem !== undefined)
    .map(({ name, url, fetchedAt, problem }) => {
      const age = url.startsWith('file:') ? '' : fetchedAt === undefined ? ' (never fetched)' : ` (fetched ${inWords(now.getTime() - Date.parse(fetchedAt))} ago)`;
      return oneLine(`repository ${name}: ${url}${age}${problem === undefined ? '' : `: ${problem}`}`);
    });
  return lines.length === 0 ? '' : `\n${lines.map((line) => `${line}\n`).join('')}`;
}
