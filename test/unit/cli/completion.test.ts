import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commands } from '../../../src/cli/commands.ts';

const script = join(import.meta.dirname, '../../../system-services/console/root/usr/share/bash-completion/completions/ros');

/** What Tab offers behind these words, on a machine that has ntp and syslog and could have foo. */
function complete(...words: string[]): string[] {
  const machine = `ros() {
    case "$*" in
      'service list --quiet') printf 'ntp\\nsyslog\\n' ;;
      'service list --all --quiet') printf 'foo\\nntp\\nsyslog\\n' ;;
      'config schema --keys') printf 'hostname\\nrancher\\nrancher.ssh\\nrancher.ssh.port\\n' ;;
      'service list --all') printf 'ENABLED  NAME\\nenabled  ntp -\\ndisabled foo -\\n\\nrepository core: x\\n' ;;
    esac
  }`;
  const text = `${machine}\n. "$0"\nCOMP_WORDS=(ros "$@"); COMP_CWORD=$#; _ros; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', text, script, ...words], { encoding: 'utf8' }).trimEnd().split('\n');
}

describe('completion', () => {
  it('knows every command', () => {
    const names = commands.map(({ name }) => name.split(' '));
    expect(complete('').filter((word) => !word.startsWith('-'))).toEqual([...new Set(names.map(([first]) => first))].sort());
    const members = names.filter(([first]) => first === 'service').map(([, second]) => second).sort();
    expect(complete('service', '')).toEqual(members);
    expect(complete('s', '')).toEqual(members);
    const ofConfig = names.filter(([first]) => first === 'config').map(([, second]) => second).sort();
    expect(complete('config', '')).toEqual(ofConfig);
    expect(complete('c', '')).toEqual(ofConfig);
  });

  it('knows only options that exist', () => {
    for (const { name, options } of commands.filter((command) => /^(?:service|config) /.test(command.name))) {
      const offered = name === 'service validate' ? [] : complete(...name.split(' '), '--');
      for (const option of offered.filter((word) => word !== '')) expect(Object.keys(options), name).toContain(option.slice(2));
    }
  });

  it.each([
    [['service', 'stop', ''], ['ntp', 'syslog']],
    [['s', 'why', 'n'], ['ntp']],
    [['service', 'restart', 'ntp', 's'], ['syslog']],
    [['service', 'enable', ''], ['foo', 'ntp', 'syslog']],
    [['service', 'disable', ''], ['ntp']],
    [['service', 'delete', ''], ['ntp']],
    [['service', 'kill', '-s', 'SIGK'], ['SIGKILL']],
    [['service', 'validate', `${import.meta.dirname}/completion`], [import.meta.filename]],
    [['c', 'get', 'rancher.s'], ['rancher.ssh', 'rancher.ssh.port']],
    [['config', 'set', 'h'], ['hostname']],
    [['config', 'merge', '-i', `${import.meta.dirname}/completion`], [import.meta.filename]],
    [['config', 'apply', `${import.meta.dirname}/completion`], [import.meta.filename]],
    [['config', 'apply', '--try', '6'], ['60s']],
    [['service', 'graph', '--svg', `${import.meta.dirname}/completion`], [import.meta.filename]],
  ])('completes %j', (words, offered) => {
    expect(complete(...words)).toEqual(offered);
  });
});
