import type { TlsCertificate, TlsStatus } from '../../api/types.ts';
import { defineCommand, jsonOption, toJson } from '../command.ts';
import { oneLine } from '../format.ts';

export const tlsStatus = defineCommand({
  name: 'tls status',
  group: 'Machine',
  summary: 'The certificates for Docker, and how long they are valid',
  description: 'Shows the certificates for Docker over the network: whose each is, for which names, and how long it is valid. What is\nwrong stands below it; the exit code is 1 when a connection would fail.',
  options: { json: jsonOption },
  async run({ options }, { print, client }) {
    const status = await (await client()).tls();
    await print(options.json === true ? toJson(status) : format(status));
    return status.certificates.some(({ problems }) => problems.length > 0) ? 1 : 0;
  },
});

function format({ enabled, certificates }: TlsStatus): string {
  const state = enabled ? 'on' : 'off (rancher.docker.tls)';
  if (certificates.length === 0) return `Docker over TLS is ${state}.\nThere are no certificates: sudo ros tls generate -s -H NAME\n`;
  return `Docker over TLS is ${state}.\n${certificates.map(formatOne).join('')}`;
}

function formatOne({ kind, where, subject, issuer, names, validFrom, expiresAt, daysLeft, problems, warnings }: TlsCertificate): string {
  const rows = [
    ['in', where], ['subject', subject], ['issuer', issuer === subject ? undefined : issuer], ['names', names.length === 0 ? undefined : names.join(', ')],
    ['valid', expiresAt === undefined ? undefined : `${validFrom?.slice(0, 10) ?? ''} to ${expiresAt.slice(0, 10)}${daysLeft === undefined || daysLeft < 0 ? '' : `, ${daysLeft} days left`}`],
    ...problems.map((text) => ['problem', text]), ...warnings.map((text) => ['warning', text]),
  ];
  return `\n${kind}\n${rows.flatMap(([name = '', text]) => (text === undefined ? [] : [`  ${name.padEnd(9)}${oneLine(text)}\n`])).join('')}`;
}
