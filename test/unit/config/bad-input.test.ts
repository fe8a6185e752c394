import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { loadConfig, parseLayer } from '../../../src/config/load.ts';
import { settingsOf } from '../../../src/config/settings.ts';

const mebi = 1024 * 1024;
const filled = (line: string, bytes = mebi): string => line.repeat(Math.floor(bytes / line.length));
const numbered = (line: (index: number) => string, count: number): string => Array.from({ length: count }, (_, index) => line(index)).join('');

/** Each about as large as a cloud-config may be. The supervisor answers to nobody while it reads one. */
const hostile: Readonly<Record<string, string>> = {
  'unknown keys': numbered((index) => `k${index}: 1\n`, 80_000),
  'unknown keys, as many as are read': numbered((index) => `k${index}: 1\n`, 19_000),
  'wrong items': `ssh_authorized_keys:\n${'- {}\n'.repeat(19_000)}`,
  'wrong users': `users:\n${'- {uid: x}\n'.repeat(6_000)}`,
  'wrong mounts': `mounts:\n${'- [a]\n'.repeat(9_000)}`,
  'broken gzip': `write_files:\n${`- {path: /a, encoding: gz, content: ${gzipSync(Buffer.alloc(9 * mebi)).toString('base64')}}\n`.repeat(80)}`,
  'gzip that is too much in all': `write_files:\n${`- {path: /a, encoding: gz, content: ${gzipSync(Buffer.alloc(8 * mebi)).toString('base64')}}\n`.repeat(80)}`,
  'anchors': numbered((index) => `- &a${index} x\n`, 60_000),
  'merges': `a: &a {${numbered((index) => `k${index}: 1, `, 5000)}}\n${numbered((index) => `b${index}: {<<: *a}\n`, 900)}`,
  'a long number': `rancher: {ssh: {port: ${'1'.repeat(mebi - 100)}}}`,
  'a long number with marks': `rancher: {ssh: {port: ${'1_'.repeat(mebi / 2 - 100)}}}`,
  'a long name': `hostname: ${'a-'.repeat(mebi / 2 - 100)}`,
  'a long path': `write_files: [{path: ${'/.'.repeat(mebi / 2 - 100)}./..}]`,
  'a long certificate': `ca_certs: {trusted: ["${'-----BEGIN CERTIFICATE-----'.repeat(38_000)}"]}`,
  'a long address': `rancher: {network: {dns: {nameservers: ["${'1:'.repeat(mebi / 2 - 100)}x"]}}}`,
  'white space': filled(' '), 'tabs': filled('\t'), 'brackets': filled('['), 'pairs of brackets': filled('[]'), 'quotes': filled('"'), 'dashes': filled('- '), 'questions': filled('? '),
  'lines': filled('\n'), 'carriage returns': filled('\r'), 'comments': filled('#\n'), 'a text that never ends': `a: "${filled('x')}`, 'stars': filled('*a '), 'documents': filled('---\n'), 'ends of documents': filled('...\n'), 'documents that follow one another': filled('a: 1\n...\n'),
};

describe('a cloud-config of a megabyte', () => {
  it.each(Object.entries(hostile))('of %s is judged at once', (_name, text) => {
    const started = performance.now();
    const { config, problems } = parseLayer(text, 'f');
    settingsOf(config);
    expect(performance.now() - started).toBeLessThan(3000);
    expect(problems.length).toBeLessThanOrEqual(41);
    expect(problems.every(({ message }) => message.length < 300)).toBe(true);
  });

  it('tells how many problems it does not show', () => {
    expect(parseLayer(hostile['wrong items'] ?? '', 'f').problems.at(-1)?.message).toBe('18980 more problems are not shown');
  });
});

describe('a file of the configuration', () => {
  it.each([
    ['of 50 MB', async (path: string) => { await writeFile(path, '#cloud-config\n'); await truncate(path, 50 * mebi); }, 'larger than 1048576 bytes'],
    ['of binary rubbish', (path: string) => writeFile(path, Buffer.from(Array.from({ length: 4096 }, (_, index) => index * 7 % 256))), 'not UTF-8'],
    ['that was cut in the middle', (path: string) => writeFile(path, 'hostname: cut\nssh_authorized_keys: ["ssh-rsa AAA'), 'line 2, column 35: unexpected end'],
    ['with a wrong value', (path: string) => writeFile(path, 'hostname: cut\nrancher:\n  ssh:\n    port: many\n'), 'line 4, column 5: rancher.ssh.port: expected number'],
  ])('%s is told, and the others hold', async (_name, make, message) => {
    const directory = await mkdtemp(join(tmpdir(), 'ros-bad-'));
    try {
      await make(join(directory, 'cloud-config.yml'));
      const started = performance.now();
      const { config, problems } = await loadConfig({ confDirectory: directory, cmdline: 'rancher.debug' });
      expect(performance.now() - started).toBeLessThan(2000);
      expect(config.rancher).toMatchObject({ debug: true, state: { fstype: 'auto' } });
      const told = problems.map((problem) => `line ${problem.line ?? 0}, column ${problem.column ?? 0}: ${problem.path === undefined ? '' : `${problem.path}: `}${problem.message}`);
      expect(told).toEqual([expect.stringContaining(message) as string]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
