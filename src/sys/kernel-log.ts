/** The kernel's log, read record by record (/dev/kmsg). */
import { constants, readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { isErrno } from './files.ts';

export interface KernelRecord { readonly atMs: number; readonly text: string }

/** Longer than any record. */
const recordBytes = 8192;
/** A log that is written faster than it is read ends a look all the same. */
const recordsAtOnce = 5000;

/** Pure: `6,339,5140900,-;text`, then lines of further fields, which begin with a blank. */
export function parseRecord(raw: string): KernelRecord | undefined {
  const [, microseconds, text] = /^\d+,\d+,(\d+),[^;]*;([^\n]*)/.exec(raw) ?? [];
  return microseconds === undefined || text === undefined ? undefined : { atMs: Number(microseconds) / 1000, text };
}

/** Each look gives what has come since the last one; the first, all that the kernel still has. */
export class KernelLog {
  readonly #path: string;
  #device: FileHandle | undefined;

  constructor(path = '/dev/kmsg') { this.#path = path; }

  async look(): Promise<KernelRecord[]> {
    this.#device ??= await open(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found: KernelRecord[] = [];
    const buffer = Buffer.alloc(recordBytes);
    // At once, for it never waits (O_NONBLOCK): a thread for each record took 2.5 s of a boot, emulated.
    for (let count = 0; count < recordsAtOnce; count += 1) {
      try {
        const bytesRead = readSync(this.#device.fd, buffer, 0, recordBytes, null);
        if (bytesRead === 0) break;
        const record = parseRecord(buffer.toString('utf8', 0, bytesRead));
        if (record !== undefined) found.push(record);
      } catch (error) {
        if (isErrno(error, 'EPIPE')) continue; // what was to come next has been overwritten
        if (isErrno(error, 'EAGAIN')) break;
        throw error;
      }
    }
    return found;
  }
}
