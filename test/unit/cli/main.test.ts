import { describe, expect, it } from 'vitest';
import { commands } from '../../../src/cli/commands.ts';
import { multiCallNames } from '../../../src/cli/main.ts';
import { ros } from './support.ts';

const nobody = '/nonexistent/control.sock';

describe('ros', () => {
  it('prints every command, grouped, without arguments', async () => {
    const { code, stdout } = await ros('', nobody);
    expect(code).toBe(0);
    for (const { name, summary } of commands) expect(stdout).toMatch(new RegExp(`^  ${name} +${summary.replaceAll(/[()]/g, '\\$&')}$`, 'm'));
    expect(stdout).toMatch(/^Usage: ros COMMAND \[OPTION…\]\n\nServices:\n[\s\S]*\nMachine:\n[\s\S]*\nPower:\n/);
  });

  it('prints the commands of a group', async () => {
    const { stdout } = await ros('s', nobody);
    expect(stdout).toMatch(/^Usage: ros service COMMAND/);
    expect(stdout).not.toContain('poweroff');
  });

  it('prints the help of a command', async () => {
    expect(await ros('help service restart', nobody)).toMatchObject({
      code: 0,
      stdout: `Usage: ros service restart NAME… [OPTION…]

Stops services and starts them again.

Options:
  -t, --timeout N  seconds a container gets to stop before it is killed
  --json           print JSON
  -h, --help       print this help
`,
    });
  });

  it.each([
    ['servce list', 'unknown command "servce"', 'did you mean "ros service"?'],
    ['service lst', 'unknown command "service lst"', 'did you mean "ros service list"?'],
    ['rebot', 'unknown command "rebot"', 'did you mean "ros reboot"?'],
    ['frobnicate', 'unknown command "frobnicate"', 'ros --help'],
    ['service list --jsn', 'unknown option "--jsn"', 'did you mean "--json"?'],
    ['service list -x', 'unknown option "-x"', 'ros service list --help'],
    ['service list extra', 'unexpected argument "extra"', 'ros service list --help'],
    ['logs -n many', 'option "--tail" needs a whole number', 'ros logs --help'],
    ['logs -n', 'Not enough arguments following: n', 'ros logs --help'],
  ])('does nothing for "%s" and says what to write', async (words, message, hint) => {
    expect(await ros(words, nobody)).toEqual({ code: 2, stdout: '', stderr: `ros: ${message}\nhint: ${hint}\n`, signals: [] });
  });

  it('is every multi-call name too', () => {
    for (const name of multiCallNames) expect(commands.map((command) => command.name)).toContain(name);
  });

  it('exits with 130 and without a word when it is interrupted', async () => {
    expect(await ros('status', nobody, { signal: AbortSignal.timeout(50) })).toMatchObject({ code: 130, stdout: '', stderr: '' });
  });
});

describe('the table of commands', () => {
  it('says of each what it does, in one line without a full stop', () => {
    for (const { name, summary, description } of commands) {
      expect(summary, name).toMatch(/^[A-Z][^\n]{5,60}[^.]$/);
      expect(description, name).toMatch(/\.$/);
    }
  });
});
