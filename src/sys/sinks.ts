/** Where the log goes besides the ring: the kernel log and a bounded file. Both queue, so a slow disk or console stalls nobody. */
import { open, rename, stat, type FileHandle } from 'node:fs/promises';
import type { LogRecord } from '../api/types.ts';
import { formatRecord, type LogSink } from '../lib/log.ts';

const queueLimit = 1000;
/** A record of /dev/kmsg is cut by the kernel near 1 KB. */
const kmsgLineLimit = 900;

/** Writes lines one after the other through `writeLine`; when the queue is full lines are dropped, and it says how many. */
class LineQueue {
  readonly #writeLine: (line: string) => Promise<void>;
  #queue: string[] = [];
  #dropped = 0;
  #busy = false;

  constructor(writeLine: (line: string) => Promise<void>) { this.#writeLine = writeLine; }

  push(line: string): void {
    if (this.#queue.length >= queueLimit) { this.#dropped += 1; return; }
    this.#queue.push(line);
    if (!this.#busy) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    for (let line = this.#queue.shift(); line !== undefined; line = this.#queue.shift()) {
      // A log that cannot be written must not take the supervisor with it; the ring still has the line.
      await this.#writeLine(line).catch(() => undefined);
      if (this.#dropped > 0 && this.#queue.length === 0) { this.#queue.push(`(${this.#dropped} log lines lost here)`); this.#dropped = 0; }
    }
    this.#busy = false;
  }
}

export async function openKernelLog(): Promise<LogSink> {
  const device = await open('/dev/kmsg', 'w');
  const queue = new LineQueue(async (line) => { await device.write(line); });
  return {
    write({ level, msg }: LogRecord) {
      const priority = level >= 50 ? 3 : level >= 40 ? 4 : 6;
      queue.push(`<${priority}>ros: ${msg.replaceAll('\n', ' | ').slice(0, kmsgLineLimit)}\n`);
    },
  };
}

/** Appends to `path`; over `maxBytes` the file becomes `<path>.1` and a new one starts. */
export async function openLogFile(path: string, maxBytes: number): Promise<LogSink> {
  let file: FileHandle = await open(path, 'a', 0o640);
  let size = (await stat(path)).size;
  const queue = new LineQueue(async (line) => {
    if (size > maxBytes) {
      await file.close();
      await rename(path, `${path}.1`);
      file = await open(path, 'a', 0o640);
      size = 0;
    }
    await file.write(line);
    size += line.length;
  });
  return { write(record) { queue.push(`${record.time} ${formatRecord(record)}\n`); } };
}
