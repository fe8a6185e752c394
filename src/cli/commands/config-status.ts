import type { ConfigStatus } from '../../api/types.ts';
import { defineCommand, jsonOption, toJson } from '../command.ts';
import { planText, problemText } from '../config.ts';
import { duration, inWords, oneLine, seconds, table } from '../format.ts';

export const configStatus = defineCommand({
  name: 'config status',
  group: 'Configuration',
  summary: 'Tell how it stands with the configuration',
  description: 'Tells which layers there are, what is wrong with them, where user-data came from, what waits to be applied, and what\nthe commands and scripts of the configuration did in this boot.',
  options: { json: jsonOption },
  async run({ options }, { print, client }) {
    const status = await (await client()).config.status();
    return print(options.json === true ? toJson(status) : format(status));
  },
});

const shownLines = 5;

export function format({ layers, problems, pending, datasource, hooks, trial }: ConfigStatus): string {
  return [
    `layers\n${table(layers.map(({ name, source, usedLastGood }) => [`  ${name}`, `${source}${usedLastGood ? ' (broken: its last good copy is in force)' : ''}`]))}`,
    problems.length === 0 ? '' : `problems\n${problems.map((problem) => indented(problemText(problem))).join('')}`,
    datasource === undefined ? '' : `datasource\n${datasourceText(datasource)}`,
    `to apply\n${indented(pending.length === 0 ? 'nothing\n' : planText({ valid: true, problems: [], changes: pending }))}`,
    trial === undefined ? '' : `trial\n  undone in ${duration(trial.endsInMs)} unless confirmed: sudo ros config confirm\n`,
    hooks.length === 0 ? '' : `hooks\n${hooks.map(hookText).join('')}`,
  ].filter((part) => part !== '').join('\n');
}

function datasourceText({ source, why, tookMs, tried }: NonNullable<ConfigStatus['datasource']>): string {
  const first = `${source ?? 'none'}: ${why} (after ${inWords(tookMs)})`;
  return `  ${oneLine(first)}\n${table(tried.map((one) => [`  ${oneLine(one.source)}`, oneLine(one.result)]))}`;
}

/** What one that failed printed last stands below it. */
function hookText({ name, exitCode, tookMs, output }: ConfigStatus['hooks'][number]): string {
  const line = `  ${oneLine(name)}: ${exitCode === 0 ? 'done' : exitCode < 0 ? 'failed' : `failed with exit code ${exitCode}`} after ${seconds(tookMs)}\n`;
  const last = exitCode === 0 ? [] : output.trimEnd().split('\n').slice(-shownLines).filter((text) => text.trim() !== '');
  return `${line}${last.map((text) => `      ${oneLine(text)}\n`).join('')}`;
}

function indented(text: string): string { return text.replaceAll(/^(?=.)/gm, '  '); }
