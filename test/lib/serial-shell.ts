/** A shell on the serial console, for machines that have no network: types a command, reads its output and exit code. */
import type { CommandResult } from '../../scripts/qemu-ssh.ts';
import type { Machine } from './machine.ts';

export class SerialShell {
  readonly #machine: Machine;
  #count = 0;

  private constructor(machine: Machine) { this.#machine = machine; }

  /** Logs in at the prompt with a password. */
  static async logIn(machine: Machine, user: string, password: string, nativeMs: number): Promise<SerialShell> {
    await machine.waitForConsole(/\w+ login: /, nativeMs, 'a login prompt');
    const mark = machine.console.mark();
    machine.vm.type(`${user}\n`);
    await machine.waitForConsole(/assword: ?/, 30_000, 'the question for the password', mark);
    machine.vm.type(`${password}\n`);
    return SerialShell.open(machine, 30_000);
  }

  /** For a console that is logged in already, or about to be (rancher.autologin). */
  static async open(machine: Machine, nativeMs: number): Promise<SerialShell> {
    const shell = new SerialShell(machine);
    const limit = machine.limit(nativeMs);
    await machine.until('a shell on the serial console', limit, async () => {
      const mark = machine.console.mark();
      machine.vm.type('echo shell-$((6*7))\n');
      await machine.console.waitFor(/shell-42/, 4_000, 'the shell\'s answer', mark);
      return true;
    });
    await shell.run("sudo dmesg --console-off; bind 'set enable-bracketed-paste off'"); // neither kernel messages nor the terminal's marks among the answers
    return shell;
  }

  async run(command: string, nativeMs = 60_000): Promise<CommandResult> {
    this.#count += 1;
    // The shell computes the product, so that the echo of what was typed is not taken for the end.
    const number = this.#count * 1000;
    const mark = this.#machine.console.mark();
    this.#machine.vm.type(`${command}; echo "<<$((${this.#count}*1000)):$?>>"\n`);
    const pattern = new RegExp(`<<${number}:(\\d+)>>`);
    const end = await this.#machine.waitForConsole(pattern, nativeMs, `the end of "${command}" on the serial console`, mark);
    const text = this.#machine.console.text.slice(mark, end.index).replaceAll('\r', '');
    const echo = text.indexOf('\n');
    return { code: Number(end[1]), stdout: text.slice(echo + 1).replaceAll(/\x1b\[[?\d;]*[a-zA-Z]/g, ''), stderr: '' };
  }
}
