/** QEMU's machine protocol, as much as is needed here: one command after the other over a unix socket. */
import { createConnection, type Socket } from 'node:net';

interface Answer { readonly return?: unknown; readonly error?: { readonly desc: string }; readonly event?: string; readonly QMP?: unknown }

export class Qmp {
  readonly #socket: Socket;
  readonly #waiting: ((answer: Answer | Error) => void)[] = [];
  #rest = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => { this.#take(chunk); });
    socket.on('error', (error) => { this.#fail(error); });
    socket.on('close', () => { this.#fail(new Error('QEMU closed its control socket')); });
  }

  /** QEMU makes the socket before the machine starts, but a little after it was spawned: tried until `timeoutMs` is over. */
  static async connect(path: string, timeoutMs = 10_000): Promise<Qmp> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      try {
        const qmp = new Qmp(await open(path));
        await qmp.execute('qmp_capabilities');
        return qmp;
      } catch (error) {
        if (Date.now() > deadline) throw new Error(`cannot reach QEMU's control socket within ${timeoutMs / 1000} s`, { cause: error });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async execute(command: string, args?: Record<string, unknown>, timeoutMs = 10_000): Promise<unknown> {
    const answer = await new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(() => { reject(new Error(`QEMU did not answer "${command}" within ${timeoutMs / 1000} s`)); }, timeoutMs);
      this.#waiting.push((got) => {
        clearTimeout(timer);
        if (got instanceof Error) reject(got); else resolve(got);
      });
      this.#socket.write(`${JSON.stringify({ execute: command, ...(args && { arguments: args }) })}\n`);
    });
    if (answer.error) throw new Error(`QEMU refused "${command}": ${answer.error.desc}`);
    return answer.return;
  }

  close(): void { this.#socket.destroy(); }

  #take(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.trim() === '') continue;
      const answer = JSON.parse(line) as Answer;
      if (answer.event === undefined && answer.QMP === undefined) this.#waiting.shift()?.(answer);
    }
  }

  #fail(error: Error): void {
    for (const answer of this.#waiting.splice(0)) answer(error);
  }
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path, () => { resolve(socket); });
    socket.once('error', reject);
  });
}
