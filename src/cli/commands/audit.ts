import type { AuditCheck, AuditReport } from '../../api/types.ts';
import { defineCommand, jsonOption, toJson } from '../command.ts';
import { oneLine } from '../format.ts';

export const audit = defineCommand({
  name: 'audit',
  group: 'Machine',
  summary: 'Check how well the machine is secured',
  description: 'Looks at the running machine: the line between system and user containers, sockets and secrets, logins, what each\nsystem container may do, the kernel, mounts and the network. Each check says where it looked and what it found.\nThe exit code is 1 when a check has failed.',
  options: { json: jsonOption, problems: { type: 'boolean', alias: ['p'], describe: 'only what has not passed' } },
  async run({ options }, { print, client }) {
    const report = await (await client()).audit();
    await print(options.json === true ? toJson(report) : format(report, options.problems === true));
    return report.failed > 0 ? 1 : 0;
  },
});

const marks = { pass: 'pass', warn: 'WARN', fail: 'FAIL' } as const;

function format({ checks, score, passed, warned, failed }: AuditReport, problemsOnly: boolean): string {
  const shown = checks.filter(({ result }) => !problemsOnly || result !== 'pass');
  const sum = `${score} of 100: ${passed} passed, ${warned} ${warned === 1 ? 'warning' : 'warnings'}, ${failed} failed\n`;
  return `${shown.map(formatOne).join('')}${shown.length === 0 ? '' : '\n'}${sum}`;
}

function formatOne({ id, title, result, looked, detail, hint }: AuditCheck): string {
  const rows = [`found: ${detail}`, `looked at: ${looked}`, ...(hint === undefined ? [] : [`hint: ${hint}`])];
  return `${marks[result]}  ${title} (${id})\n${rows.map((row) => `      ${oneLine(row)}\n`).join('')}`;
}
